// What flows between operators: rows, one per series over all steps, in immutable shared batches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "promql/grid.h"
#include "series/batch_builder.h"
#include "thanos/call_context.h"
#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::promql {

class QueryState;

/// One series over every step of the grid. A view: the batch it came in owns the memory.
/// A series may come in several rows (fragments) whose steps do not overlap.
struct Row {
  LabelsView labels;
  bool drop_name = false;             // Delayed removal of the metric name.
  const double* values = nullptr;     // One per step; of no meaning where not present.
  const uint64_t* present = nullptr;  // A bit per step.
};

/// Immutable, free-threaded; holds its budget lease and the batches it borrows from.
class RowBatch {
 public:
  ~RowBatch();
  std::span<const Row> rows() const { return rows_; }

 private:
  friend class RowBatchBuilder;
  RowBatch() = default;
  std::vector<Row> rows_;
  series::Arena arena_;
  std::vector<std::shared_ptr<const RowBatch>> pins_;
  BudgetLease lease_;
  std::shared_ptr<QueryState> state_;
  uint64_t points_ = 0;
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
  /// Keeps a batch whose memory rows borrow.
  void Pin(RowBatchRef batch);
  /// Rows without any point are left out.
  void Add(const Row& row);
  bool empty() const { return batch_->rows_.empty(); }
  size_t size() const { return batch_->rows_.size(); }

  /// Charges memory and points: kResourceExhausted when refused.
  Result<RowBatchRef> Finish();

 private:
  const Grid grid_;
  std::shared_ptr<RowBatch> batch_;
};

}  // namespace thanos::promql
