// Selectors, and the modifiers that follow an expression: offset, @, anchored, brackets.
#include <cmath>
#include <cstdio>

#include "base/json_text.h"
#include "model/go_quote.h"
#include "promql/expression_parser.h"
#include "promql/functions.h"

namespace thanos::promql {

using model::GoQuoted;

std::unique_ptr<VectorSelector> Parser::ParseVectorSelector(const Token* name) {
  Token taken;
  if (name == nullptr && NamesMetric(Kind())) {
    taken = Take();
    name = &taken;
  }
  auto node = Make<VectorSelector>(name != nullptr ? name->begin : Current().begin);
  if (TakeIf(TokenKind::kLeftBrace)) ParseMatchers(*node);
  if (failed_) return nullptr;
  if (name != nullptr) {
    node->name = name->text;
    node->matchers.push_back(model::Matcher::Equal(std::string(kMetricName), node->name));
  }
  node->range.end = last_end_;
  return node;
}

void Parser::ParseMatchers(VectorSelector& node) {
  constexpr std::string_view kIn = "label matching";
  while (!TakeIf(TokenKind::kRightBrace)) {
    const TokenKind kind = Kind();
    if (kind != TokenKind::kIdentifier && kind != TokenKind::kString) {
      Unexpected(kIn, "identifier or \"}\"");
      return;
    }
    const Token label = Take();
    std::string name = kind == TokenKind::kString ? Unquote(label.text) : std::string(label.text);
    if (const std::optional<model::MatchType> type = TakeMatchType()) {
      if (Kind() != TokenKind::kString) {
        Unexpected(kIn, "string");
        return;
      }
      Result<model::Matcher> matcher =
          model::Matcher::Make(*type, std::move(name), Unquote(Take().text));
      if (matcher.ok()) {
        node.matchers.push_back(std::move(*matcher));
      } else {
        Record(label.begin, std::string(matcher.status().message()));
      }
    } else if (failed_) {
      return;
    } else if (kind == TokenKind::kString) {
      node.matchers.push_back(model::Matcher::Equal(std::string(kMetricName), std::move(name)));
    } else {
      Unexpected(kIn, "label matching operator");
      return;
    }
    if (TakeIf(TokenKind::kComma)) continue;
    if (Kind() != TokenKind::kRightBrace) {
      Unexpected(kIn, "\",\" or \"}\"");
      return;
    }
  }
}

std::optional<model::MatchType> Parser::TakeMatchType() {
  switch (Kind()) {
    case TokenKind::kEqual:
      Take();
      return model::MatchType::kEqual;
    case TokenKind::kNotEqual:
      Take();
      return model::MatchType::kNotEqual;
    case TokenKind::kRegexMatch:
      Take();
      return model::MatchType::kRegex;
    case TokenKind::kRegexNoMatch:
      Take();
      return model::MatchType::kNotRegex;
    default:
      return std::nullopt;
  }
}

TimeModifiers* Parser::TimeOf(Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kVector:
      return &As<VectorSelector>(expr).time;
    case ExprKind::kMatrix:
      return &As<MatrixSelector>(expr).selector->time;
    case ExprKind::kSubquery:
      return &As<Subquery>(expr).time;
    default:
      return nullptr;
  }
}

void Parser::ParseOffset(Expr& expr) {
  Take();
  const ContextScope scope(this, {"offset", kDurationWanted});
  std::unique_ptr<DurationExpr> duration = ParseOffsetDuration();
  if (failed_) return;
  expr.range.end = last_end_;
  TimeModifiers* time = TimeOf(expr);
  if (time == nullptr) return Record(expr.range.begin, "offset" + std::string(kMisplaced));
  if (time->offset_ms != 0 || time->offset_expr != nullptr) {
    return Record(expr.range.begin, "offset may not be set multiple times");
  }
  Settle(std::move(duration), &time->offset_ms, &time->offset_expr);
}

