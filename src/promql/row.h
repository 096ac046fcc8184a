// What flows between operators: rows, one per series over all steps, in immutable shared batches.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "model/histogram.h"
#include "promql/grid.h"
#include "series/batch_builder.h"
#include "thanos/call_context.h"
#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::promql {

class QueryState;

/// Native histograms of a row: at[i] where bit i is set. No step has a float as well.
struct HistogramColumn {
  const model::FloatHistogram* const* at = nullptr;
  const uint64_t* present = nullptr;
};

/// One series over every step of the grid. A view: the batch it came in owns the memory.
/// A series may come in several rows (fragments) whose steps do not overlap.
struct Row {
  LabelsView labels;
  bool drop_name = false;                       // Delayed removal of the metric name.
  const double* values = nullptr;               // One per step; of no meaning where not present.
  const uint64_t* present = nullptr;            // A bit per step.
  const HistogramColumn* histograms = nullptr;  // Null: none.

  /// Points of either kind, 64 steps at a time.
  uint64_t PointsWord(size_t w) const {
    return present[w] | (histograms == nullptr ? 0 : histograms->present[w]);
  }
  bool HasPoints(size_t words) const {
    return AnyBit(present, words) || (histograms != nullptr && AnyBit(histograms->present, words));
  }
};

/// A column of histograms in the making; memory is kept from row to row. Pointers that it hands out
/// live until the next Clear().
class HistogramCells {
 public:
  void Clear(size_t steps);
  /// The histogram is somebody else's.
  void Borrow(size_t i, const model::FloatHistogram* histogram);
  void Set(size_t i, model::FloatHistogram histogram);
  void Remove(size_t i) { ClearBit(present_.data(), i); }
  /// Null when empty.
  const HistogramColumn* column() const { return any_ ? &column_ : nullptr; }

 private:
  std::vector<const model::FloatHistogram*> at_;
  std::vector<uint64_t> present_;
  std::deque<model::FloatHistogram> pool_;
  HistogramColumn column_;
  bool any_ = false;
};

/// Immutable, free-threaded; holds its budget lease and the batches it borrows from.
class RowBatch {
 public:
  ~RowBatch();
  std::span<const Row> rows() const { return rows_; }
  /// For who keeps the batch: its points count against the query's limit from now on, once.
  Status CountPoints() const;
  /// What it charged.
  size_t bytes() const { return lease_.bytes(); }

 private:
  friend class RowBatchBuilder;
  RowBatch() = default;
  std::vector<Row> rows_;
  series::Arena arena_;
  std::deque<model::FloatHistogram> histograms_;
  std::deque<HistogramColumn> columns_;
  size_t histogram_bytes_ = 0;
  std::vector<std::shared_ptr<const RowBatch>> pins_;
  BudgetLease lease_;
  std::shared_ptr<QueryState> state_;
  uint64_t points_ = 0;
  mutable std::atomic<bool> counted_{false};
};
using RowBatchRef = std::shared_ptr<const RowBatch>;

/// One thread. After Finish() the builder is spent.
class RowBatchBuilder {
 public:
  RowBatchBuilder(std::shared_ptr<QueryState> state, const Grid& grid);
  ~RowBatchBuilder();

  LabelsView CopyLabels(LabelsView labels);
  /// Room for one value per step; not initialised.
  double* NewValues();
  /// Zeroed bits.
  uint64_t* NewBits();
  /// Null stays null.
  const HistogramColumn* CopyHistograms(const HistogramColumn* column);
  /// Keeps a batch whose memory rows borrow.
  void Pin(RowBatchRef batch);
  /// Rows without any point are left out.
  void Add(const Row& row);
  bool empty() const { return batch_->rows_.empty(); }
  size_t size() const { return batch_->rows_.size(); }

  /// Charges memory: kResourceExhausted when refused.
  Result<RowBatchRef> Finish();

 private:
  const Grid grid_;
  std::shared_ptr<RowBatch> batch_;
};

}  // namespace thanos::promql
