// Operators that see all rows before they give the first.
#pragma once

#include <memory>
#include <optional>
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
  Status Add(const Row& row) { return Add(row, grid_, 0); }
  /// A row of a tile whose first step is step `from` here.
  Status Add(const Row& row, const Grid& tile, size_t from);
  std::vector<Series>& series() { return series_; }
  uint64_t held_bytes() const { return lease_.held_bytes(); }

 private:
  Status Charge(const Row& row, const Grid& tile);
  void AddHistograms(const Row& row, const Grid& tile, size_t from, Series* series);

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

/// sort(), sort_by_label() and their opposites, of one step.
struct SortSpec {
  bool descending = false;
  bool by_labels = false;           // By the natural order of these labels' values,
  std::vector<std::string> labels;  // then by the whole label set.
};
OperatorPtr MakeSort(SortSpec spec, OperatorPtr input, std::shared_ptr<QueryState> state);
/// Strings in natural order: runs of digits by their number. Less than 0, 0, greater.
int CompareNaturally(std::string_view a, std::string_view b);

/// histogram_quantile(), histogram_quantiles() and histogram_fraction().
struct BucketSpec {
  bool fraction = false;
  bool drop_now = false;  // The name goes at once; else the rows are marked.
  SourceRange place;      // Of the call's arguments.
  std::vector<SourceRange> quantile_places;
  std::optional<std::string> quantiles_label;  // A row per quantile, told apart by this label.
};
/// `params`: the quantiles, or the two bounds.
OperatorPtr MakeBucketFunction(BucketSpec spec, std::vector<ScalarPtr> params, OperatorPtr input,
                               std::shared_ptr<QueryState> state);

}  // namespace thanos::promql
