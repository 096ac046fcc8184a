#include "promql/rowwise.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "promql/binary_kernels.h"
#include "promql/elementwise.h"
#include "promql/histogram_math.h"
#include "promql/mixed_binary.h"
#include "promql/numerics.h"

namespace thanos::promql {

RowwiseOperator::RowwiseOperator(OperatorTraits traits, NameRule name, OperatorPtr input,
                                 std::shared_ptr<QueryState> state, bool changes_labels)
    : Operator(input->grid(), std::move(traits)),
      state_(std::move(state)),
      name_(name),
      input_(std::move(input)) {
  const OperatorTraits& below = input_->traits();
  traits_.unique_without_name = below.unique_without_name && !changes_labels;
  traits_.fragments = below.fragments;
  if (changes_labels || (name_ == NameRule::kDropNow && !below.unique_without_name)) {
    guard_.emplace(state_->context.budget(), grid_, /*whole_series=*/false);
    traits_.fragments = true;
  }
}

Status RowwiseOperator::Apply(const Row& in, Scratch* scratch, Row* out) {
  *out = in;
  scratch->cells.Clear(grid_.count);
  if (name_ == NameRule::kDropNow) out->labels = WithoutMetadata(in.labels, &name_scratch_);
  if (name_ == NameRule::kMarkDrop) out->drop_name = true;
  THANOS_RETURN_IF_ERROR(Transform(in, scratch, out));
  if (guard_) THANOS_RETURN_IF_ERROR(guard_->Add(out->labels, *out));
  return OkStatus();
}

Result<RowBatchRef> RowwiseOperator::Produce() {
  if (!std::exchange(prepared_, true)) THANOS_RETURN_IF_ERROR(Prepare());
  while (true) {
    THANOS_ASSIGN_OR_RETURN(RowBatchRef input, input_->Next());
    if (input == nullptr) return RowBatchRef();
    RowBatchBuilder builder(state_, grid_);
    Scratch scratch;
    for (const Row& row : input->rows()) {
      THANOS_RETURN_IF_ERROR(state_->Check());
      if (scratch.values == nullptr) scratch.values = builder.NewValues();
      if (scratch.bits == nullptr) scratch.bits = builder.NewBits();
      Row out;
      THANOS_RETURN_IF_ERROR(Apply(row, &scratch, &out));
      if (out.labels.encoded().data() != row.labels.encoded().data()) {
        out.labels = builder.CopyLabels(out.labels);
      }
      // What a row did not use serves the next; what an empty row wrote is wiped.
      const bool empty = !out.HasPoints(grid_.words());
      if (out.histograms == scratch.cells.column()) {
        out.histograms = builder.CopyHistograms(out.histograms);
      }
      if (out.present == scratch.bits) {
        if (!empty) scratch.bits = nullptr;
      }
      if (out.values == scratch.values && !empty) scratch.values = nullptr;
      if (!empty) builder.Add(out);
    }
    if (builder.empty()) continue;
    builder.Pin(std::move(input));
    return builder.Finish();
  }
}

Status RowwiseOperator::Drain(const RowSink& sink) {
  if (!state_->options.fuse) return Operator::Drain(sink);
  if (!std::exchange(prepared_, true)) THANOS_RETURN_IF_ERROR(Prepare());
  std::vector<double> values(grid_.count);
  std::vector<uint64_t> bits(grid_.words());
  Scratch scratch{values.data(), bits.data(), {}, {}};
  return input_->ForEachRow([&](const Row& row) {
    THANOS_RETURN_IF_ERROR(state_->Check());
    std::fill(bits.begin(), bits.end(), 0);
    Row out;
    THANOS_RETURN_IF_ERROR(Apply(row, &scratch, &out));
    return out.HasPoints(grid_.words()) ? sink(out) : OkStatus();
  });
}

namespace {

OperatorTraits Named(std::string name) {
  OperatorTraits traits;
  traits.name = std::move(name);
  return traits;
}

class Elementwise final : public RowwiseOperator {
 public:
  Elementwise(FunctionId id, std::string_view name, OperatorPtr input,
              std::vector<ScalarPtr> params, NameRule rule, std::shared_ptr<QueryState> state)
      : RowwiseOperator(Named(std::string(name)), rule, std::move(input), std::move(state)),
        id_(id),
        params_(std::move(params)) {}

