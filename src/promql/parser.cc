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
#include "promql/functions.h"
#include "promql/token_stream.h"

namespace thanos::promql {
namespace {

using model::GoQuoted;

// Go's conversion of seconds: round(s * 1e9) ns, which must fit; cut to milliseconds.
bool SecondsToMs(double seconds, int64_t* ms) {
  const double ns = std::round(seconds * 1e9);
  if (!(std::fabs(ns) < 9223372036854775808.0)) return false;
  *ms = static_cast<int64_t>(ns) / 1000000;
  return true;
}

constexpr std::string_view kDurationWanted = "number, duration, step(), or range()";

// Recursive descent over one token of look-ahead. After a syntax error (failed_) every function
// returns at once.
class Parser : private TokenStream {
 public:
  Parser(std::string_view text, const ParserOptions& options)
      : TokenStream(text), options_(options) {}

  Result<ExprPtr> ParseQuery() {
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
    CheckExpr(*expr, [this](SourceRange range, std::string text) {
      Record(range.begin, std::move(text));
    });
    if (has_error_) return ErrorStatus();
    return expr;
  }

  Result<model::Matchers> ParseSelectorOnly() {
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

 private:
  // Nodes.

  template <typename T>
  std::unique_ptr<T> Make(size_t begin) {
    auto node = std::make_unique<T>();
    node->range.begin = static_cast<uint32_t>(begin);
    return node;
  }
  void Adopt(Expr& parent, const Expr& child) {
    parent.depth = std::max(parent.depth, child.depth + 1);
    if (parent.depth > kTreeDepthMax) TooDeep(parent.range.begin, kTreeDepthMax);
  }
  std::nullptr_t TooDeep(size_t at, size_t limit = kNestingMax) {
    Record(at, "expression is nested too deeply: more than " + std::to_string(limit) + " levels");
    failed_ = true;
    return nullptr;
  }
  ExprPtr Finish(ExprPtr node) {
    node->range.end = last_end_;
    return node;
  }

  // Expressions.

  ExprPtr ParseExpr(int least_level) {
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

  ExprPtr ParseBinaryRest(ExprPtr lhs, int level) {
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

  // bool, on/ignoring, group_left/group_right, fill. Returns whether there is a fill.
  bool ParseBinaryModifiers(Binary& node) {
    node.return_bool = TakeIf(TokenKind::kBool);
    Matching& matching = *node.matching;
    if (Kind() == TokenKind::kOn || Kind() == TokenKind::kIgnoring) {
      matching.on = Take().kind == TokenKind::kOn;
      matching.labels = ParseLabelList();
      if (failed_) return false;
      if (Kind() == TokenKind::kGroupLeft || Kind() == TokenKind::kGroupRight) {
        matching.card = Take().kind == TokenKind::kGroupLeft ? Cardinality::kManyToOne
                                                             : Cardinality::kOneToMany;
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

  double ParseFillValue() {
    if (!Need(TokenKind::kLeftParen)) return 0;
    const double value = ParseSignedNumber();
    if (!failed_) Need(TokenKind::kRightParen);
    return value;
  }

  // A number or duration with at most one sign.
  double ParseSignedNumber() {
    bool negative = false;
    if (IsSign(Kind())) negative = Take().kind == TokenKind::kSub;
    if (Kind() != TokenKind::kNumber && Kind() != TokenKind::kDuration) {
      Unexpected();
      return 0;
    }
    const double value = NumberOf(Take());
    return negative ? -value : value;
  }

  // A primary with its postfix modifiers, or a sign and its operand.
  ExprPtr ParseOperand() {
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

  ExprPtr ParsePrimary() {
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

  double NumberOf(const Token& token) {
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

  // Integers by their prefix first (a leading 0 is octal), then floats.
  static Result<double> ParseNumber(std::string_view text) {
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

  // Names of labels in parentheses.
  std::vector<std::string> ParseLabelList() {
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

  // "(" [expr {"," expr}] ")"
  std::vector<ExprPtr> ParseArguments() {
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

  ExprPtr ParseCall(const Token& name) {
    auto node = Make<Call>(name.begin);
    node->args_begin = Current().begin;
    node->args = ParseArguments();
    if (failed_) return nullptr;
    node->function = FindFunction(name.text);
    if (node->function == nullptr) {
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

  ExprPtr ParseAggregate(const Token& op) {
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

  bool ParseGrouping(Aggregate& node) {
    if (Kind() != TokenKind::kBy && Kind() != TokenKind::kWithout) return false;
    node.without = Take().kind == TokenKind::kWithout;
    node.grouping = ParseLabelList();
    return true;
  }

  void Finish(Aggregate& node, std::vector<ExprPtr> args) {
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

  // Selectors.

  std::unique_ptr<VectorSelector> ParseVectorSelector(const Token* name = nullptr) {
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

  void ParseMatchers(VectorSelector& node) {
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

  std::optional<model::MatchType> TakeMatchType() {
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

  // Modifiers.

  static TimeModifiers* TimeOf(Expr& expr) {
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
  static constexpr std::string_view kMisplaced =
      " modifier must be preceded by an instant vector selector or range vector selector or a "
      "subquery";

  void ParseOffset(Expr& expr) {
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

  void ParseAt(Expr& expr) {
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

  void ParseExtension(Expr& expr) {
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

  // expr "[" dur "]" and expr "[" dur ":" [dur] "]"
  ExprPtr ParseBrackets(ExprPtr expr) {
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
      const ContextScope scope(
          this, {"subquery selector", "number, duration, step(), range(), or \"]\""});
      Settle(ParsePositiveDuration(), &node->step_ms, &node->step_expr);
      if (failed_) return nullptr;
    }
    if (failed_) return nullptr;
    if (!TakeIf(TokenKind::kRightBracket)) return Unexpected("subquery selector", "\"]\"");
    node->inner = std::move(expr);
    Adopt(*node, *node->inner);
    return Finish(std::move(node));
  }

  ExprPtr MakeMatrix(ExprPtr expr, const Token& bracket, std::unique_ptr<DurationExpr> window) {
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

  // Durations.

  // A literal becomes milliseconds, all else stays an expression.
  void Settle(std::unique_ptr<DurationExpr> duration, int64_t* ms,
              std::unique_ptr<DurationExpr>* expr) {
    if (duration == nullptr) return;
    if (duration->kind == DurationExpr::Kind::kLiteral) {
      if (!SecondsToMs(duration->seconds, ms)) {
        Record(duration->range.begin, "duration out of range");
      }
      return;
    }
    if (!options_.duration_expressions) {
      Record(duration->range.begin, "experimental duration expression is not enabled");
    }
    *expr = std::move(duration);
  }

  std::unique_ptr<DurationExpr> ParsePositiveDuration() {
    std::unique_ptr<DurationExpr> duration = ParseDuration(1);
    if (failed_) return nullptr;
    if (duration->kind == DurationExpr::Kind::kLiteral && !(duration->seconds > 0)) {
      Record(duration->range.begin, "duration must be greater than 0");
    }
    return duration;
  }

  // One term, unless it begins with a bare parenthesis or two signs: then a whole expression, as
  // the reference's grammar has it.
  std::unique_ptr<DurationExpr> ParseOffsetDuration() {
    if (Kind() == TokenKind::kLeftParen) return ParseDuration(1);
    if (!IsSign(Kind())) return ParseDurationTerm();
    const Token sign = Take();
    if (!IsSign(Kind())) {
      std::unique_ptr<DurationExpr> term = ParseDurationTerm();
      return failed_ ? nullptr : Signed(sign, std::move(term));
    }
    std::unique_ptr<DurationExpr> inner = ParseDuration(kUnaryLevel + 1);
    if (failed_) return nullptr;
    return ParseDurationRest(Signed(sign, std::move(inner)), 1);
  }

  std::unique_ptr<DurationExpr> MakeDuration(DurationExpr::Kind kind, size_t begin) {
    auto node = std::make_unique<DurationExpr>();
    node->kind = kind;
    node->range = {static_cast<uint32_t>(begin), last_end_};
    return node;
  }

  std::unique_ptr<DurationExpr> Signed(const Token& sign, std::unique_ptr<DurationExpr> inner) {
    const bool negative = sign.kind == TokenKind::kSub;
    if (inner->kind == DurationExpr::Kind::kLiteral) {
      if (negative) inner->seconds = -inner->seconds;
      inner->range.begin = sign.begin;
      return inner;
    }
    if (!negative) return inner;
    auto node = MakeDuration(DurationExpr::Kind::kNegate, sign.begin);
    node->rhs = std::move(inner);
    return node;
  }

  std::unique_ptr<DurationExpr> ParseDuration(int least_level) {
    if (++nesting_ > kNestingMax) {
      --nesting_;
      return TooDeep(Current().begin);
    }
    std::unique_ptr<DurationExpr> lhs;
    if (IsSign(Kind())) {
      const Token sign = Take();
      lhs = ParseDuration(kUnaryLevel + 1);
      if (!failed_) lhs = Signed(sign, std::move(lhs));
    } else {
      lhs = ParseDurationTerm();
    }
    if (!failed_) lhs = ParseDurationRest(std::move(lhs), least_level);
    --nesting_;
    return failed_ ? nullptr : std::move(lhs);
  }

  std::unique_ptr<DurationExpr> ParseDurationRest(std::unique_ptr<DurationExpr> lhs,
                                                  int least_level) {
    // Chains make the tree as deep as they are long.
    for (size_t length = 0; !failed_; ++length) {
      const TokenKind kind = Kind();
      const int level = IsOperator(kind) && kind != TokenKind::kAtan2 ? LevelOf(kind) : 0;
      if (level < 4 || level < least_level) break;
      const Token op = Take();
      std::unique_ptr<DurationExpr> rhs = ParseDuration(level == kPowLevel ? level : level + 1);
      if (failed_) return nullptr;
      if (length >= kNestingMax) return TooDeep(op.begin);
      if ((op.kind == TokenKind::kDiv || op.kind == TokenKind::kMod) &&
          rhs->kind == DurationExpr::Kind::kLiteral && rhs->seconds == 0) {
        Record(op.begin, op.kind == TokenKind::kDiv ? "division by zero" : "modulo by zero");
      }
      auto node = MakeDuration(DurationExpr::Kind::kBinary, lhs->range.begin);
      node->op = op.kind;
      node->lhs = std::move(lhs);
      node->rhs = std::move(rhs);
      lhs = std::move(node);
    }
    return failed_ ? nullptr : std::move(lhs);
  }

  std::unique_ptr<DurationExpr> ParseDurationTerm() {
    using Kind_ = DurationExpr::Kind;
    const Token token = Current();
    switch (token.kind) {
      case TokenKind::kNumber:
      case TokenKind::kDuration: {
        Take();
        auto node = MakeDuration(Kind_::kLiteral, token.begin);
        node->seconds = NumberOf(token);
        node->written_as_duration = token.kind == TokenKind::kDuration;
        return node;
      }
      case TokenKind::kLeftParen: {
        Take();
        std::unique_ptr<DurationExpr> inner = ParseDuration(1);
        if (failed_ || !Need(TokenKind::kRightParen)) return nullptr;
        if (inner->kind == Kind_::kParen) return inner;
        auto node = MakeDuration(Kind_::kParen, token.begin);
        node->rhs = std::move(inner);
        return node;
      }
      case TokenKind::kStep:
      case TokenKind::kRange: {
        Take();
        if (!Need(TokenKind::kLeftParen) || !Need(TokenKind::kRightParen)) return nullptr;
        return MakeDuration(token.kind == TokenKind::kStep ? Kind_::kStep : Kind_::kRange,
                            token.begin);
      }
      case TokenKind::kMaxOf:
      case TokenKind::kMinOf: {
        Take();
        if (!Need(TokenKind::kLeftParen)) return nullptr;
        std::unique_ptr<DurationExpr> first = ParseDuration(1);
        if (failed_ || !Need(TokenKind::kComma)) return nullptr;
        std::unique_ptr<DurationExpr> second = ParseDuration(1);
        if (failed_ || !Need(TokenKind::kRightParen)) return nullptr;
        auto node = MakeDuration(token.kind == TokenKind::kMaxOf ? Kind_::kMaxOf : Kind_::kMinOf,
                                 token.begin);
        node->lhs = std::move(first);
        node->rhs = std::move(second);
        return node;
      }
      default:
        return Unexpected();
    }
  }

  const ParserOptions options_;
  size_t nesting_ = 0;
};

}  // namespace

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
