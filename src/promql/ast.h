// The syntax tree of PromQL. Nodes own their children; positions are byte offsets into the query.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/matcher.h"
#include "promql/token.h"

namespace thanos::promql {

struct FunctionSignature;

enum class ValueType : uint8_t { kNone, kScalar, kVector, kMatrix, kString };

/// "scalar", "vector", "matrix", "string", "none".
std::string_view ValueTypeName(ValueType type);
/// As error texts say it: "instant vector", "range vector".
std::string_view ValueTypeInWords(ValueType type);

/// Half-open byte range of the source.
struct SourceRange {
  uint32_t begin = 0;
  uint32_t end = 0;
};

/// A duration that must be computed: `[5m + step()]`. Plain literals stand in the nodes themselves.
struct DurationExpr {
  enum class Kind : uint8_t { kLiteral, kParen, kNegate, kBinary, kStep, kRange, kMaxOf, kMinOf };
  Kind kind = Kind::kLiteral;
  TokenKind op = TokenKind::kEof;  // kBinary.
  double seconds = 0;              // kLiteral.
  bool written_as_duration = false;
  std::unique_ptr<DurationExpr> lhs, rhs;  // kParen and kNegate use rhs.
  SourceRange range;
};

/// `@ start()` and `@ end()`, which become timestamps before evaluation.
enum class AtAnchor : uint8_t { kNone, kStart, kEnd };

/// `offset` and `@` of a selector or subquery.
struct TimeModifiers {
  int64_t offset_ms = 0;
  std::unique_ptr<DurationExpr> offset_expr;
  std::optional<int64_t> at_ms;
  AtAnchor anchor = AtAnchor::kNone;

  bool has_at() const { return at_ms.has_value() || anchor != AtAnchor::kNone; }
};

enum class ExprKind : uint8_t {
  kNumber,
  kString,
  kVector,
  kMatrix,
  kSubquery,
  kCall,
  kAggregate,
  kBinary,
  kUnary,
  kParen,
};

struct Expr {
  explicit Expr(ExprKind k) : kind(k) {}
  virtual ~Expr() = default;
  Expr(const Expr&) = delete;
  Expr& operator=(const Expr&) = delete;

  const ExprKind kind;
  ValueType type = ValueType::kNone;  // Set by the static checks.
  uint32_t depth = 1;                 // Levels of the tree below and with this node.
  SourceRange range;
};
using ExprPtr = std::unique_ptr<Expr>;

struct NumberLiteral final : Expr {
  NumberLiteral() : Expr(ExprKind::kNumber) {}
  double value = 0;
  bool written_as_duration = false;
};

struct StringLiteral final : Expr {
  StringLiteral() : Expr(ExprKind::kString) {}
  std::string value;
};

/// What `anchored` and `smoothed` ask of the window's borders.
enum class Extension : uint8_t { kNone, kAnchored, kSmoothed };

struct VectorSelector final : Expr {
  VectorSelector() : Expr(ExprKind::kVector) {}
  std::string name;          // As written in front of the braces; "" when only inside.
  model::Matchers matchers;  // In the order of writing, that of `name` last.
  TimeModifiers time;
  Extension extension = Extension::kNone;
  bool may_match_empty = false;  // The second argument of info().
};

struct MatrixSelector final : Expr {
  MatrixSelector() : Expr(ExprKind::kMatrix) {}
  std::unique_ptr<VectorSelector> selector;
  int64_t window_ms = 0;
  std::unique_ptr<DurationExpr> window_expr;
};

struct Subquery final : Expr {
  Subquery() : Expr(ExprKind::kSubquery) {}
  ExprPtr inner;
  int64_t window_ms = 0;
  std::unique_ptr<DurationExpr> window_expr;
  int64_t step_ms = 0;  // 0: the default.
  std::unique_ptr<DurationExpr> step_expr;
  TimeModifiers time;
};

struct Call final : Expr {
  Call() : Expr(ExprKind::kCall) {}
  const FunctionSignature* function = nullptr;
  std::vector<ExprPtr> args;
  uint32_t args_begin = 0;  // Position of the opening parenthesis.
};

struct Aggregate final : Expr {
  Aggregate() : Expr(ExprKind::kAggregate) {}
  TokenKind op = TokenKind::kEof;
  ExprPtr param;  // Null unless the aggregator takes one.
  ExprPtr inner;
  std::vector<std::string> grouping;
  bool without = false;
};

enum class Cardinality : uint8_t { kOneToOne, kManyToOne, kOneToMany, kManyToMany };

struct Matching {
  Cardinality card = Cardinality::kOneToOne;
  std::vector<std::string> labels;
  bool on = false;
  std::vector<std::string> include;
  std::optional<double> fill_left, fill_right;
};

struct Binary final : Expr {
  Binary() : Expr(ExprKind::kBinary) {}
  TokenKind op = TokenKind::kEof;
  SourceRange op_range;
  ExprPtr lhs, rhs;
  bool return_bool = false;
  std::optional<Matching> matching;  // Only between two vectors.
};

struct Unary final : Expr {
  Unary() : Expr(ExprKind::kUnary) {}
  bool negate = false;
  ExprPtr inner;
};

struct Paren final : Expr {
  Paren() : Expr(ExprKind::kParen) {}
  ExprPtr inner;
};

template <typename T>
const T& As(const Expr& expr) {
  return static_cast<const T&>(expr);
}
template <typename T>
T& As(Expr& expr) {
  return static_cast<T&>(expr);
}
/// The expression without the parentheses around it.
const Expr& Unwrap(const Expr& expr);

}  // namespace thanos::promql