 protected:
  std::span<const ScalarPtr> parameters() const override { return params_; }
  Status Prepare() override {
    for (const ScalarPtr& param : params_) {
      THANOS_ASSIGN_OR_RETURN(const std::span<const double> values, param->Values());
      values_.push_back(values);
    }
    return OkStatus();
  }
  Status Transform(const Row& in, Scratch* scratch, Row* out) override {
    out->values = scratch->values;
    out->histograms = nullptr;
    if (id_ == FunctionId::kClamp) {  // Nothing at steps where max < min.
      std::memcpy(scratch->bits, in.present, grid_.words() * sizeof(uint64_t));
      for (size_t i = 0; i < grid_.count; ++i) {
        if (values_[1][i] < values_[0][i]) ClearBit(scratch->bits, i);
      }
      out->present = scratch->bits;
    }
    ApplyElementwise(id_, in.values, values_, out->present, grid_, scratch->values);
    return OkStatus();
  }

 private:
  const FunctionId id_;
  const std::vector<ScalarPtr> params_;
  std::vector<std::span<const double>> values_;
};

class UnaryMinus final : public RowwiseOperator {
 public:
  UnaryMinus(OperatorPtr input, NameRule rule, std::shared_ptr<QueryState> state)
      : RowwiseOperator(Named("negate"), rule, std::move(input), std::move(state)) {}

 protected:
  Status Transform(const Row& in, Scratch* scratch, Row* out) override {
    for (size_t i = 0; i < grid_.count; ++i) scratch->values[i] = -in.values[i];
    out->values = scratch->values;
    if (in.histograms == nullptr) return OkStatus();
    ForEachBit(in.histograms->present, grid_.words(), [&](size_t i) {
      model::FloatHistogram histogram = *in.histograms->at[i];
      Scale(-1, &histogram);
      scratch->cells.Set(i, std::move(histogram));
    });
    out->histograms = scratch->cells.column();
    return OkStatus();
  }
};

class StepTime final : public RowwiseOperator {
 public:
  StepTime(OperatorPtr input, NameRule rule, std::shared_ptr<QueryState> state)
      : RowwiseOperator(Named("timestamp of steps"), rule, std::move(input), std::move(state)) {}

 protected:
  Status Transform(const Row& in, Scratch* scratch, Row* out) override {
    for (size_t i = 0; i < grid_.count; ++i) {
      scratch->values[i] = static_cast<double>(grid_.At(i)) / 1000;
    }
    out->values = scratch->values;
    if (in.histograms == nullptr) return OkStatus();
    for (size_t w = 0; w < grid_.words(); ++w) scratch->bits[w] = in.PointsWord(w);
    out->present = scratch->bits;
    out->histograms = nullptr;
    return OkStatus();
  }
};

class Nothing final : public Operator {
 public:
  Nothing(OperatorPtr input, std::shared_ptr<QueryState> state)
      : Operator(input->grid(), Named("nothing")),
        state_(std::move(state)),
        input_(std::move(input)) {}
  std::vector<Operator*> children() const override { return {input_.get()}; }
  Result<RowBatchRef> Produce() override {
    THANOS_RETURN_IF_ERROR(input_->ForEachRow([this](const Row&) { return state_->Check(); }));
    return RowBatchRef();
  }

 private:
  const std::shared_ptr<QueryState> state_;
  const OperatorPtr input_;
};

class VectorScalar final : public RowwiseOperator {
 public:
  VectorScalar(TokenKind op, bool return_bool, bool scalar_is_left, OperatorPtr vector,
               ScalarPtr scalar, NameRule rule, SourceRange place,
               std::shared_ptr<QueryState> state)
      : RowwiseOperator(
            Named("vector " + std::string(Spelling(op)) + " scalar " + scalar->Describe()), rule,
            std::move(vector), std::move(state)),
        op_(op),
        filter_(IsComparison(op) && !return_bool),
        scalar_is_left_(scalar_is_left),
        scalar_(std::move(scalar)),
        place_(place) {}

 protected:
  std::span<const ScalarPtr> parameters() const override { return std::span(&scalar_, 1); }
  Status Prepare() override {
    THANOS_ASSIGN_OR_RETURN(values_, scalar_->Values());
    return OkStatus();
  }
  Status Transform(const Row& in, Scratch* scratch, Row* out) override {
    const double* lhs = scalar_is_left_ ? values_.data() : in.values;
    const double* rhs = scalar_is_left_ ? in.values : values_.data();
    if (IsTrim(op_) || in.histograms != nullptr) {
      TransformMixed(in, scratch, out);
      return OkStatus();
    }
    if (filter_) {
      std::memcpy(scratch->bits, in.present, grid_.words() * sizeof(uint64_t));
      FilterKernel(op_, lhs, rhs, grid_.count, scratch->bits);
      out->present = scratch->bits;
      return OkStatus();
    }
    BinaryKernel(op_, lhs, rhs, grid_.count, scratch->values);
    out->values = scratch->values;
    return OkStatus();
  }

