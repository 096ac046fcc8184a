#include "promql/parser.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "base/json_text.h"
#include "base/number_text.h"
#include "base/time_text.h"
#include "model/go_quote.h"
#include "promql/check.h"
#include "promql/expression_parser.h"
#include "promql/functions.h"

namespace thanos::promql {

using model::GoQuoted;

Result<ExprPtr> Parser::ParseQuery() {
  if (text_.empty()) {
    return InvalidArgumentError("unknown position: parse error: no expression found in input");
  }
  if (Kind() == TokenKind::kEof) {
    Record(0, "no expression found in input");
    return ErrorStatus();
  }
  ExprPtr expr = ParseExpr(1);
  if (!failed_ && Kind() != TokenKind::kEof) Unexpected();
  if (has_error_) return ErrorStatus();
  CheckExpr(*expr,
            [this](SourceRange range, std::string text) { Record(range.begin, std::move(text)); });
  if (has_error_) return ErrorStatus();
  return expr;
}

Result<model::Matchers> Parser::ParseSelectorOnly() {
  std::unique_ptr<VectorSelector> selector;
  if (NamesMetric(Kind()) || Kind() == TokenKind::kLeftBrace) {
    selector = ParseVectorSelector();
  } else {
    Unexpected();
  }
  if (!failed_ && Kind() != TokenKind::kEof) Unexpected();
  if (!has_error_) {
    selector->may_match_empty = true;
    CheckExpr(*selector, [this](SourceRange range, std::string text) {
      Record(range.begin, std::move(text));
    });
  }
  if (has_error_) return ErrorStatus();
  return std::move(selector->matchers);
}

ExprPtr Parser::ParseExpr(int least_level) {
  if (++nesting_ > kNestingMax) {
    --nesting_;
    return TooDeep(Current().begin);
  }
  ExprPtr lhs = ParseOperand();
  while (!failed_) {
    const int level = LevelOf(Kind());
    if (level == 0 || level < least_level) break;
    lhs = ParseBinaryRest(std::move(lhs), level);
  }
  --nesting_;
  return failed_ ? nullptr : std::move(lhs);
}

ExprPtr Parser::ParseBinaryRest(ExprPtr lhs, int level) {
  const Token op = Take();
  auto node = Make<Binary>(lhs->range.begin);
  node->op = op.kind;
  node->op_range = {op.begin, op.end()};
  node->matching.emplace();
  const bool fill = ParseBinaryModifiers(*node);
  if (failed_) return nullptr;
  node->rhs = ParseExpr(level == kPowLevel ? level : level + 1);
  if (failed_) return nullptr;
  if (fill && !options_.fill_modifiers) {
    Record(node->range.begin, "binop fill modifiers are experimental and not enabled");
  }
  node->lhs = std::move(lhs);
  Adopt(*node, *node->lhs);
  Adopt(*node, *node->rhs);
  return Finish(std::move(node));
}

bool Parser::ParseBinaryModifiers(Binary& node) {
  node.return_bool = TakeIf(TokenKind::kBool);
  Matching& matching = *node.matching;
  if (Kind() == TokenKind::kOn || Kind() == TokenKind::kIgnoring) {
    matching.on = Take().kind == TokenKind::kOn;
    matching.labels = ParseLabelList();
    if (failed_) return false;
    if (Kind() == TokenKind::kGroupLeft || Kind() == TokenKind::kGroupRight) {
      matching.card =
          Take().kind == TokenKind::kGroupLeft ? Cardinality::kManyToOne : Cardinality::kOneToMany;
      if (Kind() == TokenKind::kLeftParen) matching.include = ParseLabelList();
    }
  }
  const TokenKind first = Kind();
  if (first == TokenKind::kFill) {
    Take();
    matching.fill_left = matching.fill_right = ParseFillValue();
    return true;
  }
  if (first != TokenKind::kFillLeft && first != TokenKind::kFillRight) return false;
  Take();
  (first == TokenKind::kFillLeft ? matching.fill_left : matching.fill_right) = ParseFillValue();
  if (failed_) return true;
  const TokenKind other =
      first == TokenKind::kFillLeft ? TokenKind::kFillRight : TokenKind::kFillLeft;
  if (TakeIf(other)) {
    (other == TokenKind::kFillLeft ? matching.fill_left : matching.fill_right) = ParseFillValue();
  }
  return true;
}

double Parser::ParseFillValue() {
  if (!Need(TokenKind::kLeftParen)) return 0;
  const double value = ParseSignedNumber();
  if (!failed_) Need(TokenKind::kRightParen);
  return value;
}

double Parser::ParseSignedNumber() {
  bool negative = false;
  if (IsSign(Kind())) negative = Take().kind == TokenKind::kSub;
  if (Kind() != TokenKind::kNumber && Kind() != TokenKind::kDuration) {
    Unexpected();
    return 0;
  }
  const double value = NumberOf(Take());
  return negative ? -value : value;
}

ExprPtr Parser::ParseOperand() {
  if (IsSign(Kind())) {
    const Token sign = Take();
    ExprPtr inner = ParseExpr(kUnaryLevel + 1);
    if (failed_) return nullptr;
    if (inner->kind == ExprKind::kNumber) {
      NumberLiteral& number = As<NumberLiteral>(*inner);
      if (sign.kind == TokenKind::kSub) number.value = -number.value;
      number.range.begin = sign.begin;
      return inner;
    }
    auto node = Make<Unary>(sign.begin);
    node->negate = sign.kind == TokenKind::kSub;
    node->inner = std::move(inner);
    Adopt(*node, *node->inner);
    return Finish(std::move(node));
  }
  ExprPtr expr = ParsePrimary();
  while (!failed_) {
    switch (Kind()) {
      case TokenKind::kLeftBracket:
        expr = ParseBrackets(std::move(expr));
        break;
      case TokenKind::kOffset:
        ParseOffset(*expr);
        break;
      case TokenKind::kAt:
        ParseAt(*expr);
        break;
      case TokenKind::kAnchored:
      case TokenKind::kSmoothed:
        ParseExtension(*expr);
        break;
      default:
        return expr;
    }
  }
  return nullptr;
}

ExprPtr Parser::ParsePrimary() {
  const TokenKind kind = Kind();
  switch (kind) {
    case TokenKind::kNumber:
    case TokenKind::kDuration: {
      const Token token = Take();
      auto node = Make<NumberLiteral>(token.begin);
      node->value = NumberOf(token);
      node->written_as_duration = kind == TokenKind::kDuration;
      return Finish(std::move(node));
    }
    case TokenKind::kString: {
      const Token token = Take();
      auto node = Make<StringLiteral>(token.begin);
      node->value = Unquote(token.text);
      return Finish(std::move(node));
    }
    case TokenKind::kLeftParen: {
      auto node = Make<Paren>(Take().begin);
      node->inner = ParseExpr(1);
      if (failed_ || !Need(TokenKind::kRightParen)) return nullptr;
      Adopt(*node, *node->inner);
      return Finish(std::move(node));
    }
    case TokenKind::kLeftBrace:
      return ParseVectorSelector();
    default:
      break;
  }
  if (!NamesMetric(kind)) return Unexpected();
  const Token name = Take();
  const TokenKind next = Kind();
  if (IsAggregator(kind) &&
      (next == TokenKind::kLeftParen || next == TokenKind::kBy || next == TokenKind::kWithout)) {
    return ParseAggregate(name);
  }
  if (next == TokenKind::kLeftParen && (kind == TokenKind::kIdentifier || IsFunctionWord(kind))) {
    return ParseCall(name);
  }
  return ParseVectorSelector(&name);
}

double Parser::NumberOf(const Token& token) {
  const std::string text(token.text);
  if (token.kind == TokenKind::kDuration) {
    const Result<int64_t> ns = base::ParsePromDuration(text);
    if (ns.ok()) return static_cast<double>(*ns) / 1e9;
    Record(token.begin, std::string(ns.status().message()));
    return 0;
  }
  const Result<double> value = ParseNumber(text);
  if (value.ok()) return *value;
  Record(token.begin, "error parsing number: " + std::string(value.status().message()));
  return 0;
}

Result<double> Parser::ParseNumber(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != '_') digits += c;
  }
  const bool underscores = digits.size() != text.size();
  uint64_t base = 10;
  size_t at = 0;
  if (digits.size() > 1 && digits[0] == '0') {
    const bool hex = digits[1] == 'x' || digits[1] == 'X';
    base = hex ? 16 : 8;
    at = hex ? 2 : 1;
  }
  // Go takes underscores in integers only behind a prefix, and the lexer any; the float parser
  // gets them removed.
  uint64_t value = 0;
  bool integer = at < digits.size();
  for (; integer && at < digits.size(); ++at) {
    const char c = digits[at];
    uint64_t digit = 99;
    if (c >= '0' && c <= '9') digit = static_cast<uint64_t>(c - '0');
    if (base == 16 && c >= 'a' && c <= 'f') digit = static_cast<uint64_t>(c - 'a') + 10;
    if (base == 16 && c >= 'A' && c <= 'F') digit = static_cast<uint64_t>(c - 'A') + 10;
    integer = digit < base && value <= (static_cast<uint64_t>(INT64_MAX) - digit) / base;
    value = value * base + digit;
  }
  if (integer) return static_cast<double>(value);
  return base::ParseGoFloat(underscores ? std::string_view(digits) : text);
}

