#include "promql/check.h"

#include <utility>

#include "model/go_quote.h"
#include "promql/functions.h"

namespace thanos::promql {
namespace {

using model::GoQuoted;

class Checker {
 public:
  explicit Checker(const ReportViolation& report) : report_(report) {}

  ValueType Check(Expr& expr) { return expr.type = TypeOf(expr); }

 private:
  ValueType TypeOf(Expr& expr) {
    switch (expr.kind) {
      case ExprKind::kNumber:
        return ValueType::kScalar;
      case ExprKind::kString:
        return ValueType::kString;
      case ExprKind::kVector:
        CheckVector(As<VectorSelector>(expr));
        return ValueType::kVector;
      case ExprKind::kMatrix:
        As<MatrixSelector>(expr).selector->type = ValueType::kVector;
        CheckVector(*As<MatrixSelector>(expr).selector);
        return ValueType::kMatrix;
      case ExprKind::kSubquery:
        CheckSubquery(As<Subquery>(expr));
        return ValueType::kMatrix;
      case ExprKind::kCall:
        CheckCall(As<Call>(expr));
        return As<Call>(expr).function->result;
      case ExprKind::kAggregate:
        CheckAggregate(As<Aggregate>(expr));
        return ValueType::kVector;
      case ExprKind::kBinary:
        return CheckBinary(As<Binary>(expr));
      case ExprKind::kUnary:
        return CheckUnary(As<Unary>(expr));
      case ExprKind::kParen:
        return Check(*As<Paren>(expr).inner);
    }
    return ValueType::kNone;
  }

  void Report(SourceRange range, std::string text) { report_(range, std::move(text)); }

  void Expect(Expr& expr, ValueType wanted, const std::string& context) {
    const ValueType type = Check(expr);
    if (type == wanted) return;
    Report(expr.range, "expected type " + std::string(ValueTypeInWords(wanted)) + " in " + context +
                           ", got " + std::string(ValueTypeInWords(type)));
  }

  void CheckVector(const VectorSelector& selector) {
    if (!selector.name.empty()) {
      for (size_t i = 0; i + 1 < selector.matchers.size(); ++i) {
        const model::Matcher& matcher = selector.matchers[i];
        if (matcher.name() != kMetricName) continue;
        Report(selector.range, "metric name must not be set twice: " + GoQuoted(selector.name) +
                                   " or " + GoQuoted(matcher.value()));
      }
      return;
    }
    if (selector.may_match_empty) return;
    for (const model::Matcher& matcher : selector.matchers) {
      if (!matcher.MatchesEmpty()) return;
    }
    Report(selector.range, "vector selector must contain at least one non-empty matcher");
  }

  void CheckSubquery(Subquery& subquery) {
    const ValueType type = Check(*subquery.inner);
    if (type == ValueType::kVector) return;
    Report(subquery.range, "subquery is only allowed on instant vector, got " +
                               std::string(ValueTypeName(type)) + " instead");
  }

  void CheckArity(const Call& call) {
    const FunctionSignature& function = *call.function;
    const size_t declared = function.args.size();
    const size_t given = call.args.size();
    const auto report = [&](const char* quantity, size_t wanted) {
      Report(call.range, std::string("expected ") + quantity + std::to_string(wanted) +
                             " argument(s) in call to " + GoQuoted(function.name) + ", got " +
                             std::to_string(given));
    };
    if (function.variadic == 0) {
      if (given != declared) report("", declared);
      return;
    }
    const size_t least = declared - 1;
    if (given < least) {
      report("at least ", least);
    } else if (function.variadic > 0) {
      const size_t most = least + static_cast<size_t>(function.variadic);
      if (given > most) report("at most ", most);
    }
  }

  void CheckInfoSelector(Call& call) {
    Expr& second = *call.args[1];
    if (second.kind != ExprKind::kVector) {
      Report(second.range, "expected label selectors only");
      return;
    }
    VectorSelector& selector = As<VectorSelector>(second);
    if (!selector.name.empty()) {
      Report(second.range, "expected label selectors only, got vector selector instead");
    }
    selector.may_match_empty = true;
  }