void Parser::ParseAt(Expr& expr) {
  Take();
  const ContextScope scope(this, {"@", "timestamp"});
  AtAnchor anchor = AtAnchor::kNone;
  double seconds = 0;
  if (Kind() == TokenKind::kStart || Kind() == TokenKind::kEnd) {
    anchor = Take().kind == TokenKind::kStart ? AtAnchor::kStart : AtAnchor::kEnd;
    if (!Need(TokenKind::kLeftParen) || !Need(TokenKind::kRightParen)) return;
  } else {
    seconds = ParseSignedNumber();
    if (failed_) return;
  }
  expr.range.end = last_end_;
  if (anchor == AtAnchor::kNone && !(std::fabs(seconds) < 9223372036854775807.0)) {
    std::string text = std::isnan(seconds) ? "NaN" : seconds > 0 ? "+Inf" : "-Inf";
    if (std::isfinite(seconds)) {
      char buffer[400];
      std::snprintf(buffer, sizeof(buffer), "%f", seconds);
      text = buffer;
    }
    return Record(expr.range.begin, "timestamp out of bounds for @ modifier: " + text);
  }
  TimeModifiers* time = TimeOf(expr);
  if (time == nullptr) return Record(expr.range.begin, "@" + std::string(kMisplaced));
  if (time->has_at()) {
    return Record(expr.range.begin, "@ <timestamp> may not be set multiple times");
  }
  time->anchor = anchor;
  if (anchor == AtAnchor::kNone) {
    const double ms = std::round(seconds * 1000);
    time->at_ms = ms >= 9223372036854775807.0    ? INT64_MAX
                  : ms <= -9223372036854775808.0 ? INT64_MIN
                                                 : static_cast<int64_t>(ms);
  }
}

void Parser::ParseExtension(Expr& expr) {
  const Token token = Take();
  const bool anchored = token.kind == TokenKind::kAnchored;
  const std::string name = anchored ? "anchored" : "smoothed";
  expr.range.end = last_end_;
  if (!options_.extended_range_selectors) {
    return Record(expr.range.begin, name + " modifier is experimental and not enabled");
  }
  VectorSelector* selector = nullptr;
  if (expr.kind == ExprKind::kVector) selector = &As<VectorSelector>(expr);
  if (expr.kind == ExprKind::kMatrix) selector = As<MatrixSelector>(expr).selector.get();
  if (selector == nullptr) {
    return Record(expr.range.begin, name + (expr.kind == ExprKind::kSubquery
                                                ? " modifier is not supported for subqueries"
                                                : " modifier not implemented"));
  }
  const Extension extension = anchored ? Extension::kAnchored : Extension::kSmoothed;
  if (selector->extension != Extension::kNone && selector->extension != extension) {
    return Record(expr.range.begin, "anchored and smoothed modifiers cannot be used together");
  }
  selector->extension = extension;
}

ExprPtr Parser::ParseBrackets(ExprPtr expr) {
  const Token bracket = Take();
  std::unique_ptr<DurationExpr> window;
  {
    const ContextScope scope(this, {"subquery or range selector", kDurationWanted});
    window = ParsePositiveDuration();
  }
  if (failed_) return nullptr;
  if (TakeIf(TokenKind::kRightBracket)) {
    return MakeMatrix(std::move(expr), bracket, std::move(window));
  }
  if (!TakeIf(TokenKind::kColon)) return Unexpected("subquery or range", "\":\" or \"]\"");
  auto node = Make<Subquery>(expr->range.begin);
  Settle(std::move(window), &node->window_ms, &node->window_expr);
  if (Kind() != TokenKind::kRightBracket) {
    const ContextScope scope(this,
                             {"subquery selector", "number, duration, step(), range(), or \"]\""});
    Settle(ParsePositiveDuration(), &node->step_ms, &node->step_expr);
    if (failed_) return nullptr;
  }
  if (failed_) return nullptr;
  if (!TakeIf(TokenKind::kRightBracket)) return Unexpected("subquery selector", "\"]\"");
  node->inner = std::move(expr);
  Adopt(*node, *node->inner);
  return Finish(std::move(node));
}

ExprPtr Parser::MakeMatrix(ExprPtr expr, const Token& bracket,
                           std::unique_ptr<DurationExpr> window) {
  auto node = Make<MatrixSelector>(expr->range.begin);
  if (expr->kind != ExprKind::kVector) {
    Record(bracket.begin, "ranges only allowed for vector selectors");
    return expr;
  }
  node->selector.reset(static_cast<VectorSelector*>(expr.release()));
  const TimeModifiers& time = node->selector->time;
  if (time.offset_ms != 0 || time.offset_expr != nullptr) {
    Record(bracket.begin, "no offset modifiers allowed before range");
  } else if (time.has_at()) {
    Record(bracket.begin, "no @ modifiers allowed before range");
  }
  Settle(std::move(window), &node->window_ms, &node->window_expr);
  return Finish(std::move(node));
}

}  // namespace thanos::promql
