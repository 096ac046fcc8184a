// Aggregations that need more of a group than a running value: limitk, limit_ratio,
// quantile, count_values.
#include <algorithm>
#include <cmath>
#include <deque>
#include <span>
#include <utility>

#include "base/json_text.h"
#include "base/number_text.h"
#include "codec/hash.h"
#include "model/go_quote.h"
#include "promql/aggregate.h"
#include "promql/histogram_math.h"
#include "promql/numerics.h"

namespace thanos::promql {
namespace {

class QuantileOf final : public Operator {
 public:
  QuantileOf(AggregateSpec spec, OperatorPtr input, ScalarPtr param,
             std::shared_ptr<QueryState> state)
      : Operator(input->grid(), AggregateTraits(spec, 8)),
        state_(std::move(state)),
        param_place_(spec.param_place),
        inner_place_(spec.inner_place),
        input_(std::move(input)),
        param_(std::move(param)),
        index_(spec),
        lease_(state_->context.budget()) {
    traits_.holds = Holds::kInput;
  }
  std::vector<Operator*> children() const override {
    return WithBelow(input_.get(), std::span(&param_, 1));
  }
  uint64_t held_bytes() const override { return lease_.held_bytes(); }

  Result<RowBatchRef> Produce() override {
    if (std::exchange(done_, true) || grid_.count == 0) return RowBatchRef();
    THANOS_ASSIGN_OR_RETURN(const std::span<const double> q, param_->Values());
    AnnotateQuantiles(q, param_place_, *state_);
    THANOS_RETURN_IF_ERROR(input_->ForEachRow([this](const Row& row) { return Add(row); }));
    RowBatchBuilder builder(state_, grid_);
    for (size_t group = 0; group < values_.size(); ++group) {
      THANOS_RETURN_IF_ERROR(state_->Check());
      double* values = builder.NewValues();
      uint64_t* bits = builder.NewBits();
      for (size_t i = 0; i < grid_.count; ++i) {
        std::vector<double>& all = values_[group][i];
        if (all.empty()) continue;
        std::sort(all.begin(), all.end(), NanFirstLess);
        values[i] = QuantileOfSorted(q[i], all);
        SetBit(bits, i);
      }
      builder.Add(
          {builder.CopyLabels(index_.labels(group)), index_.drop_name(group), values, bits});
    }
    return builder.Finish();
  }

  static void AnnotateQuantiles(std::span<const double> q, SourceRange place, QueryState& state) {
    for (const double value : q) {
      if (value >= 0 && value <= 1) continue;
      state.Annotate(AnnotationKind::kWarning,
                     "quantile value should be between 0 and 1, got " + base::FormatFloatG(value),
                     place);
    }
  }

 private:
  Status Add(const Row& row) {
    if (row.histograms != nullptr) {
      state_->Annotate(AnnotationKind::kInfo, "ignored histogram in quantile aggregation",
                       inner_place_);
    }
    const size_t group = index_.Find(row);
    if (group == values_.size()) values_.emplace_back(grid_.count);
    size_t points = 0;
    ForEachBit(row.present, grid_.words(), [&](size_t i) {
      values_[group][i].push_back(row.values[i]);
      ++points;
    });
    return lease_.Grow(points * sizeof(double));
  }

  const std::shared_ptr<QueryState> state_;
  const SourceRange param_place_;
  const SourceRange inner_place_;
  const OperatorPtr input_;
  const ScalarPtr param_;
  GroupIndex index_;
  GrowingLease lease_;
  std::vector<std::vector<std::vector<double>>> values_;  // By group and step.
  bool done_ = false;
};

// The value becomes a label, which overrides the row's and belongs to the group.
class CountValues final : public Operator {
 public:
  CountValues(AggregateSpec spec, OperatorPtr input, std::shared_ptr<QueryState> state)
      : Operator(input->grid(), AggregateTraits(spec, 8.125)),
        state_(std::move(state)),
        label_(spec.values_label),
        input_(std::move(input)),
        index_(WithLabel(spec)),
        lease_(state_->context.budget()) {
    traits_.unique_without_name = false;
  }
  std::vector<Operator*> children() const override { return {input_.get()}; }
  uint64_t held_bytes() const override { return lease_.held_bytes(); }