std::vector<std::string> Parser::ParseLabelList() {
  std::vector<std::string> labels;
  if (!TakeIf(TokenKind::kLeftParen)) {
    Unexpected("grouping opts", "\"(\"");
    return labels;
  }
  while (!TakeIf(TokenKind::kRightParen)) {
    if (Kind() == TokenKind::kString) {
      const Token token = Take();
      labels.push_back(Unquote(token.text));
      if (labels.back().empty() || !base::IsValidUtf8(labels.back())) {
        Record(token.begin, "invalid label name for grouping: " + GoQuoted(labels.back()));
      }
    } else if (NamesLabel(Kind())) {
      labels.emplace_back(Take().text);
    } else {
      Unexpected("grouping opts", "label");
      return labels;
    }
    if (TakeIf(TokenKind::kComma)) continue;
    if (Kind() != TokenKind::kRightParen) {
      Unexpected("grouping opts", "\",\" or \")\"");
      return labels;
    }
  }
  return labels;
}

std::vector<ExprPtr> Parser::ParseArguments() {
  std::vector<ExprPtr> args;
  if (!Need(TokenKind::kLeftParen) || TakeIf(TokenKind::kRightParen)) return args;
  while (true) {
    args.push_back(ParseExpr(1));
    if (failed_) return args;
    if (Kind() != TokenKind::kComma) break;
    const Token comma = Take();
    if (!StartsExpr(Kind())) {
      Record(comma.begin, "trailing commas not allowed in function call args");
      failed_ = true;
      return args;
    }
  }
  Need(TokenKind::kRightParen);
  return args;
}

