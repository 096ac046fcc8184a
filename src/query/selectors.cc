#include "query/selectors.h"

namespace thanos::query {

using promql::As;
using promql::Expr;
using promql::ExprKind;

void VisitSelectors(Expr& expr, const std::function<void(promql::VectorSelector&)>& visit) {
  const auto below = [&](const promql::ExprPtr& child) {
    if (child) VisitSelectors(*child, visit);
  };
  switch (expr.kind) {
    case ExprKind::kNumber:
    case ExprKind::kString:
      return;
    case ExprKind::kVector:
      return visit(As<promql::VectorSelector>(expr));
    case ExprKind::kMatrix:
      return visit(*As<promql::MatrixSelector>(expr).selector);
    case ExprKind::kSubquery:
      return below(As<promql::Subquery>(expr).inner);
    case ExprKind::kCall:
      for (const promql::ExprPtr& arg : As<promql::Call>(expr).args) below(arg);
      return;
    case ExprKind::kAggregate:
      below(As<promql::Aggregate>(expr).param);
      return below(As<promql::Aggregate>(expr).inner);
    case ExprKind::kBinary:
      below(As<promql::Binary>(expr).lhs);
      return below(As<promql::Binary>(expr).rhs);
    case ExprKind::kUnary:
      return below(As<promql::Unary>(expr).inner);
    case ExprKind::kParen:
      return below(As<promql::Paren>(expr).inner);
  }
}

Result<std::vector<model::Matchers>> SelectorsOf(std::string_view query,
                                                 const promql::ParserOptions& options) {
  THANOS_ASSIGN_OR_RETURN(const promql::ExprPtr expr, promql::Parse(query, options));
  std::vector<model::Matchers> all;
  VisitSelectors(*expr,
                 [&](promql::VectorSelector& selector) { all.push_back(selector.matchers); });
  return all;
}

void BindMatchers(const std::string& label, const std::string& value, model::Matchers* matchers) {
  std::erase_if(*matchers, [&](const model::Matcher& matcher) { return matcher.name() == label; });
  matchers->push_back(model::Matcher::Equal(label, value));
}

void BindSelectors(const std::string& label, const std::string& value, Expr* expr) {
  VisitSelectors(*expr, [&](promql::VectorSelector& selector) {
    BindMatchers(label, value, &selector.matchers);
  });
}

}  // namespace thanos::query
