// From a preprocessed tree to operators.
#pragma once

#include <memory>
#include <string>

#include "promql/operator.h"
#include "promql/query_state.h"
#include "promql/rowwise.h"
#include "promql/scalar.h"
#include "promql/scan_operator.h"
#include "thanos/status.h"

namespace thanos::promql {

/// What surrounds a selector, as its select request tells the source.
struct SelectorHint {
  std::string function;
  std::vector<std::string> grouping;
  bool by = false;
};

/// One thread. Building opens nothing.
class Planner {
 public:
  explicit Planner(std::shared_ptr<QueryState> state) : state_(std::move(state)) {}

  /// An expression of type vector.
  OperatorPtr PlanVector(const Expr& expr, const Grid& grid) { return Vector(expr, grid, {}); }
  ScalarPtr PlanScalar(const Expr& expr, const Grid& grid) { return ScalarOf(expr, grid, {}); }
  /// The points of a subquery that is the whole query.
  OperatorPtr PlanSubqueryPoints(const Subquery& subquery, const Grid& grid);
  /// The select of a range selector that is the whole query.
  ScanSpec PlanRange(const MatrixSelector& matrix, const Grid& grid);

 private:
  OperatorPtr Vector(const Expr& expr, const Grid& grid, const SelectorHint& hint);
  OperatorPtr VariantVector(const Expr& expr, const Grid& grid, const SelectorHint& hint);
  ScalarPtr ScalarOf(const Expr& expr, const Grid& grid, const SelectorHint& hint);
  ScalarPtr VariantScalar(const Expr& expr, const Grid& grid, const SelectorHint& hint);
  OperatorPtr CallVector(const Call& call, const Grid& grid);
  OperatorPtr WindowCall(const Call& call, const Grid& grid, size_t matrix_arg,
                         std::vector<size_t> scalar_args);
  OperatorPtr LabelCall(const Call& call, const Grid& grid);
  OperatorPtr ElementwiseCall(const Call& call, const Grid& grid);
  OperatorPtr InfoCall(const Call& call, const Grid& grid);
  OperatorPtr HistogramCall(const Call& call, const Grid& grid);
  OperatorPtr TimestampCall(const Call& call, const Grid& grid);
  OperatorPtr StartTimestampCall(const Call& call, const Grid& grid);
  OperatorPtr AggregateVector(const Aggregate& aggregate, const Grid& grid);
  OperatorPtr BinaryVector(const Binary& binary, const Grid& grid, const SelectorHint& hint);
  OperatorPtr LatestScan(const VectorSelector& selector, const Grid& grid, const SelectorHint& hint,
                         WindowKind kind, std::string_view name);
  ScanSpec Scan(const VectorSelector& selector, WindowFunction::Spec function, int64_t hint_range,
                const SelectorHint& hint);
  void Extend(Extension extension, WindowFunction::Spec* function) const;
  Grid SubqueryGrid(const Subquery& subquery, const Grid& grid) const;
  SelectorHint HintOf(const Call& call) const;
  bool delayed() const { return state_->options.delayed_name_removal; }
  NameRule DropRule() const;

  const std::shared_ptr<QueryState> state_;
  // Under histogram_count(), histogram_sum() or histogram_avg(), which look at no bucket.
  bool explicit_hints_ = false;
};

}  // namespace thanos::promql
