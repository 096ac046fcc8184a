// Operators that see all rows before they give the first.
#pragma once

#include <memory>
#include <vector>

#include "promql/aggregate.h"
#include "promql/operator.h"
#include "promql/query_state.h"
#include "promql/scalar.h"
#include "promql/window_function.h"

namespace thanos::promql {

/// Rows with their fragments joined, in memory of their own. One thread.
class MergedRows {
 public:
  struct Series {
    Labels labels;
    bool drop_name = false;
    std::vector<double> values;
    std::vector<uint64_t> present;
    /// By step; empty when the series has none.
    std::vector<std::shared_ptr<const model::FloatHistogram>> histograms;
  };
  MergedRows(std::shared_ptr<QueryState> state, const Grid& grid);
  ~MergedRows();
  /// "vector cannot contain metrics with the same labelset" when steps overlap.
  Status Add(const Row& row);
  std::vector<Series>& series() { return series_; }

 private:
  void AddHistograms(const Row& row, Series* series);

  const std::shared_ptr<QueryState> state_;
  const Grid grid_;
  GrowingLease lease_;
  uint64_t points_ = 0;
  TextMap<size_t> index_;
  std::vector<Series> series_;
};

/// A window function over the points that an expression has on a grid of its own.
struct SubquerySpec {
  WindowFunction::Spec function;
  std::string text;
  bool drop_metadata = false;
  bool mark_drop = false;
};
OperatorPtr MakeSubquery(SubquerySpec spec, OperatorPtr inner, std::shared_ptr<QueryState> state);

/// sort() and sort_desc() of one step.
OperatorPtr MakeSort(bool descending, OperatorPtr input, std::shared_ptr<QueryState> state);

/// histogram_quantile() and histogram_fraction() over classic buckets.
struct BucketSpec {
  bool fraction = false;
  bool drop_now = false;           // The name goes at once; else the rows are marked.
  SourceRange place;               // Of the call's arguments.
  SourceRange quantile_place;
};
/// `params`: the quantile, or the two bounds.
OperatorPtr MakeBucketFunction(BucketSpec spec, std::vector<ScalarPtr> params, OperatorPtr input,
                               std::shared_ptr<QueryState> state);

}  // namespace thanos::promql