ExprPtr Parser::ParseCall(const Token& name) {
  auto node = Make<Call>(name.begin);
  node->args_begin = Current().begin;
  node->args = ParseArguments();
  if (failed_) return nullptr;
  node->function = FindFunction(name.text);
  if (node->function == nullptr || (node->function->extended && !options_.x_functions)) {
    Record(name.begin, "unknown function with name " + GoQuoted(name.text));
    failed_ = true;  // The tree cannot go on without; the first error is told already.
    return nullptr;
  }
  if (node->function->experimental && !options_.experimental_functions) {
    Record(name.begin, "function " + GoQuoted(name.text) + " is not enabled");
  }
  for (const ExprPtr& arg : node->args) Adopt(*node, *arg);
  return Finish(std::move(node));
}

ExprPtr Parser::ParseAggregate(const Token& op) {
  auto node = Make<Aggregate>(op.begin);
  node->op = op.kind;
  const ContextScope scope(this, {"aggregation", ""});
  bool grouped = ParseGrouping(*node);
  if (failed_) return nullptr;
  std::vector<ExprPtr> args = ParseArguments();
  if (failed_) return nullptr;
  if (!grouped) ParseGrouping(*node);
  if (failed_) return nullptr;
  Finish(*node, std::move(args));
  return node;
}

bool Parser::ParseGrouping(Aggregate& node) {
  if (Kind() != TokenKind::kBy && Kind() != TokenKind::kWithout) return false;
  node.without = Take().kind == TokenKind::kWithout;
  node.grouping = ParseLabelList();
  return true;
}

void Parser::Finish(Aggregate& node, std::vector<ExprPtr> args) {
  node.range.end = last_end_;
  if (args.empty()) {
    return Record(node.range.begin, "no arguments for aggregate expression provided");
  }
  const bool experimental = node.op == TokenKind::kLimitk || node.op == TokenKind::kLimitRatio;
  if (experimental && !options_.experimental_functions) {
    return Record(node.range.begin, std::string(Spelling(node.op)) +
                                        "() is experimental and must be enabled with "
                                        "--enable-feature=promql-experimental-functions");
  }
  const size_t wanted = TakesParameter(node.op) ? 2 : 1;
  if (args.size() != wanted) {
    return Record(node.range.begin,
                  "wrong number of arguments for aggregate expression provided, expected " +
                      std::to_string(wanted) + ", got " + std::to_string(args.size()));
  }
  node.inner = std::move(args.back());
  if (wanted == 2) node.param = std::move(args.front());
  Adopt(node, *node.inner);
  if (node.param != nullptr) Adopt(node, *node.param);
}

std::string LineAndColumn(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const size_t newline = before.rfind('\n');
  const size_t column = newline == std::string_view::npos ? offset + 1 : offset - newline;
  return std::to_string(lines + 1) + ":" + std::to_string(column);
}

Result<ExprPtr> Parse(std::string_view text, const ParserOptions& options) {
  return Parser(text, options).ParseQuery();
}

Result<model::Matchers> ParseSelector(std::string_view text) {
  return Parser(text, {}).ParseSelectorOnly();
}

}  // namespace thanos::promql
