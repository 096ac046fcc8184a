// The parser's inside: one class, whose functions lie in parser.cc (expressions),
// selector_parser.cc (selectors and what modifies them) and duration_parser.cc. Private to the
// room.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "promql/ast.h"
#include "promql/parser.h"
#include "promql/token_stream.h"
#include "thanos/status.h"

namespace thanos::promql {

/// What a duration may begin with, for error texts.
inline constexpr std::string_view kDurationWanted = "number, duration, step(), or range()";

/// Go's conversion of seconds: round(s * 1e9) ns, which must fit; cut to milliseconds.
bool SecondsToMs(double seconds, int64_t* ms);

// Recursive descent over one token of look-ahead. After a syntax error (failed_) every function
// returns at once.
class Parser : private TokenStream {
 public:
  Parser(std::string_view text, const ParserOptions& options)
      : TokenStream(text), options_(options) {}
  Result<ExprPtr> ParseQuery();
  Result<model::Matchers> ParseSelectorOnly();

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
  ExprPtr ParseExpr(int least_level);
  ExprPtr ParseBinaryRest(ExprPtr lhs, int level);
  // bool, on/ignoring, group_left/group_right, fill. Returns whether there is a fill.
  bool ParseBinaryModifiers(Binary& node);
  double ParseFillValue();
  // A number or duration with at most one sign.
  double ParseSignedNumber();
  // A primary with its postfix modifiers, or a sign and its operand.
  ExprPtr ParseOperand();
  ExprPtr ParsePrimary();
  double NumberOf(const Token& token);
  // Integers by their prefix first (a leading 0 is octal), then floats.
  static Result<double> ParseNumber(std::string_view text);
  // Names of labels in parentheses.
  std::vector<std::string> ParseLabelList();
  // "(" [expr {"," expr}] ")"
  std::vector<ExprPtr> ParseArguments();
  ExprPtr ParseCall(const Token& name);
  ExprPtr ParseAggregate(const Token& op);
  bool ParseGrouping(Aggregate& node);
  void Finish(Aggregate& node, std::vector<ExprPtr> args);

  // Selectors.
  std::unique_ptr<VectorSelector> ParseVectorSelector(const Token* name = nullptr);
  void ParseMatchers(VectorSelector& node);
  std::optional<model::MatchType> TakeMatchType();

  // Modifiers.
  static TimeModifiers* TimeOf(Expr& expr);
  static constexpr std::string_view kMisplaced =
      " modifier must be preceded by an instant vector selector or range vector selector or a "
      "subquery";
  void ParseOffset(Expr& expr);
  void ParseAt(Expr& expr);
  void ParseExtension(Expr& expr);
  // expr "[" dur "]" and expr "[" dur ":" [dur] "]"
  ExprPtr ParseBrackets(ExprPtr expr);
  ExprPtr MakeMatrix(ExprPtr expr, const Token& bracket, std::unique_ptr<DurationExpr> window);

  // Durations.
  // A literal becomes milliseconds, all else stays an expression.
  void Settle(std::unique_ptr<DurationExpr> duration, int64_t* ms,
              std::unique_ptr<DurationExpr>* expr);
  std::unique_ptr<DurationExpr> ParsePositiveDuration();
  // One term, unless it begins with a bare parenthesis or two signs: then a whole expression, as
  // the reference's grammar has it.
  std::unique_ptr<DurationExpr> ParseOffsetDuration();
  std::unique_ptr<DurationExpr> MakeDuration(DurationExpr::Kind kind, size_t begin);
  std::unique_ptr<DurationExpr> Signed(const Token& sign, std::unique_ptr<DurationExpr> inner);
  std::unique_ptr<DurationExpr> ParseDuration(int least_level);
  std::unique_ptr<DurationExpr> ParseDurationRest(std::unique_ptr<DurationExpr> lhs,
                                                  int least_level);
  std::unique_ptr<DurationExpr> ParseDurationTerm();
  const ParserOptions options_;
  size_t nesting_ = 0;
};

}  // namespace thanos::promql
