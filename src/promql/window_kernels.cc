#include "promql/window_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "promql/numerics.h"

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

// Windows are computed a few at a time: each is one chain of dependent additions, and together they
// keep the machine busy. The order of additions within a window does not change.
constexpr size_t kLanes = 4;

struct Lanes {
  double sum[kLanes] = {};
  double c[kLanes] = {};

  // KahanAdd() for every lane, with selects for branches.
  void Add(const double* x) {
    for (size_t l = 0; l < kLanes; ++l) {
      const double s = sum[l];
      const double t = s + x[l];
      const bool keep = std::fabs(s) >= std::fabs(x[l]);
      const double big = keep ? s : x[l];
      const double small = keep ? x[l] : s;
      const double next = c[l] + ((big - t) + small);
      c[l] = std::fabs(t) > std::numeric_limits<double>::max() ? 0 : next;
      sum[l] = t;
    }
  }
};

// The number of samples that windows i to i + kLanes - 1 have alike; 0 when they differ.
size_t CommonLength(const WindowGeometry& geometry, size_t i) {
  if (i + kLanes > geometry.begin.size()) return 0;
  const uint32_t n = geometry.end[i] - geometry.begin[i];
  for (size_t l = 1; l < kLanes; ++l) {
    if (geometry.end[i + l] - geometry.begin[i + l] != n) return 0;
  }
  return n;
}

// False: a lane needs the scalar path, for sums that are not finite.
bool SumLanes(bool average, const WindowGeometry& geometry, const double* v, size_t i, size_t n,
              double* out) {
  Lanes lanes;
  const uint32_t* begin = geometry.begin.data() + i;
  for (size_t k = 0; k < n; ++k) {
    double x[kLanes];
    for (size_t l = 0; l < kLanes; ++l) x[l] = v[begin[l] + k];
    lanes.Add(x);
  }
  const double count = static_cast<double>(n);
  bool finite = true;
  for (size_t l = 0; l < kLanes; ++l) {
    finite &= std::isfinite(lanes.sum[l]);
    out[i + l] = average ? lanes.sum[l] / count + lanes.c[l] / count : lanes.sum[l] + lanes.c[l];
  }
  return finite;
}

void VarianceLanes(bool root, const WindowGeometry& geometry, const double* v, size_t i, size_t n,
                   double* out) {
  Lanes mean, squares;
  const uint32_t* begin = geometry.begin.data() + i;
  for (size_t k = 0; k < n; ++k) {
    const double count = static_cast<double>(k + 1);
    double x[kLanes], delta[kLanes], term[kLanes];
    for (size_t l = 0; l < kLanes; ++l) {
      x[l] = v[begin[l] + k];
      delta[l] = x[l] - (mean.sum[l] + mean.c[l]);
      term[l] = delta[l] / count;
    }
    mean.Add(term);
    for (size_t l = 0; l < kLanes; ++l) {
      term[l] = delta[l] * (x[l] - (mean.sum[l] + mean.c[l]));
    }
    squares.Add(term);
  }
  for (size_t l = 0; l < kLanes; ++l) {
    const double variance = (squares.sum[l] + squares.c[l]) / static_cast<double>(n);
    out[i + l] = root ? std::sqrt(variance) : variance;
  }
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
               std::vector<double>* prefix, double* out) {
  const size_t steps = geometry.begin.size();
  // Sums of integers are exact, whatever their order.
  if (geometry.visited > 2 * v.size() && PrefixSums(v, prefix)) {
    const double* sums = prefix->data();
    for (size_t i = 0; i < steps; ++i) {
      out[i] = sums[geometry.end[i]] - sums[geometry.begin[i]];
      if (average) out[i] /= static_cast<double>(geometry.end[i] - geometry.begin[i]);
    }
    return;
  }
  for (size_t i = 0; i < steps; ++i) {
    if (const size_t n = CommonLength(geometry, i);
        n > 0 && SumLanes(average, geometry, v.data(), i, n, out)) {
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

void QuantileKernel(const WindowGeometry& geometry, std::span<const double> v,
                    std::span<const double> q, std::vector<double>* sorted, double* out) {
  sorted->clear();
  uint32_t begin = 0;
  uint32_t end = 0;
  const auto place = [sorted](double x) {
    return std::lower_bound(sorted->begin(), sorted->end(), x, NanFirstLess);
  };
  for (size_t i = 0; i < geometry.begin.size(); ++i) {
    if (geometry.begin[i] >= end) {  // Nothing is left of the last window.
      sorted->clear();
      begin = end = geometry.begin[i];
    }
    for (; begin < geometry.begin[i]; ++begin) sorted->erase(place(v[begin]));
    for (; end < geometry.end[i]; ++end) sorted->insert(place(v[end]), v[end]);
    if (!sorted->empty()) out[i] = QuantileOfSorted(q[i], *sorted);
  }
}

void VarianceKernel(bool root, const WindowGeometry& geometry, std::span<const double> v,
                    double* out) {
  for (size_t i = 0; i < geometry.begin.size(); ++i) {
    if (const size_t n = CommonLength(geometry, i); n > 0) {
      VarianceLanes(root, geometry, v.data(), i, n, out);
      i += kLanes - 1;
      continue;
    }
    double count = 0;
    double mean = 0, mean_c = 0;
    double squares = 0, squares_c = 0;
    for (uint32_t k = geometry.begin[i]; k < geometry.end[i]; ++k) {
      ++count;
      const double delta = v[k] - (mean + mean_c);
      KahanAdd(delta / count, mean, mean_c);
      KahanAdd(delta * (v[k] - (mean + mean_c)), squares, squares_c);
    }
    const double variance = (squares + squares_c) / count;
    out[i] = root ? std::sqrt(variance) : variance;
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

void LinearRegression(std::span<const int64_t> t, std::span<const double> v, int64_t origin_ms,
                      double* slope, double* intercept) {
  double n = 0;
  double x_sum = 0, x_c = 0, y_sum = 0, y_c = 0, xy_sum = 0, xy_c = 0, xx_sum = 0, xx_c = 0;
  bool constant = true;
  for (size_t i = 0; i < v.size(); ++i) {
    if (v[i] != v[0]) constant = false;
    ++n;
    const double x = static_cast<double>(t[i] - origin_ms) / 1000;
    KahanAdd(x, x_sum, x_c);
    KahanAdd(v[i], y_sum, y_c);
    KahanAdd(x * v[i], xy_sum, xy_c);
    KahanAdd(x * x, xx_sum, xx_c);
  }
  if (constant) {
    *slope = std::isinf(v[0]) ? kNaN : 0;
    *intercept = std::isinf(v[0]) ? kNaN : v[0];
    return;
  }
  x_sum += x_c;
  y_sum += y_c;
  xy_sum += xy_c;
  xx_sum += xx_c;
  const double covariance = xy_sum - x_sum * y_sum / n;
  const double variance = xx_sum - x_sum * x_sum / n;
  *slope = covariance / variance;
  *intercept = y_sum / n - *slope * x_sum / n;
}

}  // namespace thanos::promql
