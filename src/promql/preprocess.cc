#include "promql/preprocess.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "promql/functions.h"

namespace thanos::promql {
namespace {

Status DurationError(const DurationExpr& expr, std::string_view text) {
  return InvalidArgumentError(std::to_string(expr.range.begin) + ":" +
                              std::to_string(expr.range.end) + ": " + std::string(text));
}

class Preprocessor {
 public:
  explicit Preprocessor(const QueryTimes& times) : times_(times) {}

  Status Walk(ExprPtr* slot) {
    Expr& expr = **slot;
    switch (expr.kind) {
      case ExprKind::kNumber:
      case ExprKind::kString:
        return OkStatus();
      case ExprKind::kVector:
        return WalkSelector(As<VectorSelector>(expr));
      case ExprKind::kMatrix: {
        MatrixSelector& matrix = As<MatrixSelector>(expr);
        THANOS_RETURN_IF_ERROR(Settle(&matrix.window_expr, true, &matrix.window_ms));
        return WalkSelector(*matrix.selector);
      }
      case ExprKind::kSubquery: {
        Subquery& subquery = As<Subquery>(expr);
        THANOS_RETURN_IF_ERROR(Settle(&subquery.window_expr, true, &subquery.window_ms));
        THANOS_RETURN_IF_ERROR(Settle(&subquery.step_expr, true, &subquery.step_ms));
        THANOS_RETURN_IF_ERROR(WalkTime(&subquery.time));
        return Walk(&subquery.inner);
      }
      case ExprKind::kCall:
        return WalkCall(slot);
      case ExprKind::kAggregate: {
        Aggregate& aggregate = As<Aggregate>(expr);
        StripParens(&aggregate.inner);
        THANOS_RETURN_IF_ERROR(Walk(&aggregate.inner));
        if (aggregate.param == nullptr) return OkStatus();
        StripParens(&aggregate.param);
        return Walk(&aggregate.param);
      }
      case ExprKind::kBinary:
        THANOS_RETURN_IF_ERROR(Walk(&As<Binary>(expr).lhs));
        return Walk(&As<Binary>(expr).rhs);
      case ExprKind::kUnary:
        return Walk(&As<Unary>(expr).inner);
      case ExprKind::kParen:
        return Walk(&As<Paren>(expr).inner);
    }
    return OkStatus();
  }

 private:
  static void StripParens(ExprPtr* slot) {
    while ((*slot)->kind == ExprKind::kParen) {
      ExprPtr inner = std::move(As<Paren>(**slot).inner);
      *slot = std::move(inner);
    }
  }

  Status WalkSelector(VectorSelector& selector) { return WalkTime(&selector.time); }

  Status WalkTime(TimeModifiers* time) {
    THANOS_RETURN_IF_ERROR(Settle(&time->offset_expr, false, &time->offset_ms));
    if (time->anchor != AtAnchor::kNone) {
      time->at_ms = time->anchor == AtAnchor::kStart ? times_.start_ms : times_.end_ms;
      time->anchor = AtAnchor::kNone;
    }
    return OkStatus();
  }

  Status WalkCall(ExprPtr* slot) {
    Call& call = As<Call>(**slot);
    const double start = static_cast<double>(times_.start_ms) / 1000;
    const double end = static_cast<double>(times_.end_ms) / 1000;
    switch (call.function->id) {
      case FunctionId::kStart:
        return Replace(slot, start);
      case FunctionId::kEnd:
        return Replace(slot, end);
      case FunctionId::kRange:
        return Replace(slot, RangeSeconds());
      case FunctionId::kStep:
        return Replace(slot, StepSeconds());
      default:
        break;
    }
    for (ExprPtr& arg : call.args) {
      StripParens(&arg);
      THANOS_RETURN_IF_ERROR(Walk(&arg));
    }
    return OkStatus();
  }

  static Status Replace(ExprPtr* slot, double value) {
    auto number = std::make_unique<NumberLiteral>();
    number->value = value;
    number->type = ValueType::kScalar;
    number->range = (*slot)->range;
    *slot = std::move(number);
    return OkStatus();
  }

  double RangeSeconds() const {
    return static_cast<double>(times_.end_ms - times_.start_ms) / 1000;
  }
  double StepSeconds() const {
    if (times_.start_ms == times_.end_ms) return 0;
    return static_cast<double>(times_.step_ms) / 1000;
  }