 private:
  // Step by step: either kind may be at any.
  void TransformMixed(const Row& in, Scratch* scratch, Row* out) {
    const MixedBinary apply(op_, !filter_, place_, state_.get());
    for (size_t i = 0; i < grid_.count; ++i) {
      const MixedValue vector = MixedValue::Of(in, i);
      if (!vector.present()) continue;
      const MixedValue scalar{true, values_[i], nullptr, nullptr};
      MixedValue result =
          scalar_is_left_ ? apply.Apply(scalar, vector) : apply.Apply(vector, scalar);
      if (!result.present()) continue;
      // A filter keeps the vector's value on whichever side it stands.
      if (filter_ && scalar_is_left_) result = vector;
      if (result.is_float) {
        scratch->values[i] = result.value;
        SetBit(scratch->bits, i);
      } else {
        scratch->cells.Set(i, *result.histogram);
      }
    }
    out->values = scratch->values;
    out->present = scratch->bits;
    out->histograms = scratch->cells.column();
  }

  const TokenKind op_;
  const bool filter_;
  const bool scalar_is_left_;
  const ScalarPtr scalar_;
  const SourceRange place_;
  std::span<const double> values_;
};

class Repeat final : public Operator {
 public:
  Repeat(const Grid& grid, OperatorPtr input, std::shared_ptr<QueryState> state)
      : Operator(grid, Named("repeat at every step")),
        state_(std::move(state)),
        input_(std::move(input)) {
    traits_.unique_without_name = input_->traits().unique_without_name;
  }
  std::vector<Operator*> children() const override { return {input_.get()}; }

  Result<RowBatchRef> Produce() override {
    THANOS_ASSIGN_OR_RETURN(const RowBatchRef input, input_->Next());
    if (input == nullptr) return RowBatchRef();
    RowBatchBuilder builder(state_, grid_);
    for (const Row& row : input->rows()) {
      double* values = builder.NewValues();
      uint64_t* bits = builder.NewBits();
      std::fill(values, values + grid_.count, row.values[0]);
      if (TestBit(row.present, 0)) SetAllBits(bits, grid_.count);
      cells_.Clear(grid_.count);
      if (row.histograms != nullptr && TestBit(row.histograms->present, 0)) {
        for (size_t i = 0; i < grid_.count; ++i) cells_.Borrow(i, row.histograms->at[0]);
      }
      builder.Add({builder.CopyLabels(row.labels), row.drop_name, values, bits,
                   builder.CopyHistograms(cells_.column())});
    }
    return builder.Finish();
  }

 private:
  const std::shared_ptr<QueryState> state_;
  const OperatorPtr input_;
  HistogramCells cells_;
};

class HistogramStatistic final : public RowwiseOperator {
 public:
  HistogramStatistic(FunctionId id, std::string_view name, OperatorPtr input, NameRule rule,
                     std::shared_ptr<QueryState> state)
      : RowwiseOperator(Named(std::string(name)), rule, std::move(input), std::move(state)),
        id_(id) {}

 protected:
  Status Transform(const Row& in, Scratch* scratch, Row* out) override {
    out->values = scratch->values;
    out->present = scratch->bits;
    out->histograms = nullptr;
    if (in.histograms == nullptr) return OkStatus();
    ForEachBit(in.histograms->present, grid_.words(), [&](size_t i) {
      scratch->values[i] = ValueOf(*in.histograms->at[i]);
      SetBit(scratch->bits, i);
    });
    return OkStatus();
  }

 private:
  double ValueOf(const model::FloatHistogram& histogram) const {
    switch (id_) {
      case FunctionId::kHistogramCount:
        return histogram.count;
      case FunctionId::kHistogramSum:
        return histogram.sum;
      case FunctionId::kHistogramAvg:
        return histogram.sum / histogram.count;
      case FunctionId::kHistogramStddev:
        return std::sqrt(HistogramVariance(histogram));
      default:
        return HistogramVariance(histogram);
    }
  }
  const FunctionId id_;
};

class VectorOf final : public Operator {
 public:
  VectorOf(ScalarPtr scalar, std::shared_ptr<QueryState> state)
      : Operator(scalar->grid(), Named("vector(" + scalar->Describe() + ")")),
        state_(std::move(state)),
        scalar_(std::move(scalar)) {
    traits_.unique_without_name = true;
  }
  std::vector<Operator*> children() const override {
    std::vector<Operator*> out;
    scalar_->AppendBelow(&out);
    return out;
  }
  Result<RowBatchRef> Produce() override {
    if (std::exchange(done_, true) || grid_.count == 0) return RowBatchRef();
    THANOS_ASSIGN_OR_RETURN(const std::span<const double> values, scalar_->Values());
    RowBatchBuilder builder(state_, grid_);
    double* out = builder.NewValues();
    uint64_t* bits = builder.NewBits();
    std::copy(values.begin(), values.end(), out);
    SetAllBits(bits, grid_.count);
    builder.Add({LabelsView(), false, out, bits});
    return builder.Finish();
  }