  void CheckCall(Call& call) {
    const FunctionSignature& function = *call.function;
    CheckArity(call);
    if (function.id == FunctionId::kInfo && call.args.size() > 1) CheckInfoSelector(call);
    const std::string context = "call to function " + GoQuoted(function.name);
    for (size_t i = 0; i < call.args.size(); ++i) {
      size_t declared = i;
      if (declared >= function.args.size()) {
        if (function.variadic == 0) break;
        declared = function.args.size() - 1;
      }
      Expect(*call.args[i], function.args[declared], context);
    }
  }

  void CheckAggregate(Aggregate& aggregate) {
    Expect(*aggregate.inner, ValueType::kVector, "aggregation expression");
    if (aggregate.param == nullptr) return;
    Expect(*aggregate.param,
           aggregate.op == TokenKind::kCountValues ? ValueType::kString : ValueType::kScalar,
           "aggregation parameter");
  }

  ValueType CheckUnary(Unary& unary) {
    const ValueType type = Check(*unary.inner);
    if (type == ValueType::kScalar || type == ValueType::kVector) return type;
    Report(unary.range,
           "unary expression only allowed on expressions of type scalar or instant vector, got " +
               GoQuoted(ValueTypeInWords(type)));
    return type;
  }

  ValueType CheckBinary(Binary& binary) {
    const ValueType left = Check(*binary.lhs);
    const ValueType right = Check(*binary.rhs);
    const bool scalars = left == ValueType::kScalar && right == ValueType::kScalar;
    if (binary.return_bool && !IsComparison(binary.op)) {
      Report(binary.op_range, "bool modifier can only be used on comparison operators");
    }
    if (IsComparison(binary.op) && !binary.return_bool && scalars) {
      Report(binary.op_range, "comparisons between scalars must use BOOL modifier");
    }
    Matching& matching = *binary.matching;
    if (IsSetOperator(binary.op) && matching.card == Cardinality::kOneToOne) {
      matching.card = Cardinality::kManyToMany;
    }
    for (const std::string& label : matching.labels) {
      for (const std::string& include : matching.include) {
        if (label != include || !matching.on) continue;
        Report(binary.op_range,
               "label " + GoQuoted(label) + " must not occur in ON and GROUP clause at once");
      }
    }
    for (const Expr* side : {binary.lhs.get(), binary.rhs.get()}) {
      const ValueType type = side == binary.lhs.get() ? left : right;
      if (type == ValueType::kScalar || type == ValueType::kVector) continue;
      Report(side->range, "binary expression must contain only scalar and instant vector types");
    }
    CheckMatching(binary, left, right);
    return scalars ? ValueType::kScalar : ValueType::kVector;
  }

  void CheckMatching(Binary& binary, ValueType left, ValueType right) {
    const Matching& matching = *binary.matching;
    const std::string op = GoQuoted(Spelling(binary.op));
    if (left != ValueType::kVector || right != ValueType::kVector) {
      if (!matching.labels.empty()) {
        Report(binary.range, "vector matching only allowed between instant vectors");
      }
      if (matching.fill_left || matching.fill_right) {
        Report(binary.range, "filling in missing series only allowed between instant vectors");
      }
      binary.matching.reset();
    } else if (IsSetOperator(binary.op)) {
      if (matching.card != Cardinality::kManyToMany) {
        Report(binary.range, "no grouping allowed for " + op + " operation");
        Report(binary.range, "set operations must always be many-to-many");
      }
      if (matching.fill_left || matching.fill_right) {
        Report(binary.range, "filling in missing series not allowed for set operators");
      }
    }
    if ((left == ValueType::kScalar || right == ValueType::kScalar) && IsSetOperator(binary.op)) {
      Report(binary.range, "set operator " + op + " not allowed in binary scalar expression");
    }
  }

  const ReportViolation& report_;
};

}  // namespace

ValueType CheckExpr(Expr& expr, const ReportViolation& report) {
  return Checker(report).Check(expr);
}

}  // namespace thanos::promql
