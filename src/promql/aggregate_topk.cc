// topk and bottomk.
#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "base/number_text.h"
#include "promql/aggregate.h"

namespace thanos::promql {
namespace {

// k largest or smallest of every step. What is held: k points a step and group, and the labels of
// rows that were ever among them.
class Topk final : public Operator {
 public:
  Topk(AggregateSpec spec, OperatorPtr input, ScalarPtr param, std::shared_ptr<QueryState> state)
      : Operator(input->grid(), AggregateTraits(spec, 24)),
        state_(std::move(state)),
        place_(spec.place),
        largest_(spec.op == TokenKind::kTopk),
        input_(std::move(input)),
        param_(std::move(param)),
        index_(spec),
        lease_(state_->context.budget()) {
    traits_.order = RowOrder::kValues;
    traits_.unique_without_name = input_->traits().unique_without_name;
    traits_.fragments = input_->traits().fragments;
  }
  std::vector<Operator*> children() const override {
    return WithBelow(input_.get(), std::span(&param_, 1));
  }
  uint64_t held_bytes() const override { return lease_.held_bytes(); }

  Result<RowBatchRef> Produce() override {
    if (std::exchange(done_, true) || grid_.count == 0) return RowBatchRef();
    THANOS_ASSIGN_OR_RETURN(k_, ReadLimits(*param_));
    if (k_.empty()) return RowBatchRef();
    THANOS_RETURN_IF_ERROR(input_->ForEachRow([this](const Row& row) { return Add(row); }));
    return grid_.count == 1 ? EmitOrdered() : EmitRows();
  }

 private:
  struct Entry {
    double value;
    uint32_t row;
  };
  using Heap = std::vector<Entry>;  // The worst entry in front.
  struct Kept {
    std::string labels;
    bool drop_name;
  };

  // True when `a` is worse than `b`: it leaves the heap first.
  bool Worse(double a, double b) const {
    if (std::isnan(a)) return !std::isnan(b);
    return largest_ ? a < b : a > b;
  }

  Status Add(const Row& row) {
    THANOS_RETURN_IF_ERROR(state_->Check());
    if (row.histograms != nullptr) {
      state_->Annotate(
          AnnotationKind::kInfo,
          std::string("ignored histogram in ") + (largest_ ? "topk" : "bottomk") + " aggregation",
          place_);
      if (!AnyBit(row.present, grid_.words())) return OkStatus();
    }
    const size_t group = index_.Find(row);
    if (group == heaps_.size()) {
      heaps_.emplace_back(grid_.count);
      THANOS_RETURN_IF_ERROR(lease_.Grow(grid_.count * sizeof(Heap)));
    }
    std::vector<Heap>& heaps = heaps_[group];
    bool entered = false;
    const auto number = static_cast<uint32_t>(rows_.size());
    size_t grown = 0;
    const auto heap_order = [this](const Entry& a, const Entry& b) {
      // std heaps keep the greatest in front; of equals the later row is worse.
      if (Worse(a.value, b.value)) return false;
      if (Worse(b.value, a.value)) return true;
      return a.row < b.row;
    };
    ForEachBit(row.present, grid_.words(), [&](size_t i) {
      if (k_[i] < 1) return;
      Heap& heap = heaps[i];
      const Entry entry{row.values[i], number};
      if (heap.size() < static_cast<size_t>(k_[i])) {
        heap.push_back(entry);
        std::push_heap(heap.begin(), heap.end(), heap_order);
        grown += sizeof(Entry);
      } else if (Worse(heap.front().value, entry.value)) {
        std::pop_heap(heap.begin(), heap.end(), heap_order);
        heap.back() = entry;
        std::push_heap(heap.begin(), heap.end(), heap_order);
      } else {
        return;
      }
      entered = true;
    });
    if (!entered) return OkStatus();
    rows_.push_back({std::string(row.labels.encoded()), row.drop_name});
    return lease_.Grow(grown + rows_.back().labels.size() + sizeof(Kept));
  }

  // One step: best first, groups by first appearance.
  Result<RowBatchRef> EmitOrdered() {
    RowBatchBuilder builder(state_, grid_);
    for (std::vector<Heap>& heaps : heaps_) {
      Heap& heap = heaps[0];
      std::sort(heap.begin(), heap.end(), [this](const Entry& a, const Entry& b) {
        if (Worse(a.value, b.value)) return false;
        if (Worse(b.value, a.value)) return true;
        return a.row < b.row;
      });
      for (const Entry& entry : heap) {
        double* values = builder.NewValues();
        uint64_t* bits = builder.NewBits();
        values[0] = entry.value;
        SetBit(bits, 0);
        AddRow(entry.row, values, bits, &builder);
      }
    }
    return builder.Finish();
  }

  Result<RowBatchRef> EmitRows() {
    RowBatchBuilder builder(state_, grid_);
    std::vector<double*> values(rows_.size());
    std::vector<uint64_t*> bits(rows_.size());
    for (const std::vector<Heap>& heaps : heaps_) {
      for (size_t i = 0; i < grid_.count; ++i) {
        for (const Entry& entry : heaps[i]) {
          if (values[entry.row] == nullptr) {
            values[entry.row] = builder.NewValues();
            bits[entry.row] = builder.NewBits();
          }
          values[entry.row][i] = entry.value;
          SetBit(bits[entry.row], i);
        }
      }
    }
    for (uint32_t row = 0; row < rows_.size(); ++row) {
      if (values[row] != nullptr) AddRow(row, values[row], bits[row], &builder);
    }
    return builder.Finish();
  }

  void AddRow(uint32_t row, const double* values, const uint64_t* bits,
              RowBatchBuilder* builder) const {
    const Kept& kept = rows_[row];
    builder->Add({builder->CopyLabels(LabelsView(kept.labels)), kept.drop_name, values, bits});
  }

  const std::shared_ptr<QueryState> state_;
  const SourceRange place_;
  const bool largest_;
  const OperatorPtr input_;
  const ScalarPtr param_;
  GroupIndex index_;
  GrowingLease lease_;
  std::vector<int64_t> k_;
  std::vector<std::vector<Heap>> heaps_;  // By group and step.
  std::vector<Kept> rows_;
  bool done_ = false;
};

}  // namespace

OperatorPtr MakeTopk(AggregateSpec spec, OperatorPtr input, ScalarPtr param,
                     std::shared_ptr<QueryState> state) {
  return std::make_unique<Topk>(std::move(spec), std::move(input), std::move(param),
                                std::move(state));
}

}  // namespace thanos::promql
