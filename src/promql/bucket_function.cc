// histogram_quantile() and histogram_fraction(): buckets of one histogram meet at every step.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/number_text.h"
#include "base/time_text.h"
#include "model/go_quote.h"
#include "promql/classic_buckets.h"
#include "promql/histogram_math.h"
#include "promql/holding.h"
#include "promql/label_sets.h"
#include "promql/numerics.h"

namespace thanos::promql {
namespace {

constexpr std::string_view kBucketLabel = "le";

class BucketFunction final : public Operator {
 public:
  BucketFunction(BucketSpec spec, std::vector<ScalarPtr> params, OperatorPtr input,
                 std::shared_ptr<QueryState> state)
      : Operator(input->grid(), OperatorTraits()),
        spec_(std::move(spec)),
        state_(std::move(state)),
        params_(std::move(params)),
        input_(std::move(input)) {
    traits_.name = spec_.fraction ? "histogram_fraction" : "histogram_quantile";
    traits_.holds = Holds::kInput;
    traits_.order = RowOrder::kGroups;
    traits_.bytes_per_row_step = 8.125;
    traits_.unique_without_name = input_->traits().unique_without_name;
    traits_.fragments = true;
    if (spec_.drop_now) guard_.emplace(state_->context.budget(), grid_, /*whole_series=*/false);
  }
  std::vector<Operator*> children() const override { return WithBelow(input_.get(), params_); }
  uint64_t held_bytes() const override { return held_bytes_; }

  Result<RowBatchRef> Produce() override {
    if (std::exchange(done_, true) || grid_.count == 0) return RowBatchRef();
    for (const ScalarPtr& param : params_) {
      THANOS_ASSIGN_OR_RETURN(const std::span<const double> values, param->Values());
      values_.push_back(values);
    }
    if (!spec_.fraction) AnnotateQuantiles();
    THANOS_RETURN_IF_ERROR(DrainInput());
    RowBatchBuilder builder(state_, grid_);
    for (Group* group : order_) {
      THANOS_RETURN_IF_ERROR(state_->Check());
      std::sort(group->rows.begin(), group->rows.end(),
                [](const BucketRow& a, const BucketRow& b) { return a.upper < b.upper; });
      const size_t rows = spec_.fraction ? 1 : values_.size();
      for (size_t q = 0; q < rows; ++q) {
        THANOS_RETURN_IF_ERROR(AddRow(*group, q, &builder));
      }
    }
    ReportFixes();
    return builder.Finish();
  }

 private:
  struct BucketRow {
    double upper;
    Row row;
  };
  struct Group {
    std::string labels;  // Without le.
    std::vector<BucketRow> rows;
    std::vector<Row> natives;
  };
  Status AddRow(const Group& group, size_t q, RowBatchBuilder* builder) {
    double* values = builder->NewValues();
    uint64_t* bits = builder->NewBits();
    Compute(group, q, values, bits);
    LabelsView labels(group.labels);
    std::string scratch;
    if (spec_.drop_now) labels = WithoutMetadata(labels, &scratch);
    if (!spec_.quantiles_label) return AddRow(labels, values, bits, builder);
    // The quantile may change from step to step: a row for each that occurs.
    std::vector<bool> done(grid_.count);
    for (size_t first = 0; first < grid_.count; ++first) {
      if (done[first] || !TestBit(bits, first)) continue;
      const std::string text = QuantileText(values_[q][first]);
      uint64_t* mine = builder->NewBits();
      for (size_t i = first; i < grid_.count; ++i) {
        if (done[i] || !TestBit(bits, i) || QuantileText(values_[q][i]) != text) continue;
        done[i] = true;
        SetBit(mine, i);
      }
      LabelsBuilder with_label(labels);
      with_label.Set(*spec_.quantiles_label, text);
      const Labels full = with_label.Build();
      THANOS_RETURN_IF_ERROR(AddRow(full, values, mine, builder));
    }
    return OkStatus();
  }

  Status AddRow(LabelsView labels, const double* values, const uint64_t* bits,
                RowBatchBuilder* builder) {
    if (guard_) THANOS_RETURN_IF_ERROR(guard_->Add(labels, bits));
    Row row;
    row.labels = builder->CopyLabels(labels);
    row.drop_name = !spec_.drop_now;
    row.values = values;
    row.present = bits;
    builder->Add(row);
    return OkStatus();
  }

