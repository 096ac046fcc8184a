#include "promql/aggregate.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/go_quote.h"
#include "promql/binary_kernels.h"
#include "promql/histogram_math.h"
#include "promql/numerics.h"

namespace thanos::promql {

GroupIndex::GroupIndex(const AggregateSpec& spec)
    : keyer_(spec.grouping, !spec.without), places_(16) {}

size_t GroupIndex::Find(const Row& row) {
  keyer_.KeyOf(row.labels, &key_);
  const uint64_t hash = std::hash<std::string_view>()(key_);
  size_t place = hash & (places_.size() - 1);
  for (; places_[place] != 0; place = (place + 1) & (places_.size() - 1)) {
    Group& group = groups_[places_[place] - 1];
    if (group.hash != hash || KeyOf(group) != key_) continue;
    group.drop_name |= row.drop_name;
    return places_[place] - 1;
  }
  groups_.push_back({hash, text_.size(), static_cast<uint32_t>(key_.size()), row.drop_name});
  text_ += key_;
  places_[place] = static_cast<uint32_t>(groups_.size());
  if (2 * groups_.size() > places_.size()) Spread();
  return groups_.size() - 1;
}

void GroupIndex::Spread() {
  places_.assign(2 * places_.size(), 0);
  for (uint32_t group = 0; group < groups_.size(); ++group) {
    size_t place = groups_[group].hash & (places_.size() - 1);
    while (places_[place] != 0) place = (place + 1) & (places_.size() - 1);
    places_[place] = group + 1;
  }
}

Status GrowingLease::Grow(size_t bytes) {
  held_ += bytes;
  if (budget_ == nullptr) return OkStatus();
  constexpr size_t kGrain = 64 << 10;
  pending_ += bytes;
  if (pending_ < kGrain && lease_.bytes() != 0) return OkStatus();
  const size_t charge = std::exchange(pending_, 0);
  if (lease_.bytes() != 0) return lease_.Grow(charge);
  THANOS_ASSIGN_OR_RETURN(lease_, BudgetLease::Take(budget_, charge));
  return OkStatus();
}

void GrowingLease::Shrink(size_t bytes) {
  held_ -= std::min<uint64_t>(bytes, held_);
  const size_t waiting = std::min(bytes, pending_);
  pending_ -= waiting;
  lease_.Shrink(bytes - waiting);
}

OperatorTraits AggregateTraits(const AggregateSpec& spec, double bytes_per_group_step) {
  OperatorTraits traits;
  traits.name = spec.text;
  traits.holds = Holds::kGroups;
  traits.order = RowOrder::kGroups;
  traits.bytes_per_row_step = bytes_per_group_step;
  traits.unique_without_name =
      !spec.without && std::none_of(spec.grouping.begin(), spec.grouping.end(),
                                    [](const std::string& name) { return IsMetadataLabel(name); });
  return traits;
}

namespace {

// Histograms of a group at one step.
struct HistogramGroup {
  std::unique_ptr<HistogramAverage> sum;
  bool incompatible = false;
};

// State of one group: up to three columns and the steps seen.
struct Group {
  std::vector<double> a, b, c;
  std::vector<uint64_t> seen;
  std::vector<HistogramGroup> histograms;  // By step; empty until one comes.
};

bool IsFull(const uint64_t* bits, size_t count) {
  size_t w = 0;
  for (; w < count / 64; ++w) {
    if (bits[w] != ~uint64_t{0}) return false;
  }
  return count % 64 == 0 || bits[w] == (uint64_t{1} << (count % 64)) - 1;
}

// How an operator folds a row into its group and what it makes of the group in the end.
class Reducer {
 public:
  explicit Reducer(const Grid& grid) : grid_(grid) {}
  virtual ~Reducer() = default;
  virtual double bytes_per_group_step() const = 0;
  virtual void Begin(Group* group) const { group->a.assign(grid_.count, 0); }
  virtual void Add(Group* group, const Row& row) const = 0;
  virtual void Finish(Group* group, double* out) const {
    std::copy(group->a.begin(), group->a.end(), out);
  }

