// rate(), increase(), irate() and resets() of float counters whose samples say when they began.
#include "model/go_quote.h"
#include "promql/start_times.h"
#include "promql/window_function.h"

namespace thanos::promql {
namespace {

double SecondsBetween(int64_t from_ms, int64_t to_ms) {
  return static_cast<double>(to_ms - from_ms) / 1000;
}

bool IsReset(std::span<const int64_t> t, std::span<const double> v, std::span<const int64_t> starts,
             size_t i) {
  return v[i] < v[i - 1] || StartsAnew(t, starts, i);
}

}  // namespace

bool WindowFunction::UsesStartTimes() const {
  if (!state_->options.start_timestamps) return false;
  return spec_.id == FunctionId::kRate || spec_.id == FunctionId::kIncrease ||
         spec_.id == FunctionId::kIrate || spec_.id == FunctionId::kResets;
}

void WindowFunction::EvaluateWithStartTimes(std::span<const int64_t> t, std::span<const double> v,
                                            std::span<const int64_t> starts, LabelsView labels,
                                            WindowScratch* scratch, double* out,
                                            uint64_t* present) const {
  const WindowGeometry& geometry = scratch->cache.Find(t, false);
  scratch->visited += geometry.visited;
  MixedWindow window;
  window.name = model::GoQuoted(labels.Get(kMetricName));
  ForEachBit(geometry.any.data(), geometry.any.size(), [&](size_t i) {
    const size_t begin = geometry.begin[i];
    const size_t n = geometry.end[i] - begin;
    window.step = i;
    window.t = t.subspan(begin, n);
    window.v = v.subspan(begin, n);
    window.starts = StartsFrom(starts, begin, n);
    const std::optional<double> value = StartTimeStep(window);
    if (!value) return;
    out[i] = *value;
    SetBit(present, i);
  });
}

std::optional<double> WindowFunction::StartTimeStep(const MixedWindow& window) const {
  const std::span<const int64_t> t = window.t;
  const std::span<const double> v = window.v;
  const size_t n = t.size();
  if (spec_.id == FunctionId::kResets) {
    double resets = 0;
    for (size_t i = 1; i < n; ++i) resets += IsReset(t, v, window.starts, i) ? 1 : 0;
    return resets;
  }
  if (spec_.id == FunctionId::kIrate) {
    if (n < 2 || t[n - 1] == t[n - 2]) return std::nullopt;
    const double value = IsReset(t, v, window.starts, n - 1) ? v[n - 1] : v[n - 1] - v[n - 2];
    return value / SecondsBetween(t[n - 2], t[n - 1]);
  }
  return RateWithStartTimes(window);
}

std::optional<double> WindowFunction::RateWithStartTimes(const MixedWindow& window) const {
  const std::span<const double> v = window.v;
  double value = v.back() - v.front();
  NoteOverlap(window, window.t, window.starts);
  for (size_t i = 1; i < v.size(); ++i) {
    if (IsReset(window.t, v, window.starts, i)) value += v[i - 1];
  }
  const std::optional<Extrapolation> interval = IntervalOf(window, window.t, window.starts);
  if (!interval) return std::nullopt;
  if (interval->from_start) return (value + v.front()) * Factor(*interval);
  return value * Factor(LimitedByZero(*interval, v.front(), value));
}

// Where the value of a window lies and how far it reaches. Nothing: too few samples.
std::optional<WindowFunction::Extrapolation> WindowFunction::IntervalOf(
    const MixedWindow& window, std::span<const int64_t> t, std::span<const int64_t> starts) const {
  const int64_t end_ms = spec_.window.End(window.step);
  const int64_t start_ms = end_ms - spec_.window.range_ms;
  Extrapolation out;
  out.sampled = SecondsBetween(t.front(), t.back());
  // With a single sample there is no distance to judge by: nothing is added at the end.
  const double average = t.size() > 1 ? out.sampled / static_cast<double>(t.size() - 1) : 0;
  const double threshold = average * 1.1;
  out.to_start = SecondsBetween(start_ms, t.front());
  out.to_end = SecondsBetween(t.back(), end_ms);
  if (out.to_start >= threshold) out.to_start = average / 2;
  if (out.to_end >= threshold) out.to_end = average / 2;
  // A counter that began inside the window was zero then.
  const int64_t began = StartAt(starts, 0);
  if (UsesStartTimes() && began != 0 && began > start_ms && began < t.front()) {
    out.from_start = true;
    out.sampled = SecondsBetween(began, t.back());
    out.to_start = 0;
    return out;
  }
  if (t.size() < 2) return std::nullopt;
  return out;
}

// A counter cannot have been below zero.
WindowFunction::Extrapolation WindowFunction::LimitedByZero(Extrapolation interval, double first,
                                                            double value) {
  if (value > 0 && first >= 0) {
    const double to_zero = interval.sampled * (first / value);
    if (to_zero < interval.to_start) interval.to_start = to_zero;
  }
  return interval;
}

double WindowFunction::Factor(const Extrapolation& interval) const {
  double factor = 1;
  if (interval.sampled != 0) {
    factor = (interval.sampled + interval.to_start + interval.to_end) / interval.sampled;
  }
  if (spec_.id == FunctionId::kRate) factor /= spec_.window.range_seconds();
  return factor;
}

// Once for a window.
void WindowFunction::NoteOverlap(const MixedWindow& window, std::span<const int64_t> t,
                                 std::span<const int64_t> starts) const {
  for (size_t i = 1; i < t.size() && i < starts.size(); ++i) {
    if (!StartOverlaps(t, starts, i)) continue;
    state_->CountAnnotation(
        AnnotationKind::kWarning,
        "sample has start time that overlaps with previous sample timestamp for metric " +
            window.name,
        spec_.place);
    return;
  }
}

}  // namespace thanos::promql
