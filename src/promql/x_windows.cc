// xrate(), xincrease() and xdelta() of Thanos' engine: a window and the last sample before it, so
// that windows side by side count every increase once.
#include <algorithm>

#include "promql/window_function.h"

namespace thanos::promql {
namespace {

// What a counter lost at its resets. It counts from zero, also before the first sample.
double LostAtResets(std::span<const double> v) {
  double lost = 0, last = 0;
  for (const double value : v) {
    if (value < last) lost += last;
    last = value;
  }
  return lost;
}

double MeanInterval(std::span<const int64_t> t) {
  return static_cast<double>(t.back() - t.front()) / static_cast<double>(t.size() - 1);
}

}  // namespace

void WindowFunction::EvaluateX(std::span<const int64_t> t, std::span<const double> v,
                               WindowScratch* scratch, double* out, uint64_t* present) const {
  const WindowGeometry& geometry = scratch->cache.Find(t, false);
  ForEachBit(geometry.any.data(), geometry.any.size(), [&](size_t i) {
    const int64_t end_ms = spec_.window.End(i);
    const auto first = t.begin() + geometry.begin[i], last = t.begin() + geometry.end[i];
    auto from = std::upper_bound(first, last, end_ms - spec_.inner_range_ms);
    if (from != first) --from;
    const bool appears = from == first && *from >= end_ms - spec_.inner_range_ms;
    const auto begin = static_cast<size_t>(from - t.begin());
    const auto n = static_cast<size_t>(last - from);
    scratch->visited += n;
    out[i] = XStep(t.subspan(begin, n), v.subspan(begin, n), end_ms, appears);
    SetBit(present, i);
  });
}

// The samples of a window, at least one; the first may lie before it. `appears`: there is none
// before them. The rules, and integers where they are used, are those of the reference.
double WindowFunction::XStep(std::span<const int64_t> t, std::span<const double> v, int64_t end_ms,
                             bool appears) const {
  const int64_t start_ms = end_ms - spec_.inner_range_ms;
  const double range_seconds = static_cast<double>(spec_.inner_range_ms / 1000);
  const bool counter = spec_.id != FunctionId::kXdelta;
  if (spec_.id == FunctionId::kXincrease) {
    // A counter that appears in the window did so from zero.
    const bool constant = std::adjacent_find(v.begin(), v.end(), std::not_equal_to<>()) == v.end();
    if (constant && appears) return v.front();
    return v.back() - v.front() + LostAtResets(v);
  }
  double interval = MeanInterval(t);  // Not a number for one sample.
  if (static_cast<double>(start_ms - t.front()) > interval) {
    // Too far away to say anything about the window. There are two more, or it would not be.
    t = t.subspan(1);
    v = v.subspan(1);
    interval = MeanInterval(t);
  }
  double value = v.back() - v.front() + (counter ? LostAtResets(v) : 0);
  const auto to_end = static_cast<double>(end_ms - t.back());
  if (t.front() <= start_ms && to_end < interval) {
    value *= range_seconds / (static_cast<double>(t.back() - t.front()) / 1000);
  }
  return spec_.id == FunctionId::kXrate ? value / range_seconds : value;
}

}  // namespace thanos::promql