  Status Settle(std::unique_ptr<DurationExpr>* expr, bool positive, int64_t* ms) {
    if (*expr == nullptr) return OkStatus();
    THANOS_ASSIGN_OR_RETURN(const double seconds, Evaluate(**expr));
    if (!std::isfinite(seconds)) return DurationError(**expr, "duration is NaN or infinite");
    if (positive && seconds <= 0) return DurationError(**expr, "duration must be greater than 0");
    if (!(std::fabs(seconds) * 1e9 < 9223372036854775808.0)) {
      return DurationError(**expr, "duration is out of range");
    }
    *ms = static_cast<int64_t>(seconds * 1000);
    expr->reset();
    return OkStatus();
  }

  Result<double> Evaluate(const DurationExpr& expr) const {
    using Kind = DurationExpr::Kind;
    switch (expr.kind) {
      case Kind::kLiteral:
        return expr.seconds;
      case Kind::kStep:
        return StepSeconds();
      case Kind::kRange:
        return RangeSeconds();
      case Kind::kParen:
        return Evaluate(*expr.rhs);
      case Kind::kNegate: {
        THANOS_ASSIGN_OR_RETURN(const double value, Evaluate(*expr.rhs));
        return -value;
      }
      default:
        break;
    }
    THANOS_ASSIGN_OR_RETURN(const double lhs, Evaluate(*expr.lhs));
    THANOS_ASSIGN_OR_RETURN(const double rhs, Evaluate(*expr.rhs));
    if (expr.kind == Kind::kMaxOf) return std::max(lhs, rhs);
    if (expr.kind == Kind::kMinOf) return std::min(lhs, rhs);
    switch (expr.op) {
      case TokenKind::kAdd:
        return lhs + rhs;
      case TokenKind::kSub:
        return lhs - rhs;
      case TokenKind::kMul:
        return lhs * rhs;
      case TokenKind::kPow:
        return std::pow(lhs, rhs);
      case TokenKind::kDiv:
        if (rhs == 0) return DurationError(expr, "division by zero");
        return lhs / rhs;
      default:
        if (rhs == 0) return DurationError(expr, "modulo by zero");
        return std::fmod(lhs, rhs);
    }
  }

  const QueryTimes times_;
};

// Functions whose value depends on the step's time whatever their arguments.
bool LooksAtTime(FunctionId id) {
  switch (id) {
    case FunctionId::kDaysInMonth:
    case FunctionId::kDayOfMonth:
    case FunctionId::kDayOfWeek:
    case FunctionId::kDayOfYear:
    case FunctionId::kHour:
    case FunctionId::kMinute:
    case FunctionId::kMonth:
    case FunctionId::kYear:
    case FunctionId::kTime:
    case FunctionId::kPredictLinear:
    case FunctionId::kTimestamp:
      return true;
    default:
      return false;
  }
}

}  // namespace

Status Preprocess(const QueryTimes& times, ExprPtr* expr) { return Preprocessor(times).Walk(expr); }

bool IsStepInvariant(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNumber:
    case ExprKind::kString:
      return true;
    case ExprKind::kVector:
      return As<VectorSelector>(expr).time.at_ms.has_value();
    case ExprKind::kMatrix:
      return IsStepInvariant(*As<MatrixSelector>(expr).selector);
    case ExprKind::kSubquery:
      return As<Subquery>(expr).time.at_ms.has_value();
    case ExprKind::kAggregate:
      return IsStepInvariant(*As<Aggregate>(expr).inner);
    case ExprKind::kUnary:
      return IsStepInvariant(*As<Unary>(expr).inner);
    case ExprKind::kParen:
      return IsStepInvariant(*As<Paren>(expr).inner);
    case ExprKind::kBinary:
      return IsStepInvariant(*As<Binary>(expr).lhs) && IsStepInvariant(*As<Binary>(expr).rhs);
    case ExprKind::kCall:
      break;
  }
  const Call& call = As<Call>(expr);
  if (LooksAtTime(call.function->id)) {
    return call.function->id == FunctionId::kTimestamp && call.args[0]->kind == ExprKind::kVector &&
           IsStepInvariant(*call.args[0]);
  }
  return std::all_of(call.args.begin(), call.args.end(),
                     [](const ExprPtr& arg) { return IsStepInvariant(*arg); });
}

}  // namespace thanos::promql
