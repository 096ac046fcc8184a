// anchored and smoothed: windows whose borders are looked up or interpolated, not extrapolated.
#include <algorithm>
#include <cmath>

#include "model/go_quote.h"
#include "promql/histogram_math.h"
#include "promql/numerics.h"
#include "promql/window_function.h"

namespace thanos::promql {
namespace {

// The value on the line between two samples. A counter that fell began anew at zero.
double Interpolate(std::span<const int64_t> t, std::span<const double> v, size_t before,
                   int64_t at_ms, bool counter) {
  double y1 = v[before];
  const double y2 = v[before + 1];
  if (counter && y2 < y1) y1 = 0;
  return y1 + (y2 - y1) * static_cast<double>(at_ms - t[before]) /
                  static_cast<double>(t[before + 1] - t[before]);
}

// Number of samples at or before a time.
size_t CountUpTo(std::span<const int64_t> t, int64_t at_ms) {
  return static_cast<size_t>(std::upper_bound(t.begin(), t.end(), at_ms) - t.begin());
}

}  // namespace

void WindowFunction::EvaluateExtended(std::span<const int64_t> t, std::span<const double> v,
                                      WindowScratch* scratch, double* out,
                                      uint64_t* present) const {
  const WindowGeometry& geometry = scratch->cache.Find(t, false);
  scratch->visited += geometry.visited;
  ForEachBit(geometry.any.data(), geometry.any.size(), [&](size_t i) {
    const size_t begin = geometry.begin[i];
    const size_t n = geometry.end[i] - begin;
    const int64_t end_ms = spec_.window.End(i) - spec_.window_past_end_ms;
    const std::optional<double> value =
        spec_.kind == WindowKind::kLatest
            ? SmoothedAt(t.subspan(begin, n), v.subspan(begin, n), end_ms)
            : ExtendedStep(t.subspan(begin, n), v.subspan(begin, n), end_ms);
    if (!value) return;
    out[i] = *value;
    SetBit(present, i);
  });
}

std::optional<double> WindowFunction::SmoothedAt(std::span<const int64_t> t,
                                                 std::span<const double> v, int64_t at_ms) const {
  const size_t before = CountUpTo(t, at_ms);
  if (before == 0) return std::nullopt;
  if (before == t.size() || t[before - 1] == at_ms) return v[before - 1];
  return Interpolate(t, v, before - 1, at_ms, /*counter=*/false);
}

// `t` and `v` reach beyond the window [end - range, end] by the look-back.
std::optional<double> WindowFunction::ExtendedStep(std::span<const int64_t> t,
                                                   std::span<const double> v,
                                                   int64_t end_ms) const {
  const int64_t start_ms = end_ms - spec_.inner_range_ms;
  const size_t up_to_start = CountUpTo(t, start_ms);
  const size_t first = up_to_start > 0 ? up_to_start - 1 : 0;
  if (up_to_start == t.size()) return std::nullopt;  // Nothing after the start.
  if (spec_.id == FunctionId::kChanges || spec_.id == FunctionId::kResets) {
    double pairs = 0;
    for (size_t k = first + 1; k < t.size(); ++k) {
      const bool both_nan = std::isnan(v[k]) && std::isnan(v[k - 1]);
      const bool reset = v[k] < v[k - 1];
      if (spec_.id == FunctionId::kResets ? reset : v[k] != v[k - 1] && !both_nan) ++pairs;
    }
    return pairs;
  }
  const bool smoothed = spec_.extension == Extension::kSmoothed;
  const bool counter = spec_.id != FunctionId::kDelta;
  size_t last = t.size() - 1;
  if (smoothed) {
    const auto at = std::lower_bound(t.begin(), t.end(), end_ms);
    if (at != t.end()) last = static_cast<size_t>(at - t.begin());
    if (t[first] > end_ms) return std::nullopt;
  }
  double left = v[first];
  if (smoothed && t[first] < start_ms) left = Interpolate(t, v, first, start_ms, counter);
  double right = v[last];
  if (smoothed && t[last] > end_ms && last > 0) {
    right = Interpolate(t, v, last - 1, end_ms, counter);
  }
  double value = right - left;
  double previous = left;
  for (size_t k = first + 1; counter && k <= last; ++k) {
    const double x = k == last ? right : v[k];
    if (x < previous) value += previous;
    previous = x;
  }
  if (spec_.id == FunctionId::kRate) {
    value /= static_cast<double>(spec_.inner_range_ms / 1000) +
             static_cast<double>(spec_.inner_range_ms % 1000 * 1000000) / 1e9;
  }
  return value;
}

// Series with native histograms, alone or beside floats.
void WindowFunction::EvaluateExtendedMixed(std::span<const int64_t> t, std::span<const double> v,
                                           LabelsView labels, WindowScratch* scratch, double* out,
                                           uint64_t* present) const {
  const WindowGeometry& floats = scratch->cache.Find(t, false);
  const WindowGeometry& geometry = scratch->histogram_cache.Find(scratch->histogram_t, false);
  MixedWindow window;
  window.name = model::GoQuoted(labels.Get(kMetricName));
  for (size_t i = 0; i < spec_.window.grid.count; ++i) {
    const size_t begin = geometry.begin[i];
    const size_t n = geometry.end[i] - begin;
    const size_t float_n = floats.end[i] - floats.begin[i];
    if (n + float_n == 0) continue;
    window.step = i;
    window.histogram_t = std::span(scratch->histogram_t).subspan(begin, n);
    window.h = std::span(scratch->histogram_v).subspan(begin, n);
    window.t = t.subspan(floats.begin[i], float_n);
    window.v = v.subspan(floats.begin[i], float_n);
    scratch->visited += n + float_n;
    ExtendedMixedStep(window, scratch, out, present);
  }
}

void WindowFunction::ExtendedMixedStep(const MixedWindow& window, WindowScratch* scratch,
                                       double* out, uint64_t* present) const {
  const size_t i = window.step;
  const int64_t end_ms = spec_.window.End(i) - spec_.window_past_end_ms;
  const int64_t start_ms = end_ms - spec_.inner_range_ms;
  const bool instant = spec_.kind == WindowKind::kLatest;
  std::optional<double> value;
  if (!instant && (spec_.id == FunctionId::kChanges || spec_.id == FunctionId::kResets)) {
    const bool after = (!window.t.empty() && window.t.back() > start_ms) ||
                       (!window.h.empty() && window.histogram_t.back() > start_ms);
    if (after) value = ExtendedPairs(window, start_ms);
  } else if (window.h.empty()) {
    value =
        instant ? SmoothedAt(window.t, window.v, end_ms) : ExtendedStep(window.t, window.v, end_ms);
  } else if (!window.v.empty()) {
    Note(AnnotationKind::kWarning,
         "encountered a mix of histograms and floats for metric name " + window.name);
  } else {
    std::optional<FloatHistogram> histogram =
        instant ? SmoothedHistogram(window, end_ms) : ExtendedHistogram(window, end_ms);
    if (histogram) scratch->cells.Set(i, std::move(*histogram));
  }
  if (!value) return;
  out[i] = *value;
  SetBit(present, i);
}

// changes() and resets(): the sample at or before the start, of either kind, and all behind it.
double WindowFunction::ExtendedPairs(const MixedWindow& window, int64_t start_ms) const {
  MixedWindow inner = window;
  const size_t f = CountUpTo(window.t, start_ms);
  const size_t h = CountUpTo(window.histogram_t, start_ms);
  const bool float_first = f > 0 && (h == 0 || window.t[f - 1] > window.histogram_t[h - 1]);
  const size_t from_f = float_first ? f - 1 : f;
  const size_t from_h = !float_first && h > 0 ? h - 1 : h;
  inner.t = window.t.subspan(from_f);
  inner.v = window.v.subspan(from_f);
  inner.histogram_t = window.histogram_t.subspan(from_h);
  inner.h = window.h.subspan(from_h);
  return PairsOfMixed(inner);
}

namespace {

// Between two histograms; after a reset from nothing. False: their layouts do not go together.
bool InterpolateHistogram(const FloatHistogram& before, const FloatHistogram& after,
                          double fraction, bool reset, FloatHistogram* out) {
  FloatHistogram share = after;
  if (!reset) {
    HistogramSum difference(after, /*compensated=*/false);
    if (!difference.Subtract(before)) return false;
    share = difference.Result();
  }
  Scale(fraction, &share);
  if (reset) {
    *out = std::move(share);
    return true;
  }
  HistogramSum sum(before, /*compensated=*/false);
  if (!sum.Add(share)) return false;
  *out = sum.Result();
  return true;
}

double Fraction(int64_t from_ms, int64_t to_ms, int64_t at_ms) {
  return static_cast<double>(at_ms - from_ms) / static_cast<double>(to_ms - from_ms);
}

}  // namespace

std::optional<FloatHistogram> WindowFunction::SmoothedHistogram(const MixedWindow& window,
                                                                int64_t at_ms) const {
  const size_t before = CountUpTo(window.histogram_t, at_ms);
  if (before == 0) return std::nullopt;
  const FloatHistogram& last = *window.h[before - 1];
  if (window.histogram_t[before - 1] == at_ms) return last;
  if (before == window.h.size()) {
    FloatHistogram carried = last;
    if (carried.hint != model::CounterResetHint::kGauge) {
      carried.hint = model::CounterResetHint::kUnknown;
    }
    return carried;
  }
  const FloatHistogram& next = *window.h[before];
  const bool gauges =
      last.hint == model::CounterResetHint::kGauge && next.hint == model::CounterResetHint::kGauge;
  FloatHistogram out;
  if (!InterpolateHistogram(
          last, next, Fraction(window.histogram_t[before - 1], window.histogram_t[before], at_ms),
          !gauges && DetectsReset(next, last), &out)) {
    Note(AnnotationKind::kWarning,
         "vector contains a mix of histograms with exponential and custom buckets schemas for "
         "metric name " +
             window.name);
    return std::nullopt;
  }
  return out;
}

std::optional<FloatHistogram> WindowFunction::ExtendedHistogram(const MixedWindow& window,
                                                                int64_t end_ms) const {
  using Hint = model::CounterResetHint;
  const std::span<const int64_t> t = window.histogram_t;
  const int64_t start_ms = end_ms - spec_.inner_range_ms;
  const size_t up_to_start = CountUpTo(t, start_ms);
  const size_t first = up_to_start > 0 ? up_to_start - 1 : 0;
  if (up_to_start == t.size()) return std::nullopt;
  const bool smoothed = spec_.extension == Extension::kSmoothed;
  const bool counter = spec_.id != FunctionId::kDelta;
  size_t last = t.size() - 1;
  if (smoothed) {
    const auto at = std::lower_bound(t.begin(), t.end(), end_ms);
    if (at != t.end()) last = static_cast<size_t>(at - t.begin());
    if (t[first] > end_ms) return std::nullopt;
  }
  const auto used = window.h.subspan(first, last - first + 1);
  const auto is_gauge = [](const FloatHistogram* h) { return h->hint == Hint::kGauge; };
  if (counter && std::any_of(used.begin(), used.end(), is_gauge)) {
    Note(AnnotationKind::kWarning, "this native histogram metric is not a counter: " + window.name);
  }
  if (!counter && !(is_gauge(used.front()) && is_gauge(used.back()))) {
    Note(AnnotationKind::kWarning, "this native histogram metric is not a gauge: " + window.name);
  }
  const auto mixed_layouts = [&]() -> std::optional<FloatHistogram> {
    Note(AnnotationKind::kWarning,
         "vector contains a mix of histograms with exponential and custom buckets schemas for "
         "metric name " +
             window.name);
    return std::nullopt;
  };
  for (const FloatHistogram* h : used) {
    if (UsesCustomBuckets(*h) != UsesCustomBuckets(*used.front())) return mixed_layouts();
  }
  FloatHistogram left = *window.h[first];
  FloatHistogram right = *window.h[last];
  const bool left_between = smoothed && t[first] < start_ms && first < last;
  if (left_between) {
    const FloatHistogram& next = *window.h[first + 1];
    if (!InterpolateHistogram(*window.h[first], next, Fraction(t[first], t[first + 1], start_ms),
                              counter && DetectsReset(next, *window.h[first]), &left)) {
      return mixed_layouts();
    }
  }
  const bool right_between = smoothed && t[last] > end_ms && last > 0;
  if (right_between) {
    const FloatHistogram& before = *window.h[last - 1];
    if (!InterpolateHistogram(before, *window.h[last], Fraction(t[last - 1], t[last], end_ms),
                              counter && DetectsReset(*window.h[last], before), &right)) {
      return mixed_layouts();
    }
  }
  HistogramSum sum(right, /*compensated=*/false);
  if (!sum.Subtract(left)) return mixed_layouts();
  const FloatHistogram* previous = &left;
  for (size_t k = first + 1; counter && k <= last; ++k) {
    FloatHistogram current = k == last ? right : *window.h[k];
    // What a hint says holds between samples, not from or to a point between them.
    const bool between = (k == first + 1 && left_between) || (k == last && right_between);
    if (between) current.hint = Hint::kUnknown;
    if (DetectsReset(current, *previous) && !sum.Add(*previous)) return mixed_layouts();
    previous = window.h[k];
  }
  if (sum.bounds_reconciled()) {
    Note(AnnotationKind::kInfo, "mismatched custom buckets were reconciled during subtraction");
  }
  FloatHistogram result = sum.Result();
  result.hint = Hint::kGauge;
  if (spec_.id == FunctionId::kRate) {
    Scale(1 / (static_cast<double>(spec_.inner_range_ms) / 1000), &result);
  }
  return result;
}

}  // namespace thanos::promql
