#include "promql/planner.h"

#include <utility>

#include "promql/aggregate.h"
#include "promql/functions.h"
#include "promql/preprocess.h"
#include "promql/vector_binary.h"

namespace thanos::promql {

NameRule Planner::DropRule() const { return delayed() ? NameRule::kMarkDrop : NameRule::kDropNow; }

SelectorHint Planner::HintOf(const Call& call) const {
  return {std::string(call.function->name), {}, false};
}

// Vectors.

OperatorPtr Planner::Vector(const Expr& expr, const Grid& grid, const SelectorHint& hint) {
  if (grid.count > 1 && IsStepInvariant(expr)) {
    Grid first = grid;
    first.count = 1;
    return MakeRepeat(grid, VariantVector(expr, first, hint), state_);
  }
  return VariantVector(expr, grid, hint);
}

OperatorPtr Planner::VariantVector(const Expr& expr, const Grid& grid, const SelectorHint& hint) {
  switch (expr.kind) {
    case ExprKind::kVector:
      return LatestScan(As<VectorSelector>(expr), grid, hint, WindowKind::kLatest, "");
    case ExprKind::kParen:
      return Vector(*As<Paren>(expr).inner, grid, hint);
    case ExprKind::kUnary: {
      OperatorPtr inner = Vector(*As<Unary>(expr).inner, grid, hint);
      if (!As<Unary>(expr).negate) return inner;
      return MakeUnaryMinus(std::move(inner), DropRule(), state_);
    }
    case ExprKind::kBinary:
      return BinaryVector(As<Binary>(expr), grid, hint);
    case ExprKind::kAggregate:
      return AggregateVector(As<Aggregate>(expr), grid);
    default:
      return CallVector(As<Call>(expr), grid);
  }
}

OperatorPtr Planner::BinaryVector(const Binary& binary, const Grid& grid,
                                  const SelectorHint& hint) {
  const SelectorHint inner =
      state_->params.select.hints == HintStyle::kThanos ? hint : SelectorHint();
  const bool comparison = IsComparison(binary.op) && !binary.return_bool;
  const bool left_scalar = binary.lhs->type == ValueType::kScalar;
  if (left_scalar || binary.rhs->type == ValueType::kScalar) {
    const Expr& scalar = left_scalar ? *binary.lhs : *binary.rhs;
    const Expr& vector = left_scalar ? *binary.rhs : *binary.lhs;
    return MakeVectorScalar(binary.op, binary.return_bool, left_scalar, Vector(vector, grid, inner),
                            ScalarOf(scalar, grid, inner),
                            comparison || IsTrim(binary.op) ? NameRule::kKeep : DropRule(),
                            binary.range, state_);
  }
  VectorBinarySpec spec{binary.op, binary.return_bool, *binary.matching, binary.range};
  OperatorPtr lhs = Vector(*binary.lhs, grid, inner);
  OperatorPtr rhs = Vector(*binary.rhs, grid, inner);
  if (IsSetOperator(binary.op)) {
    return MakeSetOperator(std::move(spec), std::move(lhs), std::move(rhs), state_);
  }
  return MakeVectorBinary(std::move(spec), std::move(lhs), std::move(rhs), state_);
}

OperatorPtr Planner::AggregateVector(const Aggregate& aggregate, const Grid& grid) {
  const SelectorHint hint{std::string(Spelling(aggregate.op)), aggregate.grouping,
                          !aggregate.without};
  AggregateSpec spec;
  spec.op = aggregate.op;
  spec.grouping = aggregate.grouping;
  spec.without = aggregate.without;
  spec.text = std::string(Spelling(aggregate.op)) + (aggregate.without ? " without (" : " by (");
  for (size_t i = 0; i < aggregate.grouping.size(); ++i) {
    spec.text += (i > 0 ? ", " : "") + aggregate.grouping[i];
  }
  spec.text += ")";
  spec.place = aggregate.range;
  spec.inner_place = aggregate.inner->range;
  ScalarPtr param;
  if (aggregate.param != nullptr) {
    spec.param_place = aggregate.param->range;
    if (aggregate.op == TokenKind::kCountValues) {
      spec.values_label = As<StringLiteral>(Unwrap(*aggregate.param)).value;
    } else {
      param = ScalarOf(*aggregate.param, grid, hint);
    }
  }
  return MakeAggregate(std::move(spec), Vector(*aggregate.inner, grid, hint), std::move(param),
                       state_);
}

// Scalars.

ScalarPtr Planner::ScalarOf(const Expr& expr, const Grid& grid, const SelectorHint& hint) {
  if (expr.kind != ExprKind::kNumber && grid.count > 1 && IsStepInvariant(expr)) {
    Grid first = grid;
    first.count = 1;
    return MakeRepeated(grid, VariantScalar(expr, first, hint));
  }
  return VariantScalar(expr, grid, hint);
}

ScalarPtr Planner::VariantScalar(const Expr& expr, const Grid& grid, const SelectorHint& hint) {
  switch (expr.kind) {
    case ExprKind::kNumber:
      return MakeConstant(grid, As<NumberLiteral>(expr).value);
    case ExprKind::kParen:
      return ScalarOf(*As<Paren>(expr).inner, grid, hint);
    case ExprKind::kUnary: {
      ScalarPtr inner = ScalarOf(*As<Unary>(expr).inner, grid, hint);
      return As<Unary>(expr).negate ? MakeNegation(std::move(inner)) : std::move(inner);
    }
    case ExprKind::kBinary: {
      const Binary& binary = As<Binary>(expr);
      return MakeScalarBinary(binary.op, ScalarOf(*binary.lhs, grid, {}),
                              ScalarOf(*binary.rhs, grid, {}));
    }
    default:
      break;
  }
  const Call& call = As<Call>(expr);
  switch (call.function->id) {
    case FunctionId::kTime:
      return MakeTime(grid);
    case FunctionId::kPi:
      return MakeConstant(grid, 3.141592653589793);
    case FunctionId::kScalar:
      return MakeScalarOf(Vector(*call.args[0], grid, HintOf(call)));
    default:
      break;
  }
  return MakeExtremeOf(call.function->id == FunctionId::kMaxOf,
                       ScalarOf(*call.args[0], grid, HintOf(call)),
                       ScalarOf(*call.args[1], grid, HintOf(call)));
}

}  // namespace thanos::promql
