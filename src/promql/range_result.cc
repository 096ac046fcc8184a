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
    series.t.reserve(columns.t.size());
    series.v.reserve(columns.v.size());
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

double Interpolated(const chunk::Columns& columns, size_t before, int64_t at_ms) {
  const double y1 = columns.v[before];
  const double y2 = columns.v[before + 1];
  return y1 + (y2 - y1) * static_cast<double>(at_ms - columns.t[before]) /
                  static_cast<double>(columns.t[before + 1] - columns.t[before]);
}

// anchored, smoothed: the first point lies on the start of the window, the last one on its end.
Status ExtendToBorders(const WindowFunction::Spec& function, chunk::Columns* columns) {
  const bool smoothed = function.extension == Extension::kSmoothed;
  for (const model::FloatHistogram& histogram : columns->histograms) {
    if (histogram.is_stale()) continue;
    return FailedPreconditionError(smoothed ? "smoothed modifier is not supported with histograms"
                                            : "anchored modifier is not supported with histograms");
  }
  size_t n = 0;
  for (size_t i = 0; i < columns->t.size(); ++i) {
    if (model::IsStaleNan(columns->v[i])) continue;
    columns->t[n] = columns->t[i];
    columns->v[n++] = columns->v[i];
  }
  columns->t.resize(n);
  columns->v.resize(n);
  columns->st.clear();
  const std::vector<int64_t>& t = columns->t;
  const int64_t end_ms = function.window.End(0) - function.window_past_end_ms;
  const int64_t start_ms = end_ms - function.inner_range_ms;
  const auto index_of = [&t](auto at) { return static_cast<size_t>(at - t.begin()); };
  const size_t up_to_start = index_of(std::upper_bound(t.begin(), t.end(), start_ms));
  size_t last = n - 1;
  if (smoothed) last = std::min(last, index_of(std::lower_bound(t.begin(), t.end(), end_ms)));
  if (n == 0 || t[last] <= start_ms) {
    columns->Clear();
    return OkStatus();
  }
  const size_t first = up_to_start > 0 ? up_to_start - 1 : 0;
  const bool between_first = smoothed && t[first] < start_ms;
  const bool between_last = smoothed && last > 0 && t[last] > end_ms;
  const double left = between_first ? Interpolated(*columns, first, start_ms) : columns->v[first];
  const double right = between_last ? Interpolated(*columns, last - 1, end_ms) : columns->v[last];
  std::vector<int64_t> times = {start_ms};
  std::vector<double> values = {left};
  for (size_t i = up_to_start; i <= last && t[i] < end_ms; ++i) {
    times.push_back(t[i]);
    values.push_back(columns->v[i]);
  }
  times.push_back(end_ms);
  values.push_back(right);
  columns->t = std::move(times);
  columns->v = std::move(values);
  return OkStatus();
}

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
    THANOS_ASSIGN_OR_RETURN(const auto turn, state.TakeTurn());
    THANOS_RETURN_IF_ERROR(state.CountSeries(batch->series().size()));
    for (const SeriesView& series : batch->series()) {
      THANOS_RETURN_IF_ERROR(reader.Read(series, spec.read, &columns));
      if (spec.function.extension != Extension::kNone) {
        THANOS_RETURN_IF_ERROR(ExtendToBorders(spec.function, &columns));
      }
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