  Result<RowBatchRef> Produce() override {
    if (std::exchange(done_, true) || grid_.count == 0) return RowBatchRef();
    if (label_.empty() || !base::IsValidUtf8(label_)) {
      return FailedPreconditionError("invalid label name " + model::GoQuoted(label_));
    }
    THANOS_RETURN_IF_ERROR(input_->ForEachRow([this](const Row& row) { return Add(row); }));
    RowBatchBuilder builder(state_, grid_);
    for (size_t group = 0; group < counts_.size(); ++group) {
      double* values = builder.NewValues();
      uint64_t* bits = builder.NewBits();
      for (size_t i = 0; i < grid_.count; ++i) {
        values[i] = counts_[group][i];
        if (counts_[group][i] > 0) SetBit(bits, i);
      }
      builder.Add(
          {builder.CopyLabels(index_.labels(group)), index_.drop_name(group), values, bits});
    }
    return builder.Finish();
  }

 private:
  static AggregateSpec WithLabel(AggregateSpec spec) {
    if (!spec.without) spec.grouping.push_back(spec.values_label);
    return spec;
  }

  Status Add(const Row& row) {
    THANOS_RETURN_IF_ERROR(state_->Check());
    Status status;
    uint64_t last_bits = 0;
    size_t last_group = SIZE_MAX;
    ForEachBit(row.present, grid_.words(), [&](size_t i) {
      if (!status.ok()) return;
      const auto bits = std::bit_cast<uint64_t>(row.values[i]);
      if (last_group == SIZE_MAX || bits != last_bits) {
        text_.clear();
        base::AppendFloatF(row.values[i], &text_);
        status = FindGroup(row, &last_group);
        last_bits = bits;
      }
      ++counts_[last_group][i];
    });
    if (row.histograms == nullptr) return status;
    ForEachBit(row.histograms->present, grid_.words(), [&](size_t i) {
      if (!status.ok()) return;
      text_ = HistogramText(*row.histograms->at[i]);
      status = FindGroup(row, &last_group);
      ++counts_[last_group][i];
    });
    return status;
  }

  // Of the row with text_ as the label.
  Status FindGroup(const Row& row, size_t* group) {
    builder_.Reset(row.labels);
    builder_.Set(label_, text_);
    builder_.BuildTo(&labels_);
    Row labelled;
    labelled.labels = LabelsView(labels_);
    labelled.drop_name = row.drop_name;
    *group = index_.Find(labelled);
    if (*group < counts_.size()) return OkStatus();
    counts_.emplace_back(grid_.count);
    return lease_.Grow(grid_.count * sizeof(double) + labels_.size());
  }

  const std::shared_ptr<QueryState> state_;
  const std::string label_;
  const OperatorPtr input_;
  GroupIndex index_;
  GrowingLease lease_;
  LabelsBuilder builder_;
  std::string text_, labels_;
  std::vector<std::vector<double>> counts_;  // By group and step.
  bool done_ = false;
};

// The first k rows of each group at every step, or the share of them that a hash picks.
class Limit final : public Operator {
 public:
  Limit(AggregateSpec spec, OperatorPtr input, ScalarPtr param, std::shared_ptr<QueryState> state)
      : Operator(input->grid(), AggregateTraits(spec, 8)),
        state_(std::move(state)),
        ratio_(spec.op == TokenKind::kLimitRatio),
        param_place_(spec.param_place),
        input_(std::move(input)),
        param_(std::move(param)),
        index_(spec),
        lease_(state_->context.budget()) {
    traits_.order = RowOrder::kInput;
    traits_.unique_without_name = input_->traits().unique_without_name;
    traits_.fragments = input_->traits().fragments;
    if (ratio_) traits_.holds = Holds::kNothing;
  }
  std::vector<Operator*> children() const override {
    return WithBelow(input_.get(), std::span(&param_, 1));
  }
  uint64_t held_bytes() const override { return lease_.held_bytes(); }

  Result<RowBatchRef> Produce() override {
    if (!std::exchange(prepared_, true)) THANOS_RETURN_IF_ERROR(Prepare());
    while (!nothing_) {
      THANOS_ASSIGN_OR_RETURN(RowBatchRef input, input_->Next());
      if (input == nullptr) return RowBatchRef();
      RowBatchBuilder builder(state_, grid_);
      std::deque<HistogramColumn> columns;
      for (const Row& row : input->rows()) {
        THANOS_RETURN_IF_ERROR(state_->Check());
        uint64_t* kept = builder.NewBits();
        for (size_t w = 0; w < grid_.words(); ++w) kept[w] = row.PointsWord(w);
        THANOS_RETURN_IF_ERROR(ratio_ ? KeepShare(row, kept) : KeepFirst(row, kept));
        Row out = row;
        uint64_t* floats = builder.NewBits();
        for (size_t w = 0; w < grid_.words(); ++w) floats[w] = kept[w] & row.present[w];
        out.present = floats;
        if (row.histograms != nullptr) {
          for (size_t w = 0; w < grid_.words(); ++w) kept[w] &= row.histograms->present[w];
          columns.push_back({row.histograms->at, kept});
          out.histograms = builder.CopyHistograms(&columns.back());
        }
        builder.Add(out);
      }
      if (builder.empty()) continue;
      builder.Pin(std::move(input));
      return builder.Finish();
    }
    return RowBatchRef();
  }

