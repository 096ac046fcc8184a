#include "promql/range_result.h"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "promql/aggregate.h"
#include "promql/histogram_math.h"

namespace thanos::promql {
namespace {

// Samples of all series. One thread.
class RangeSamples {
 public:
  explicit RangeSamples(std::shared_ptr<QueryState> state)
      : state_(std::move(state)), lease_(state_->context.budget()) {}
  ~RangeSamples() { state_->LetGo(points_); }
  RangeSamples(const RangeSamples&) = delete;

  struct Series {
    Labels labels;
    std::vector<int64_t> t;
    std::vector<double> v;
    std::vector<int64_t> histogram_t;
    std::vector<std::shared_ptr<const model::FloatHistogram>> histograms;
  };

  Status Add(LabelsView labels, const chunk::Columns& columns) {
    Series series;
    uint64_t points = 0;
    for (size_t i = 0; i < columns.histograms.size(); ++i) {
      if (columns.histograms[i].is_stale()) continue;
      points += SizeInSamples(columns.histograms[i]);
      series.histogram_t.push_back(columns.histogram_t[i]);
      series.histograms.push_back(
          std::make_shared<const model::FloatHistogram>(columns.histograms[i]));
    }
    for (size_t i = 0; i < columns.t.size(); ++i) {
      if (model::IsStaleNan(columns.v[i])) continue;
      series.t.push_back(columns.t[i]);
      series.v.push_back(columns.v[i]);
    }
    points += series.t.size();
    if (points == 0) return OkStatus();
    series.labels = Labels(labels);
    THANOS_RETURN_IF_ERROR(state_->Hold(points));
    points_ += points;
    THANOS_RETURN_IF_ERROR(lease_.Grow(points * 16 + labels.encoded().size() + 96));
    series_.push_back(std::move(series));
    return OkStatus();
  }
  std::deque<Series>& series() { return series_; }

 private:
  const std::shared_ptr<QueryState> state_;
  GrowingLease lease_;
  uint64_t points_ = 0;
  std::deque<Series> series_;
};

Status ReadAll(const ScanSpec& spec, QueryState& state, RangeSamples* samples) {
  state.selects.fetch_add(1);
  THANOS_ASSIGN_OR_RETURN(const std::unique_ptr<SeriesCursor> cursor,
                          state.source->Select(state.context, spec.request));
  cursor->Start();
  series::SampleReader reader;
  chunk::Columns columns;
  while (true) {
    THANOS_RETURN_IF_ERROR(state.Check());
    THANOS_ASSIGN_OR_RETURN(const SeriesBatchRef batch, cursor->Next());
    if (batch == nullptr) break;
    THANOS_RETURN_IF_ERROR(state.CountSeries(batch->series().size()));
    for (const SeriesView& series : batch->series()) {
      THANOS_RETURN_IF_ERROR(reader.Read(series, spec.read, &columns));
      state.samples_decoded.fetch_add(columns.t.size());
      state.samples_queryable.fetch_add(columns.t.size());
      THANOS_RETURN_IF_ERROR(samples->Add(series.labels, columns));
    }
  }
  state.AddWarnings(cursor->TakeWarnings(), cursor->end().partial);
  return OkStatus();
}

}  // namespace

Status ReadRange(const ScanSpec& spec, std::shared_ptr<QueryState> state, QueryResult* result) {
  if (spec.function.extension != Extension::kNone) {
    return UnimplementedError(
        "anchored and smoothed are not supported yet for a range selector without a function");
  }
  auto samples = std::make_shared<RangeSamples>(state);
  if (Status status = ReadAll(spec, *state, samples.get()); !status.ok()) {
    if (Status mine = state->Check(); !mine.ok()) return mine;
    return status.WithContext("expanding series");
  }
  for (const RangeSamples::Series& series : samples->series()) {
    result->series.push_back(
        {series.labels, series.t, series.v, nullptr, series.histograms, series.histogram_t});
  }
  std::sort(result->series.begin(), result->series.end(),
            [](const ResultSeries& a, const ResultSeries& b) { return a.labels < b.labels; });
  result->owner = std::move(samples);
  return OkStatus();
}

}  // namespace thanos::promql