  // As OpenMetrics writes it: 1.0 for 1.
  static std::string QuantileText(double q) {
    std::string text = base::FormatFloatG(q);
    if (std::isfinite(q) && text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
  }

  void AnnotateQuantiles() {
    for (size_t k = 0; k < values_.size(); ++k) {
      for (const double q : values_[k]) {
        if (q >= 0 && q <= 1) continue;
        state_->Annotate(AnnotationKind::kWarning,
                         "quantile value should be between 0 and 1, got " + base::FormatFloatG(q),
                         spec_.quantile_places[k]);
      }
    }
  }

  std::string NameSuffix(LabelsView labels) const {
    if (spec_.drop_now) return "";
    return " for metric name " + model::GoQuoted(labels.Get(kMetricName));
  }

  Status DrainInput() {
    LabelsBuilder builder;
    std::string key;
    while (true) {
      THANOS_ASSIGN_OR_RETURN(RowBatchRef batch, input_->Next());
      if (batch == nullptr) return OkStatus();
      for (const Row& row : batch->rows()) {
        if (row.histograms != nullptr) {
          GroupOf(std::string(row.labels.encoded())).natives.push_back(row);
        }
        if (!AnyBit(row.present, grid_.words())) continue;
        const std::string_view bound = row.labels.Get(kBucketLabel);
        const Result<double> upper = base::ParseGoFloat(bound);
        if (!upper.ok()) {
          state_->Annotate(AnnotationKind::kWarning,
                           "bucket label \"le\" is missing or has a malformed value of " +
                               model::GoQuoted(bound) + NameSuffix(row.labels),
                           spec_.place);
          continue;
        }
        builder.Reset(row.labels);
        builder.Remove(kBucketLabel);
        builder.BuildTo(&key);
        GroupOf(key).rows.push_back({*upper, row});
      }
      THANOS_RETURN_IF_ERROR(batch->CountPoints());
      held_bytes_ += batch->bytes();
      held_.push_back(std::move(batch));
    }
  }

  Group& GroupOf(const std::string& key) {
    const auto [at, added] = groups_.try_emplace(key);
    if (added) {
      at->second.labels = key;
      order_.push_back(&at->second);
    }
    return at->second;
  }

  const FloatHistogram* NativeOf(const Group& group, size_t i) const {
    for (const Row& row : group.natives) {
      if (TestBit(row.histograms->present, i)) return row.histograms->at[i];
    }
    return nullptr;
  }

  double NativeValue(const FloatHistogram& histogram, size_t q, size_t i, LabelsView labels) {
    HistogramIssue issue = HistogramIssue::kNone;
    const double value = spec_.fraction
                             ? HistogramFraction(values_[0][i], values_[1][i], histogram, &issue)
                             : HistogramQuantile(values_[q][i], histogram, &issue);
    const auto note = [&](const char* text) {
      state_->Annotate(AnnotationKind::kInfo, text + NameSuffix(labels), spec_.place);
    };
    switch (issue) {
      case HistogramIssue::kNone:
        break;
      case HistogramIssue::kNanResult:
        note("input to histogram_quantile has NaN observations, result is NaN");
        break;
      case HistogramIssue::kNanSkew:
        note("input to histogram_quantile has NaN observations, result is skewed higher");
        break;
      case HistogramIssue::kNanFraction:
        note(
            "input to histogram_fraction has NaN observations, which are excluded from all "
            "fractions");
        break;
    }
    return value;
  }

  void Compute(const Group& group, size_t q, double* values, uint64_t* bits) {
    std::vector<Bucket> buckets;
    for (size_t i = 0; i < grid_.count; ++i) {
      buckets.clear();
      for (const BucketRow& bucket : group.rows) {
        if (TestBit(bucket.row.present, i)) {
          buckets.push_back({bucket.upper, bucket.row.values[i]});
        }
      }
      const FloatHistogram* native = NativeOf(group, i);
      if (native != nullptr && !buckets.empty()) {
        state_->Annotate(AnnotationKind::kWarning,
                         "vector contains a mix of classic and native histograms" +
                             NameSuffix(LabelsView(group.labels)),
                         spec_.place);
        continue;
      }
      if (native != nullptr) {
        values[i] = NativeValue(*native, q, i, LabelsView(group.labels));
        SetBit(bits, i);
        continue;
      }
      if (buckets.empty()) continue;
      SetBit(bits, i);
      if (spec_.fraction) {
        values[i] = BucketFraction(values_[0][i], values_[1][i], &buckets);
        continue;
      }
      MonotonicityFix fix;
      values[i] = BucketQuantile(values_[q][i], &buckets, &fix);
      if (fix.forced) NoteFix(LabelsView(group.labels), fix, grid_.At(i));
    }
  }

  void NoteFix(LabelsView labels, const MonotonicityFix& fix, int64_t t) {
    const MonotonicityFixes one{fix, 1, t, t};
    const auto [at, added] = fixes_.try_emplace(NameSuffix(labels), one);
    if (!added) at->second.Add(one);
  }

  void ReportFixes() {
    for (const auto& [suffix, fixes] : fixes_) {
      state_->NoteMonotonicity(suffix, spec_.place, fixes);
    }
  }

  const BucketSpec spec_;
  const std::shared_ptr<QueryState> state_;
  const std::vector<ScalarPtr> params_;
  const OperatorPtr input_;
  std::vector<std::span<const double>> values_;
  std::vector<RowBatchRef> held_;
  uint64_t held_bytes_ = 0;
  TextMap<Group> groups_;
  std::vector<Group*> order_;
  std::map<std::string, MonotonicityFixes> fixes_;  // By the suffix that names the metric.
  std::optional<DuplicateGuard> guard_;
  bool done_ = false;
};

}  // namespace

OperatorPtr MakeBucketFunction(BucketSpec spec, std::vector<ScalarPtr> params, OperatorPtr input,
                               std::shared_ptr<QueryState> state) {
  return std::make_unique<BucketFunction>(std::move(spec), std::move(params), std::move(input),
                                          std::move(state));
}

}  // namespace thanos::promql