 private:
  Status Prepare() {
    if (grid_.count == 0) {
      nothing_ = true;
      return OkStatus();
    }
    if (!ratio_) {
      THANOS_ASSIGN_OR_RETURN(k_, ReadLimits(*param_));
      nothing_ = k_.empty();
      return OkStatus();
    }
    THANOS_ASSIGN_OR_RETURN(const std::span<const double> values, param_->Values());
    nothing_ = std::all_of(values.begin(), values.end(), [](double r) { return r == 0; });
    for (const double r : values) {
      if (std::isnan(r)) return FailedPreconditionError("Ratio value is NaN");
      const double capped = std::clamp(r, -1.0, 1.0);
      if (capped != r) {
        state_->Annotate(AnnotationKind::kWarning,
                         "ratio value should be between -1 and 1, got " + base::FormatFloatG(r) +
                             ", capping to " + base::FormatFloatG(capped),
                         param_place_);
      }
      ratios_.push_back(capped);
    }
    return OkStatus();
  }

  Status KeepFirst(const Row& row, uint64_t* kept) {
    const size_t group = index_.Find(row);
    if (group == taken_.size()) {
      taken_.emplace_back(grid_.count);
      THANOS_RETURN_IF_ERROR(lease_.Grow(grid_.count * sizeof(int64_t)));
    }
    for (size_t i = 0; i < grid_.count; ++i) {
      if (TestBit(kept, i) && taken_[group][i]++ >= k_[i]) ClearBit(kept, i);
    }
    return OkStatus();
  }

  // The hash is that of the label set's bytes, so that all queries pick the same series.
  Status KeepShare(const Row& row, uint64_t* kept) const {
    const double place =
        static_cast<double>(codec::Xxh64(row.labels.encoded())) / static_cast<double>(UINT64_MAX);
    for (size_t i = 0; i < grid_.count; ++i) {
      const double r = ratios_[i];
      const bool keep = r >= 0 ? place < r : place >= 1 + r;
      if (!keep) ClearBit(kept, i);
    }
    return OkStatus();
  }

  const std::shared_ptr<QueryState> state_;
  const bool ratio_;
  const SourceRange param_place_;
  const OperatorPtr input_;
  const ScalarPtr param_;
  GroupIndex index_;
  GrowingLease lease_;
  std::vector<int64_t> k_;
  std::vector<double> ratios_;
  std::vector<std::vector<int64_t>> taken_;  // By group and step.
  bool prepared_ = false;
  bool nothing_ = false;
};

}  // namespace

Result<std::vector<int64_t>> ReadLimits(Scalar& param) {
  THANOS_ASSIGN_OR_RETURN(const std::span<const double> values, param.Values());
  double most = -kInf;
  double least = kInf;
  for (const double v : values) {
    if (std::isnan(v)) return FailedPreconditionError("Parameter value is NaN");
    most = std::fmax(most, v);
    least = std::fmin(least, v);
  }
  std::vector<int64_t> limits;
  if (most < 1) return limits;
  if (least <= -9223372036854775808.0) {
    return FailedPreconditionError("Scalar value " + base::FormatFloatG(least) +
                                   " underflows int64");
  }
  if (most >= 9223372036854774784.0) {
    return FailedPreconditionError("Scalar value " + base::FormatFloatG(most) + " overflows int64");
  }
  for (const double v : values) limits.push_back(v < 1 ? 0 : static_cast<int64_t>(v));
  return limits;
}

OperatorPtr MakeLimit(AggregateSpec spec, OperatorPtr input, ScalarPtr param,
                      std::shared_ptr<QueryState> state) {
  return std::make_unique<Limit>(std::move(spec), std::move(input), std::move(param),
                                 std::move(state));
}
OperatorPtr MakeQuantile(AggregateSpec spec, OperatorPtr input, ScalarPtr param,
                         std::shared_ptr<QueryState> state) {
  return std::make_unique<QuantileOf>(std::move(spec), std::move(input), std::move(param),
                                      std::move(state));
}
OperatorPtr MakeCountValues(AggregateSpec spec, OperatorPtr input,
                            std::shared_ptr<QueryState> state) {
  return std::make_unique<CountValues>(std::move(spec), std::move(input), std::move(state));
}

}  // namespace thanos::promql
