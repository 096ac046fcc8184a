#include "promql/window_kernels.h"

#include <algorithm>
#include <cmath>

#include "promql/numerics.h"
#include "promql/window_lanes.h"

namespace thanos::promql {
namespace {

// Adds the value before each counter reset to the windows that hold the reset, in order: the
// additions of the reference, without those that add nothing.
void AddResets(const WindowGeometry& geometry, std::span<const double> v,
               std::vector<uint32_t>* resets, double* out) {
  const size_t n = v.size();
  if (resets->size() < n + 1) resets->resize(n + 1);
  uint32_t* list = resets->data();
  size_t count = 0;
  for (uint32_t i = 1; i < n; ++i) {
    list[count] = i;
    count += v[i] < v[i - 1];
  }
  const size_t steps = geometry.first.size();
  const uint32_t* first = geometry.first.data();
  const uint32_t* last = geometry.last.data();
  size_t step = 0;
  for (size_t r = 0; r < count; ++r) {
    const uint32_t k = list[r];
    // Windows ascend, but those without two samples hold zeros.
    while (step < steps && geometry.end[step] <= k) ++step;
    for (size_t s = step; s < steps && geometry.begin[s] < k; ++s) {
      if (first[s] < k && k <= last[s]) out[s] += v[k - 1];
    }
  }
}

void Extrapolate(RateKind kind, const WindowGeometry& geometry, std::span<const double> v,
                 double range_seconds, double* __restrict out) {
  const size_t steps = geometry.first.size();
  const uint32_t* first = geometry.first.data();
  const double* sampled = geometry.sampled.data();
  const double* starts = geometry.to_start.data();
  const double* ends = geometry.to_end.data();
  const double* values = v.data();
  const bool counter = kind != RateKind::kDelta;
  for (size_t i = 0; i < steps; ++i) {
    const double interval = sampled[i];
    double to_start = starts[i];
    const double value = out[i];
    if (counter) {
      // A counter cannot have been below zero.
      const double f = values[first[i]];
      const double ratio = interval * (f / value);
      const bool applies = (value > 0) & (f >= 0);
      const double to_zero = applies ? ratio : to_start;
      to_start = to_zero < to_start ? to_zero : to_start;
    }
    double factor = ((interval + to_start) + ends[i]) / interval;
    if (kind == RateKind::kRate) factor /= range_seconds;
    out[i] = value * factor;
  }
}

bool PrefixSums(std::span<const double> v, std::vector<double>* prefix) {
  constexpr double kExactMax = 9007199254740992.0;  // 2^53
  prefix->resize(v.size() + 1);
  double* sums = prefix->data();
  sums[0] = 0;
  for (size_t i = 0; i < v.size(); ++i) {
    // Also false for NaN and the infinities.
    if (!(std::fabs(v[i]) < kExactMax) || v[i] != std::trunc(v[i])) return false;
    sums[i + 1] = sums[i] + v[i];
    if (!(std::fabs(sums[i + 1]) < kExactMax)) return false;
  }
  return true;
}

double KahanSum(const double* v, size_t n) {
  double sum = 0;
  double c = 0;
  for (size_t i = 0; i < n; ++i) KahanAdd(v[i], sum, c);
  return std::isinf(sum) ? sum : sum + c;
}

double KahanAverage(const double* v, size_t n) {
  double sum = 0;
  double c = 0;
  for (size_t i = 0; i < n; ++i) {
    double next_sum = sum;
    double next_c = c;
    KahanAdd(v[i], next_sum, next_c);
    if (i == 0 || !std::isinf(next_sum)) {
      sum = next_sum;
      c = next_c;
      continue;
    }
    // The sum overflows: go on with the mean.
    double mean = sum / static_cast<double>(i);
    c /= static_cast<double>(i);
    for (; i < n; ++i) {
      const double count = static_cast<double>(i + 1);
      const double q = (count - 1) / count;
      mean *= q;
      c *= q;
      KahanAdd(v[i] / count, mean, c);
    }
    return mean + c;
  }
  const double count = static_cast<double>(n);
  return sum / count + c / count;
}

// Sums of kLanes windows that lie side by side. False: window by window.
bool SumSideBySide(bool average, const LaneLayout& layout, size_t i, double* out) {
  const size_t n = layout.CommonLength(i, 1);
  double compensations[kLanes];
  if (n == 0 || !SumLanes(layout.Begin(i), n, out + i, compensations)) return false;
  const double count = static_cast<double>(n);
  for (size_t l = i; l < i + kLanes; ++l) {
    const double c = compensations[l - i];
    out[l] = average ? out[l] / count + c / count : out[l] + c;
  }
  return true;
}

double VarianceOf(std::span<const double> window) {
  double count = 0;
  double mean = 0, mean_c = 0;
  double squares = 0, squares_c = 0;
  for (const double x : window) {
    ++count;
    const double delta = x - (mean + mean_c);
    KahanAdd(delta / count, mean, mean_c);
    KahanAdd(delta * (x - (mean + mean_c)), squares, squares_c);
  }
  return (squares + squares_c) / count;
}

}  // namespace

void RateKernel(RateKind kind, const WindowGeometry& geometry, std::span<const double> v,
                double range_seconds, std::vector<uint32_t>* resets, double* __restrict out) {
  const size_t steps = geometry.first.size();
  const uint32_t* first = geometry.first.data();
  const uint32_t* last = geometry.last.data();
  const double* values = v.data();
  for (size_t i = 0; i < steps; ++i) out[i] = values[last[i]] - values[first[i]];
  if (kind != RateKind::kDelta) AddResets(geometry, v, resets, out);
  Extrapolate(kind, geometry, v, range_seconds, out);
}

void SumKernel(bool average, const WindowGeometry& geometry, std::span<const double> v,
               std::vector<double>* scratch, Patience* patience, double* out) {
  const size_t steps = geometry.begin.size();
  // Sums of integers are exact, whatever their order.
  if (geometry.visited > 2 * v.size() && PrefixSums(v, scratch)) {
    const double* sums = scratch->data();
    for (size_t i = 0; i < steps; ++i) {
      out[i] = sums[geometry.end[i]] - sums[geometry.begin[i]];
      if (average) out[i] /= static_cast<double>(geometry.end[i] - geometry.begin[i]);
    }
    return;
  }
  const LaneLayout layout(geometry, v, scratch);
  for (size_t i = 0; i < steps; ++i) {
    if (patience->IsGone(geometry.end[i] - geometry.begin[i])) return;
    if (SumSideBySide(average, layout, i, out)) {
      i += kLanes - 1;
      continue;
    }
    const double* window = v.data() + geometry.begin[i];
    const size_t n = geometry.end[i] - geometry.begin[i];
    if (n > 0) out[i] = average ? KahanAverage(window, n) : KahanSum(window, n);
  }
}

void ExtremeKernel(bool maximum, const WindowGeometry& geometry, std::span<const double> v,
                   std::vector<uint32_t>* deque, double* out) {
  if (deque->size() < v.size() + 1) deque->resize(v.size() + 1);
  uint32_t* queue = deque->data();  // Candidates; every sample enters once, so no wrapping.
  size_t head = 0;
  size_t tail = 0;
  uint32_t next = 0;
  for (size_t i = 0; i < geometry.begin.size(); ++i) {
    for (; next < geometry.end[i]; ++next) {
      const double x = v[next];
      if (std::isnan(x)) continue;
      while (tail > head && (maximum ? v[queue[tail - 1]] < x : v[queue[tail - 1]] > x)) --tail;
      queue[tail++] = next;
    }
    while (head < tail && queue[head] < geometry.begin[i]) ++head;
    out[i] = head < tail ? v[queue[head]] : kNaN;
  }
}

void VarianceKernel(bool root, const WindowGeometry& geometry, std::span<const double> v,
                    std::vector<double>* scratch, Patience* patience, double* out) {
  constexpr size_t kGroups = 4;
  const LaneLayout layout(geometry, v, scratch);
  const size_t steps = geometry.begin.size();
  for (size_t i = 0; i < steps;) {
    if (patience->IsGone(geometry.end[i] - geometry.begin[i])) return;
    const size_t n = layout.CommonLength(i, kGroups);
    if (n > 0 && VarianceLanes(layout.Begin(i), n, out + i)) {
      i += kGroups * kLanes;
      continue;
    }
    out[i] = VarianceOf(v.subspan(geometry.begin[i], geometry.end[i] - geometry.begin[i]));
    ++i;
  }
  for (size_t i = 0; root && i < steps; ++i) out[i] = std::sqrt(out[i]);
}

namespace {

double Smoothed(std::span<const double> v, double smoothing, double trend) {
  double level = v[0];
  double before = 0;
  double slope = v[1] - v[0];
  for (size_t i = 1; i < v.size(); ++i) {
    if (i > 1) slope = trend * (level - before) + (1 - trend) * slope;
    before = level;
    level = smoothing * v[i] + (1 - smoothing) * (level + slope);
  }
  return level;
}

}  // namespace

void SmoothKernel(const WindowGeometry& geometry, std::span<const double> v,
                  std::span<const double> smoothing, std::span<const double> trend,
                  std::vector<double>* scratch, Patience* patience, double* out) {
  constexpr size_t kGroups = 4;
  const LaneLayout layout(geometry, v, scratch);
  for (size_t i = 0; i < geometry.begin.size();) {
    if (patience->IsGone(geometry.end[i] - geometry.begin[i])) return;
    if (const size_t n = layout.CommonLength(i, kGroups); n >= 2) {
      SmoothLanes(layout.Begin(i), n, smoothing.data() + i, trend.data() + i, out + i);
      i += kGroups * kLanes;
      continue;
    }
    const size_t n = geometry.end[i] - geometry.begin[i];
    if (n >= 2) out[i] = Smoothed(v.subspan(geometry.begin[i], n), smoothing[i], trend[i]);
    ++i;
  }
}

void PairCountKernel(bool resets, const WindowGeometry& geometry, std::span<const double> v,
                     std::vector<uint32_t>* prefix, double* out) {
  // (*prefix)[k]: pairs up to the one that ends at sample k.
  if (prefix->size() < v.size()) prefix->resize(v.size());
  uint32_t* counts = prefix->data();
  if (!v.empty()) counts[0] = 0;
  for (size_t k = 1; k < v.size(); ++k) {
    const bool both_nan = std::isnan(v[k]) && std::isnan(v[k - 1]);
    const bool pair = resets ? v[k] < v[k - 1] : v[k] != v[k - 1] && !both_nan;
    counts[k] = counts[k - 1] + (pair ? 1 : 0);
  }
  for (size_t i = 0; i < geometry.begin.size(); ++i) {
    if (geometry.end[i] <= geometry.begin[i]) continue;
    out[i] = static_cast<double>(counts[geometry.end[i] - 1] - counts[geometry.begin[i]]);
  }
}

}  // namespace thanos::promql
