// anchored and smoothed: windows whose borders are looked up or interpolated, not extrapolated.
#include <algorithm>
#include <cmath>

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
                                                 std::span<const double> v,
                                                 int64_t at_ms) const {
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

}  // namespace thanos::promql
