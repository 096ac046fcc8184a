#include "promql/tiles.h"

#include <algorithm>

#include "promql/functions.h"
#include "promql/preprocess.h"
#include "promql/window_function.h"

namespace thanos::promql {
namespace {

// Below this a tile saves little more, and the source is asked too often.
constexpr size_t kTileStepsMin = 64;
constexpr size_t kShrink = 4;

bool HasFixedName(const Expr& range) {
  if (range.kind != ExprKind::kMatrix) return false;
  const model::Matchers& matchers = As<MatrixSelector>(range).selector->matchers;
  return std::any_of(matchers.begin(), matchers.end(), [](const model::Matcher& matcher) {
    return matcher.name() == kMetricName && matcher.type() == model::MatchType::kEqual;
  });
}

bool CanTileCall(const Call& call, const EngineOptions& options) {
  switch (call.function->id) {
    case FunctionId::kHistogramAvg:
    case FunctionId::kHistogramCount:
    case FunctionId::kHistogramSum:
    case FunctionId::kDoubleExponentialSmoothing:
      return false;
    case FunctionId::kRate:
    case FunctionId::kIncrease:
    case FunctionId::kHistogramQuantile:
    case FunctionId::kHistogramQuantiles:
      // What is the same at all steps is computed once a tile, and these count what they note.
      if (IsStepInvariant(call)) return false;
      break;
    default:
      break;
  }
  for (const ExprPtr& arg : call.args) {
    const Expr& inner = Unwrap(*arg);
    if (inner.type == ValueType::kMatrix && !options.delayed_name_removal &&
        !KeepsName(call.function->id) && !HasFixedName(inner)) {
      return false;
    }
    if (!CanTile(inner, options)) return false;
  }
  return true;
}

}  // namespace

bool CanTile(const Expr& expr, const EngineOptions& options) {
  switch (expr.kind) {
    case ExprKind::kNumber:
    case ExprKind::kString:
    case ExprKind::kVector:
    case ExprKind::kMatrix:
      return true;
    case ExprKind::kSubquery:
      return CanTile(*As<Subquery>(expr).inner, options);
    case ExprKind::kCall:
      return CanTileCall(As<Call>(expr), options);
    case ExprKind::kAggregate: {
      const Aggregate& aggregate = As<Aggregate>(expr);
      if (aggregate.param != nullptr) {
        const ExprKind kind = Unwrap(*aggregate.param).kind;
        if (kind != ExprKind::kNumber && kind != ExprKind::kString) return false;
      }
      return CanTile(*aggregate.inner, options);
    }
    case ExprKind::kBinary:
      return CanTile(*As<Binary>(expr).lhs, options) && CanTile(*As<Binary>(expr).rhs, options);
    case ExprKind::kUnary:
      return CanTile(*As<Unary>(expr).inner, options);
    case ExprKind::kParen:
      return CanTile(*As<Paren>(expr).inner, options);
  }
  return false;
}

size_t SmallerTile(size_t steps) {
  if (steps <= kTileStepsMin) return 0;
  return std::max(kTileStepsMin, (steps + kShrink - 1) / kShrink);
}

}  // namespace thanos::promql
