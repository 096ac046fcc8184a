#include "promql/token.h"

#include <array>
#include <utility>

#include "model/go_quote.h"

namespace thanos::promql {

bool TakesParameter(TokenKind aggregator) {
  switch (aggregator) {
    case TokenKind::kTopk:
    case TokenKind::kBottomk:
    case TokenKind::kCountValues:
    case TokenKind::kQuantile:
    case TokenKind::kLimitk:
    case TokenKind::kLimitRatio:
      return true;
    default:
      return false;
  }
}

int LevelOf(TokenKind kind) {
  switch (kind) {
    case TokenKind::kOr:
      return 1;
    case TokenKind::kAnd:
    case TokenKind::kUnless:
      return 2;
    case TokenKind::kAdd:
    case TokenKind::kSub:
      return 4;
    case TokenKind::kMul:
    case TokenKind::kDiv:
    case TokenKind::kMod:
    case TokenKind::kAtan2:
      return kUnaryLevel;
    case TokenKind::kPow:
      return kPowLevel;
    default:
      break;
  }
  return IsComparison(kind) || IsTrim(kind) ? 3 : 0;
}

bool NamesMetric(TokenKind kind) {
  switch (kind) {
    case TokenKind::kIdentifier:
    case TokenKind::kMetricIdentifier:
    case TokenKind::kBy:
    case TokenKind::kWithout:
    case TokenKind::kOffset:
    case TokenKind::kAnd:
    case TokenKind::kOr:
    case TokenKind::kUnless:
    case TokenKind::kAnchored:
    case TokenKind::kSmoothed:
    case TokenKind::kFill:
    case TokenKind::kFillLeft:
    case TokenKind::kFillRight:
      return true;
    default:
      return IsAggregator(kind) || IsFunctionWord(kind);
  }
}

bool NamesLabel(TokenKind kind) {
  switch (kind) {
    case TokenKind::kBool:
    case TokenKind::kGroupLeft:
    case TokenKind::kGroupRight:
    case TokenKind::kIgnoring:
    case TokenKind::kOn:
    case TokenKind::kAtan2:
      return true;
    case TokenKind::kWithout:
      return false;
    default:
      return NamesMetric(kind);
  }
}

bool StartsExpr(TokenKind kind) {
  switch (kind) {
    case TokenKind::kNumber:
    case TokenKind::kDuration:
    case TokenKind::kString:
    case TokenKind::kLeftParen:
    case TokenKind::kLeftBrace:
    case TokenKind::kAdd:
    case TokenKind::kSub:
      return true;
    default:
      return NamesMetric(kind);
  }
}

std::string_view Spelling(TokenKind kind) {
  constexpr std::array<std::pair<TokenKind, std::string_view>, 56> kSpellings{{
      {TokenKind::kLeftParen, "("},
      {TokenKind::kRightParen, ")"},
      {TokenKind::kLeftBrace, "{"},
      {TokenKind::kRightBrace, "}"},
      {TokenKind::kLeftBracket, "["},
      {TokenKind::kRightBracket, "]"},
      {TokenKind::kComma, ","},
      {TokenKind::kColon, ":"},
      {TokenKind::kEqual, "="},
      {TokenKind::kAt, "@"},
      {TokenKind::kAdd, "+"},
      {TokenKind::kSub, "-"},
      {TokenKind::kMul, "*"},
      {TokenKind::kDiv, "/"},
      {TokenKind::kMod, "%"},
      {TokenKind::kPow, "^"},
      {TokenKind::kAtan2, "atan2"},
      {TokenKind::kEqualEqual, "=="},
      {TokenKind::kNotEqual, "!="},
      {TokenKind::kLess, "<"},
      {TokenKind::kLessEqual, "<="},
      {TokenKind::kGreater, ">"},
      {TokenKind::kGreaterEqual, ">="},
      {TokenKind::kTrimUpper, "</"},
      {TokenKind::kTrimLower, ">/"},
      {TokenKind::kRegexMatch, "=~"},
      {TokenKind::kRegexNoMatch, "!~"},
      {TokenKind::kAnd, "and"},
      {TokenKind::kOr, "or"},
      {TokenKind::kUnless, "unless"},
      {TokenKind::kSum, "sum"},
      {TokenKind::kAvg, "avg"},
      {TokenKind::kCount, "count"},
      {TokenKind::kMin, "min"},
      {TokenKind::kMax, "max"},
      {TokenKind::kGroup, "group"},
      {TokenKind::kStddev, "stddev"},
      {TokenKind::kStdvar, "stdvar"},
      {TokenKind::kTopk, "topk"},
      {TokenKind::kBottomk, "bottomk"},
      {TokenKind::kCountValues, "count_values"},
      {TokenKind::kQuantile, "quantile"},
      {TokenKind::kLimitk, "limitk"},
      {TokenKind::kLimitRatio, "limit_ratio"},
      {TokenKind::kOffset, "offset"},
      {TokenKind::kBy, "by"},
      {TokenKind::kWithout, "without"},
      {TokenKind::kOn, "on"},
      {TokenKind::kIgnoring, "ignoring"},
      {TokenKind::kGroupLeft, "group_left"},
      {TokenKind::kGroupRight, "group_right"},
      {TokenKind::kStart, "start"},
      {TokenKind::kStep, "step"},
      {TokenKind::kRange, "range"},
      {TokenKind::kMaxOf, "max_of"},
      {TokenKind::kMinOf, "min_of"},
  }};
  for (const auto& [spelled, text] : kSpellings) {
    if (spelled == kind) return text;
  }
  return "";
}

namespace {

// Cut to ten characters, as the messages show long tokens.
std::string Shortened(std::string_view text) {
  if (text.size() <= 10) return model::GoQuoted(text);
  size_t end = 0;
  for (int runes = 0; runes < 10 && end < text.size(); ++runes) {
    ++end;
    while (end < text.size() && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) ++end;
  }
  return model::GoQuoted(text.substr(0, end)) + "...";
}

}  // namespace

std::string Describe(const Token& token) {
  const std::string text(token.text);
  switch (token.kind) {
    case TokenKind::kEof:
      return "end of input";
    case TokenKind::kError:
      return text;
    case TokenKind::kIdentifier:
      return "identifier " + model::GoQuoted(text);
    case TokenKind::kMetricIdentifier:
      return "metric identifier " + model::GoQuoted(text);
    case TokenKind::kNumber:
      return "number " + Shortened(text);
    case TokenKind::kDuration:
      return "duration " + Shortened(text);
    case TokenKind::kString:
      return "string " + Shortened(text);
    default:
      break;
  }
  if (IsKeyword(token.kind)) return "<" + text + ">";
  if (IsOperator(token.kind)) return "<op:" + text + ">";
  if (IsAggregator(token.kind)) return "<aggr:" + text + ">";
  return Shortened(text);
}

}  // namespace thanos::promql
