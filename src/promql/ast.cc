#include "promql/ast.h"

namespace thanos::promql {

std::string_view ValueTypeName(ValueType type) {
  switch (type) {
    case ValueType::kScalar:
      return "scalar";
    case ValueType::kVector:
      return "vector";
    case ValueType::kMatrix:
      return "matrix";
    case ValueType::kString:
      return "string";
    case ValueType::kNone:
      break;
  }
  return "none";
}

std::string_view ValueTypeInWords(ValueType type) {
  if (type == ValueType::kVector) return "instant vector";
  if (type == ValueType::kMatrix) return "range vector";
  return ValueTypeName(type);
}

const Expr& Unwrap(const Expr& expr) {
  const Expr* at = &expr;
  while (at->kind == ExprKind::kParen) at = As<Paren>(*at).inner.get();
  return *at;
}

}  // namespace thanos::promql