 private:
  const std::shared_ptr<QueryState> state_;
  const ScalarPtr scalar_;
  bool done_ = false;
};

class Absent final : public Operator {
 public:
  Absent(std::string_view name, OperatorPtr input, Labels labels, std::shared_ptr<QueryState> state)
      : Operator(input->grid(), Named(std::string(name))),
        state_(std::move(state)),
        input_(std::move(input)),
        labels_(std::move(labels)) {
    traits_.holds = Holds::kGroups;
    traits_.bytes_per_row_step = 0.125;
    traits_.unique_without_name = true;
  }
  std::vector<Operator*> children() const override { return {input_.get()}; }
  Result<RowBatchRef> Produce() override {
    if (std::exchange(done_, true) || grid_.count == 0) return RowBatchRef();
    std::vector<uint64_t> seen(grid_.words());
    THANOS_RETURN_IF_ERROR(input_->ForEachRow([&](const Row& row) {
      for (size_t w = 0; w < seen.size(); ++w) seen[w] |= row.PointsWord(w);
      return OkStatus();
    }));
    RowBatchBuilder builder(state_, grid_);
    double* values = builder.NewValues();
    uint64_t* bits = builder.NewBits();
    std::fill(values, values + grid_.count, 1.0);
    SetAllBits(bits, grid_.count);
    for (size_t w = 0; w < seen.size(); ++w) bits[w] &= ~seen[w];
    builder.Add({builder.CopyLabels(labels_), false, values, bits});
    if (builder.empty()) return RowBatchRef();
    return builder.Finish();
  }

 private:
  const std::shared_ptr<QueryState> state_;
  const OperatorPtr input_;
  const Labels labels_;
  bool done_ = false;
};

}  // namespace

OperatorPtr MakeElementwise(FunctionId id, std::string_view name, OperatorPtr input,
                            std::vector<ScalarPtr> params, NameRule rule,
                            std::shared_ptr<QueryState> state) {
  return std::make_unique<Elementwise>(id, name, std::move(input), std::move(params), rule,
                                       std::move(state));
}
OperatorPtr MakeUnaryMinus(OperatorPtr input, NameRule rule, std::shared_ptr<QueryState> state) {
  return std::make_unique<UnaryMinus>(std::move(input), rule, std::move(state));
}
OperatorPtr MakeVectorScalar(TokenKind op, bool return_bool, bool scalar_is_left,
                             OperatorPtr vector, ScalarPtr scalar, NameRule rule, SourceRange place,
                             std::shared_ptr<QueryState> state) {
  return std::make_unique<VectorScalar>(op, return_bool, scalar_is_left, std::move(vector),
                                        std::move(scalar), rule, place, std::move(state));
}
OperatorPtr MakeHistogramStatistic(FunctionId id, std::string_view name, OperatorPtr input,
                                   NameRule rule, std::shared_ptr<QueryState> state) {
  return std::make_unique<HistogramStatistic>(id, name, std::move(input), rule, std::move(state));
}
OperatorPtr MakeStepTime(OperatorPtr input, NameRule rule, std::shared_ptr<QueryState> state) {
  return std::make_unique<StepTime>(std::move(input), rule, std::move(state));
}
OperatorPtr MakeNothing(OperatorPtr input, std::shared_ptr<QueryState> state) {
  return std::make_unique<Nothing>(std::move(input), std::move(state));
}
OperatorPtr MakeRepeat(const Grid& grid, OperatorPtr input, std::shared_ptr<QueryState> state) {
  return std::make_unique<Repeat>(grid, std::move(input), std::move(state));
}
OperatorPtr MakeVectorOf(ScalarPtr scalar, std::shared_ptr<QueryState> state) {
  return std::make_unique<VectorOf>(std::move(scalar), std::move(state));
}
OperatorPtr MakeAbsent(std::string_view name, OperatorPtr input, Labels labels,
                       std::shared_ptr<QueryState> state) {
  return std::make_unique<Absent>(name, std::move(input), std::move(labels), std::move(state));
}

}  // namespace thanos::promql
