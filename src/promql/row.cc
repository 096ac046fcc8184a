#include "promql/row.h"

#include <cstring>

#include "promql/histogram_math.h"
#include "promql/query_state.h"

namespace thanos::promql {

RowBatch::~RowBatch() {
  if (counted_.load(std::memory_order_relaxed)) state_->LetGo(points_);
}

Status RowBatch::CountPoints() const {
  if (counted_.load(std::memory_order_relaxed)) return OkStatus();
  THANOS_RETURN_IF_ERROR(state_->Hold(points_));
  counted_.store(true, std::memory_order_relaxed);
  return OkStatus();
}

RowBatchBuilder::RowBatchBuilder(std::shared_ptr<QueryState> state, const Grid& grid)
    : grid_(grid), batch_(new RowBatch) {
  batch_->state_ = std::move(state);
}
RowBatchBuilder::~RowBatchBuilder() = default;

LabelsView RowBatchBuilder::CopyLabels(LabelsView labels) {
  return LabelsView(batch_->arena_.CopyText(labels.encoded()));
}

double* RowBatchBuilder::NewValues() {
  return reinterpret_cast<double*>(batch_->arena_.Allocate(grid_.count * sizeof(double)));
}

uint64_t* RowBatchBuilder::NewBits() {
  auto* bits =
      reinterpret_cast<uint64_t*>(batch_->arena_.Allocate(grid_.words() * sizeof(uint64_t)));
  std::memset(bits, 0, grid_.words() * sizeof(uint64_t));
  return bits;
}

void HistogramCells::Clear(size_t steps) {
  if (!any_ && at_.size() == steps) return;
  at_.assign(steps, nullptr);
  present_.assign((steps + 63) / 64, 0);
  pool_.clear();
  column_ = {at_.data(), present_.data()};
  any_ = false;
}

void HistogramCells::Borrow(size_t i, const model::FloatHistogram* histogram) {
  at_[i] = histogram;
  SetBit(present_.data(), i);
  any_ = true;
}

void HistogramCells::Set(size_t i, model::FloatHistogram histogram) {
  pool_.push_back(std::move(histogram));
  Borrow(i, &pool_.back());
}

const HistogramColumn* RowBatchBuilder::CopyHistograms(const HistogramColumn* column) {
  if (column == nullptr) return nullptr;
  auto* at = reinterpret_cast<const model::FloatHistogram**>(
      batch_->arena_.Allocate(grid_.count * sizeof(void*)));
  uint64_t* bits = NewBits();
  const model::FloatHistogram* last = nullptr;
  ForEachBit(column->present, grid_.words(), [&](size_t i) {
    // Neighbouring steps often share one.
    if (column->at[i] != last || batch_->histograms_.empty()) {
      last = column->at[i];
      batch_->histograms_.push_back(*last);
      batch_->histogram_bytes_ += 16 * SizeInSamples(*last);
    }
    at[i] = &batch_->histograms_.back();
    SetBit(bits, i);
  });
  batch_->columns_.push_back({at, bits});
  return &batch_->columns_.back();
}

void RowBatchBuilder::Pin(RowBatchRef batch) { batch_->pins_.push_back(std::move(batch)); }

void RowBatchBuilder::Add(const Row& row) {
  size_t points = CountBits(row.present, grid_.words());
  if (row.histograms != nullptr) {
    ForEachBit(row.histograms->present, grid_.words(),
               [&](size_t i) { points += SizeInSamples(*row.histograms->at[i]); });
  }
  if (points == 0) return;
  batch_->points_ += points;
  batch_->rows_.push_back(row);
}

Result<RowBatchRef> RowBatchBuilder::Finish() {
  if (const auto& budget = batch_->state_->context.budget(); budget != nullptr) {
    const size_t bytes = batch_->arena_.allocated_bytes() + batch_->rows_.capacity() * sizeof(Row) +
                         batch_->histogram_bytes_;
    THANOS_ASSIGN_OR_RETURN(batch_->lease_, BudgetLease::Take(budget, bytes));
  }
  return RowBatchRef(std::move(batch_));
}

}  // namespace thanos::promql