 protected:
  template <typename Body>
  void ForPoints(const Row& row, Body body) const {
    ForEachBit(row.present, grid_.words(), body);
  }
  const Grid grid_;
};

class SumReducer final : public Reducer {
 public:
  using Reducer::Reducer;
  double bytes_per_group_step() const override { return 16.125; }
  void Begin(Group* group) const override {
    group->a.assign(grid_.count, -0.0);  // The first value's sign survives: -0 + x is x.
    group->b.assign(grid_.count, 0);
  }
  void Add(Group* group, const Row& row) const override {
    double* sum = group->a.data();
    double* compensation = group->b.data();
    if (IsFull(row.present, grid_.count)) {
      return KahanAddRow(row.values, grid_.count, sum, compensation);
    }
    ForPoints(row, [&](size_t i) { KahanAdd(row.values[i], sum[i], compensation[i]); });
  }
  void Finish(Group* group, double* out) const override {
    for (size_t i = 0; i < grid_.count; ++i) out[i] = group->a[i] + group->b[i];
  }
};

// Sums; where the sum overflows, the mean from there on (its count is kept negative).
class AvgReducer final : public Reducer {
 public:
  using Reducer::Reducer;
  double bytes_per_group_step() const override { return 24.125; }
  void Begin(Group* group) const override {
    group->a.assign(grid_.count, -0.0);
    group->b.assign(grid_.count, 0);
    group->c.assign(grid_.count, 0);
  }
  void Add(Group* group, const Row& row) const override {
    ForPoints(row,
              [&](size_t i) { AddPoint(row.values[i], group->a[i], group->b[i], group->c[i]); });
  }
  void Finish(Group* group, double* out) const override {
    for (size_t i = 0; i < grid_.count; ++i) {
      const double count = group->c[i];
      out[i] = count < 0 ? group->a[i] + group->b[i] : group->a[i] / count + group->b[i] / count;
    }
  }

 private:
  static void AddPoint(double x, double& sum, double& compensation, double& count) {
    if (count >= 0) {
      ++count;
      double next = sum;
      double next_compensation = compensation;
      KahanAdd(x, next, next_compensation);
      if (count == 1 || !std::isinf(next)) {
        sum = next;
        compensation = next_compensation;
        return;
      }
      sum /= count - 1;
      compensation /= count - 1;
      count = -count;
    } else {
      --count;
    }
    const double n = -count;
    const double q = (n - 1) / n;
    sum *= q;
    compensation *= q;
    KahanAdd(x / n, sum, compensation);
  }
};

class ExtremeReducer final : public Reducer {
 public:
  ExtremeReducer(const Grid& grid, bool maximum) : Reducer(grid), maximum_(maximum) {}
  double bytes_per_group_step() const override { return 8.125; }
  void Begin(Group* group) const override { group->a.assign(grid_.count, kNaN); }
  void Add(Group* group, const Row& row) const override {
    ForPoints(row, [&](size_t i) {
      double& best = group->a[i];
      const double x = row.values[i];
      if ((maximum_ ? best < x : best > x) || std::isnan(best)) best = x;
    });
  }

 private:
  const bool maximum_;
};

class CountReducer final : public Reducer {
 public:
  using Reducer::Reducer;
  double bytes_per_group_step() const override { return 8.125; }
  void Add(Group* group, const Row& row) const override {
    ForPoints(row, [&](size_t i) { ++group->a[i]; });
  }
};

class GroupReducer final : public Reducer {
 public:
  using Reducer::Reducer;
  double bytes_per_group_step() const override { return 8.125; }
  void Begin(Group* group) const override { group->a.assign(grid_.count, 1); }
  void Add(Group*, const Row&) const override {}
};

// Welford's algorithm: a is the mean, b the sum of squares, c the count.
class VarianceReducer final : public Reducer {
 public:
  VarianceReducer(const Grid& grid, bool root) : Reducer(grid), root_(root) {}
  double bytes_per_group_step() const override { return 24.125; }
  void Begin(Group* group) const override {
    group->a.assign(grid_.count, 0);
    group->b.assign(grid_.count, 0);
    group->c.assign(grid_.count, 0);
  }
  void Add(Group* group, const Row& row) const override {
    ForPoints(row, [&](size_t i) {
      const double x = row.values[i];
      const double count = ++group->c[i];
      if (count == 1) {
        group->a[i] = x;
        group->b[i] = std::isfinite(x) ? 0 : kNaN;
        return;
      }
      const double delta = x - group->a[i];
      group->a[i] += delta / count;
      group->b[i] += delta * (x - group->a[i]);
    });
  }
  void Finish(Group* group, double* out) const override {
    for (size_t i = 0; i < grid_.count; ++i) {
      const double variance = group->b[i] / group->c[i];
      out[i] = root_ ? std::sqrt(variance) : variance;
    }
  }

