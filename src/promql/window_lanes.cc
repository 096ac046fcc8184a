#include "promql/window_lanes.h"

#include <cmath>
#include <cstring>

namespace thanos::promql {

LaneLayout::LaneLayout(const WindowGeometry& geometry, std::span<const double> v,
                       std::vector<double>* room)
    : geometry_(geometry) {
  const size_t steps = geometry.begin.size();
  const size_t middle = steps / 2;
  if (steps < kLanes || geometry.visited < 2 * v.size()) return;
  const size_t stride = geometry.begin[middle] - geometry.begin[middle - 1];
  if (stride == 0 || stride > v.size() / kLanes) return;
  stride_ = stride;
  if (stride == 1) {
    rows_ = v.data();
    columns_ = 0;  // The next sample is in the next column; there is one row.
    return;
  }
  columns_ = (v.size() + stride - 1) / stride;
  room->resize(columns_ * stride);
  double* rows = room->data();
  for (size_t column = 0, j = 0; j < v.size(); ++column) {
    for (size_t row = 0; row < stride && j < v.size(); ++row, ++j) {
      rows[row * columns_ + column] = v[j];
    }
  }
  rows_ = rows;
}

size_t LaneLayout::CommonLength(size_t i, size_t groups) const {
  const size_t lanes = kLanes * groups;
  if (stride_ == 0 || i + lanes > geometry_.begin.size()) return 0;
  const size_t begin = geometry_.begin[i];
  const size_t n = geometry_.end[i] - begin;
  for (size_t l = 1; l < lanes; ++l) {
    if (geometry_.begin[i + l] != begin + l * stride_) return 0;
    if (geometry_.end[i + l] - geometry_.begin[i + l] != n) return 0;
  }
  return n;
}

LaneLayout::Cursor LaneLayout::Begin(size_t window) const {
  const size_t j = geometry_.begin[window];
  const size_t row = j % stride_;
  return {rows_ + row * columns_ + j / stride_, columns_, stride_, stride_ - row};
}

namespace {

// Eight doubles; compilers split them as the machine asks.
using Vector = double __attribute__((vector_size(kLanes * sizeof(double))));

[[gnu::always_inline]] inline void Load(const double* from, Vector& to) {
  std::memcpy(&to, from, sizeof(to));
}

// The error of s + x is exact, so Knuth's form, which compares nothing, gives Neumaier's bits. What
// overflows stays infinite or NaN to the end, where it is seen.
[[gnu::always_inline]] inline void Add(const Vector& x, Vector& s, Vector& c) {
  const Vector t = s + x;
  const Vector of_x = t - s;
  const Vector of_s = t - of_x;
  c += (s - of_s) + (x - of_x);
  s = t;
}

[[gnu::always_inline]] inline bool Store(const Vector& from, double* to) {
  std::memcpy(to, &from, sizeof(from));
  bool finite = true;
  for (size_t l = 0; l < kLanes; ++l) finite &= std::isfinite(to[l]);
  return finite;
}

[[gnu::always_inline]] inline bool SumBody(LaneLayout::Cursor at, size_t n, double* sums,
                                           double* compensations) {
  Vector s = {}, c = {}, x;
  for (size_t k = 0; k < n; ++k, at.Advance()) {
    Load(at.row, x);
    Add(x, s, c);
  }
  const bool finite = Store(s, sums);
  return Store(c, compensations) && finite;
}

// Divisions take long, so several vectors are on their way at once.
[[gnu::always_inline]] inline bool VarianceBody(LaneLayout::Cursor at, size_t n,
                                                double* variances) {
  constexpr size_t kGroups = 4;
  Vector mean[kGroups] = {}, mean_c[kGroups] = {}, squares[kGroups] = {}, squares_c[kGroups] = {};
  for (size_t k = 0; k < n; ++k, at.Advance()) {
    const double count = static_cast<double>(k + 1);
    for (size_t g = 0; g < kGroups; ++g) {
      Vector x;
      Load(at.row + g * kLanes, x);
      const Vector delta = x - (mean[g] + mean_c[g]);
      Add(delta / count, mean[g], mean_c[g]);
      Add(delta * (x - (mean[g] + mean_c[g])), squares[g], squares_c[g]);
    }
  }
  bool finite = true;
  for (size_t g = 0; g < kGroups; ++g) {
    double scratch[kLanes];
    finite &= Store(mean[g] + mean_c[g], scratch);
    const Vector variance = (squares[g] + squares_c[g]) / static_cast<double>(n);
    finite &= Store(variance, variances + g * kLanes);
  }
  return finite;
}

[[gnu::always_inline]] inline bool ProductBody(LaneLayout::Cursor at, const double* x, size_t n,
                                               ProductSums* out) {
  Vector y = {}, y_c = {}, xy = {}, xy_c = {}, first, value;
  Load(at.row, first);
  using Mask = decltype(first != first);
  Mask changed = {};
  for (size_t k = 0; k < n; ++k, at.Advance()) {
    Load(at.row, value);
    changed |= value != first;
    Add(value, y, y_c);
    Add(x[k] * value, xy, xy_c);
  }
  for (size_t l = 0; l < kLanes; ++l) out->constant[l] = changed[l] == 0;
  const bool finite = Store(y + y_c, out->y);
  return Store(xy + xy_c, out->xy) && finite;
}

[[gnu::always_inline]] inline void SmoothBody(LaneLayout::Cursor at, size_t n,
                                              const double* smoothing, const double* trend,
                                              double* out) {
  constexpr size_t kGroups = 4;
  Vector level[kGroups], before[kGroups], slope[kGroups], keep[kGroups], tend[kGroups];
  for (size_t g = 0; g < kGroups; ++g) {
    Load(at.row + g * kLanes, level[g]);
    Load(smoothing + g * kLanes, keep[g]);
    Load(trend + g * kLanes, tend[g]);
  }
  at.Advance();
  for (size_t k = 1; k < n; ++k, at.Advance()) {
    for (size_t g = 0; g < kGroups; ++g) {
      Vector x;
      Load(at.row + g * kLanes, x);
      slope[g] =
          k == 1 ? x - level[g] : tend[g] * (level[g] - before[g]) + (1 - tend[g]) * slope[g];
      before[g] = level[g];
      level[g] = keep[g] * x + (1 - keep[g]) * (level[g] + slope[g]);
    }
  }
  for (size_t g = 0; g < kGroups; ++g) std::memcpy(out + g * kLanes, &level[g], sizeof(level[g]));
}

#if defined(__x86_64__)
#define THANOS_TARGET(isa) __attribute__((target(isa)))

THANOS_TARGET("avx2")
bool SumAvx2(LaneLayout::Cursor at, size_t n, double* s, double* c) { return SumBody(at, n, s, c); }
THANOS_TARGET("avx512f")
bool SumAvx512(LaneLayout::Cursor at, size_t n, double* s, double* c) {
  return SumBody(at, n, s, c);
}
THANOS_TARGET("avx2")
bool VarianceAvx2(LaneLayout::Cursor at, size_t n, double* out) { return VarianceBody(at, n, out); }
THANOS_TARGET("avx512f")
bool VarianceAvx512(LaneLayout::Cursor at, size_t n, double* out) {
  return VarianceBody(at, n, out);
}
THANOS_TARGET("avx2")
bool ProductAvx2(LaneLayout::Cursor at, const double* x, size_t n, ProductSums* out) {
  return ProductBody(at, x, n, out);
}
THANOS_TARGET("avx512f")
bool ProductAvx512(LaneLayout::Cursor at, const double* x, size_t n, ProductSums* out) {
  return ProductBody(at, x, n, out);
}

THANOS_TARGET("avx2")
void SmoothAvx2(LaneLayout::Cursor at, size_t n, const double* smoothing, const double* trend,
                double* out) {
  SmoothBody(at, n, smoothing, trend, out);
}
THANOS_TARGET("avx512f")
void SmoothAvx512(LaneLayout::Cursor at, size_t n, const double* smoothing, const double* trend,
                  double* out) {
  SmoothBody(at, n, smoothing, trend, out);
}

// 2: AVX-512, 1: AVX2, 0: what every machine has.
int Level() {
  static const int level = __builtin_cpu_supports("avx512f") ? 2
                           : __builtin_cpu_supports("avx2")  ? 1
                                                             : 0;
  return level;
}
#endif

}  // namespace

bool SumLanes(LaneLayout::Cursor samples, size_t n, double* sums, double* compensations) {
#if defined(__x86_64__)
  if (Level() == 2) return SumAvx512(samples, n, sums, compensations);
  if (Level() == 1) return SumAvx2(samples, n, sums, compensations);
#endif
  return SumBody(samples, n, sums, compensations);
}

bool VarianceLanes(LaneLayout::Cursor samples, size_t n, double* variances) {
#if defined(__x86_64__)
  if (Level() == 2) return VarianceAvx512(samples, n, variances);
  if (Level() == 1) return VarianceAvx2(samples, n, variances);
#endif
  return VarianceBody(samples, n, variances);
}

bool ProductLanes(LaneLayout::Cursor samples, const double* x, size_t n, ProductSums* out) {
#if defined(__x86_64__)
  if (Level() == 2) return ProductAvx512(samples, x, n, out);
  if (Level() == 1) return ProductAvx2(samples, x, n, out);
#endif
  return ProductBody(samples, x, n, out);
}

void SmoothLanes(LaneLayout::Cursor samples, size_t n, const double* smoothing, const double* trend,
                 double* out) {
#if defined(__x86_64__)
  if (Level() == 2) return SmoothAvx512(samples, n, smoothing, trend, out);
  if (Level() == 1) return SmoothAvx2(samples, n, smoothing, trend, out);
#endif
  SmoothBody(samples, n, smoothing, trend, out);
}

}  // namespace thanos::promql