 private:
  const bool root_;
};

std::unique_ptr<Reducer> MakeReducer(TokenKind op, const Grid& grid) {
  switch (op) {
    case TokenKind::kSum:
      return std::make_unique<SumReducer>(grid);
    case TokenKind::kAvg:
      return std::make_unique<AvgReducer>(grid);
    case TokenKind::kCount:
      return std::make_unique<CountReducer>(grid);
    case TokenKind::kGroup:
      return std::make_unique<GroupReducer>(grid);
    case TokenKind::kMin:
      return std::make_unique<ExtremeReducer>(grid, false);
    case TokenKind::kMax:
      return std::make_unique<ExtremeReducer>(grid, true);
    case TokenKind::kStddev:
      return std::make_unique<VarianceReducer>(grid, true);
    default:
      return std::make_unique<VarianceReducer>(grid, false);
  }
}

constexpr size_t kGroupsPerBatch = 64;

class Reduce final : public Operator {
 public:
  Reduce(AggregateSpec spec, std::unique_ptr<Reducer> reducer, OperatorPtr input,
         std::shared_ptr<QueryState> state)
      : Operator(input->grid(), AggregateTraits(spec, reducer->bytes_per_group_step())),
        state_(std::move(state)),
        op_(spec.op),
        place_(spec.inner_place),
        reducer_(std::move(reducer)),
        input_(std::move(input)),
        index_(spec),
        lease_(state_->context.budget()) {}
  std::vector<Operator*> children() const override { return {input_.get()}; }

  Result<RowBatchRef> Produce() override {
    if (!std::exchange(drained_, true)) {
      THANOS_RETURN_IF_ERROR(input_->ForEachRow([this](const Row& row) { return Add(row); }));
    }
    if (emitted_ == groups_.size()) return RowBatchRef();
    RowBatchBuilder builder(state_, grid_);
    for (size_t n = 0; n < kGroupsPerBatch && emitted_ < groups_.size(); ++n, ++emitted_) {
      Group& group = groups_[emitted_];
      double* values = builder.NewValues();
      uint64_t* bits = builder.NewBits();
      reducer_->Finish(&group, values);
      std::copy(group.seen.begin(), group.seen.end(), bits);
      cells_.Clear(grid_.count);
      if (!group.histograms.empty()) FinishHistograms(&group, bits);
      builder.Add({builder.CopyLabels(index_.labels(emitted_)), index_.drop_name(emitted_), values,
                   bits, builder.CopyHistograms(cells_.column())});
      group = Group();
      lease_.Shrink(GroupBytes());
    }
    return builder.Finish();
  }
  uint64_t held_bytes() const override { return lease_.held_bytes(); }

 private:
  // What every group takes to the end, beside its labels.
  static constexpr size_t kGroupBytes = 128;

  // What goes when the group is handed over.
  size_t GroupBytes() const {
    return static_cast<size_t>(reducer_->bytes_per_group_step() * static_cast<double>(grid_.count));
  }

  Status Add(const Row& row) {
    const size_t number = index_.Find(row);
    if (number == groups_.size()) {
      Group& group = groups_.emplace_back();
      reducer_->Begin(&group);
      group.seen.assign(grid_.words(), 0);
      THANOS_RETURN_IF_ERROR(
          lease_.Grow(GroupBytes() + kGroupBytes + index_.labels(number).encoded().size()));
    }
    Group& group = groups_[number];
    for (size_t w = 0; w < grid_.words(); ++w) group.seen[w] |= row.present[w];
    reducer_->Add(&group, row);
    return row.histograms != nullptr ? AddHistograms(row, &group) : OkStatus();
  }

  Status AddHistograms(const Row& row, Group* group) {
    const HistogramColumn& column = *row.histograms;
    switch (op_) {
      case TokenKind::kCount:
      case TokenKind::kGroup:
        ForEachBit(column.present, grid_.words(), [&](size_t i) {
          if (op_ == TokenKind::kCount) ++group->a[i];
          SetBit(group->seen.data(), i);
        });
        return OkStatus();
      case TokenKind::kSum:
      case TokenKind::kAvg:
        break;
      default:
        if (AnyBit(column.present, grid_.words())) {
          state_->Annotate(AnnotationKind::kInfo,
                           "ignored histogram in " + std::string(Spelling(op_)) + " aggregation",
                           place_);
        }
        return OkStatus();
    }
    size_t grown = 0;
    if (group->histograms.empty()) {
      group->histograms.resize(grid_.count);
      grown += grid_.count * sizeof(HistogramGroup);
    }
    ForEachBit(column.present, grid_.words(), [&](size_t i) {
      HistogramGroup& state = group->histograms[i];
      if (state.sum == nullptr) {
        state.sum = std::make_unique<HistogramAverage>(*column.at[i], op_ == TokenKind::kAvg);
        // The sum and its compensation.
        grown += sizeof(HistogramAverage) + 2 * 16 * SizeInSamples(*column.at[i]);
      } else if (!state.incompatible && !state.sum->Add(*column.at[i])) {
        state.incompatible = true;
        state_->Annotate(AnnotationKind::kWarning,
                         "vector contains a mix of histograms with exponential and custom buckets "
                         "schemas for metric name " +
                             model::GoQuoted(row.labels.Get(kMetricName)),
                         place_);
      }
    });
    return lease_.Grow(grown);
  }

  // Steps with both kinds, or with buckets of both layouts, give nothing.
  void FinishHistograms(Group* group, uint64_t* bits) {
    for (size_t i = 0; i < grid_.count; ++i) {
      HistogramGroup& state = group->histograms[i];
      if (state.sum == nullptr) continue;
      if (TestBit(bits, i)) {
        ClearBit(bits, i);
        state_->Annotate(AnnotationKind::kWarning,
                         "encountered a mix of histograms and floats for aggregation", place_);
        continue;
      }
      if (state.incompatible) continue;
      if (state.sum->hint_collision()) {
        state_->Annotate(AnnotationKind::kWarning,
                         "conflicting counter resets during histogram aggregation", place_);
      }
      if (state.sum->bounds_reconciled()) {
        state_->Annotate(AnnotationKind::kInfo,
                         "mismatched custom buckets were reconciled during aggregation", place_);
      }
      cells_.Set(i, state.sum->Result());
    }
  }

  const std::shared_ptr<QueryState> state_;
  const TokenKind op_;
  const SourceRange place_;
  const std::unique_ptr<Reducer> reducer_;
  const OperatorPtr input_;
  GroupIndex index_;
  GrowingLease lease_;
  std::vector<Group> groups_;
  HistogramCells cells_;
  bool drained_ = false;
  size_t emitted_ = 0;
};

}  // namespace

OperatorPtr MakeReduce(AggregateSpec spec, OperatorPtr input, std::shared_ptr<QueryState> state) {
  std::unique_ptr<Reducer> reducer = MakeReducer(spec.op, input->grid());
  return std::make_unique<Reduce>(std::move(spec), std::move(reducer), std::move(input),
                                  std::move(state));
}

OperatorPtr MakeAggregate(AggregateSpec spec, OperatorPtr input, ScalarPtr param,
                          std::shared_ptr<QueryState> state) {
  switch (spec.op) {
    case TokenKind::kTopk:
    case TokenKind::kBottomk:
      return MakeTopk(std::move(spec), std::move(input), std::move(param), std::move(state));
    case TokenKind::kLimitk:
    case TokenKind::kLimitRatio:
      return MakeLimit(std::move(spec), std::move(input), std::move(param), std::move(state));
    case TokenKind::kQuantile:
      return MakeQuantile(std::move(spec), std::move(input), std::move(param), std::move(state));
    case TokenKind::kCountValues:
      return MakeCountValues(std::move(spec), std::move(input), std::move(state));
    default:
      return MakeReduce(std::move(spec), std::move(input), std::move(state));
  }
}

}  // namespace thanos::promql
