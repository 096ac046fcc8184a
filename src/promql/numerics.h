// Arithmetic that must give the reference's bits.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "model/histogram.h"

namespace thanos::promql {

inline constexpr double kNaN = std::bit_cast<double>(model::kNormalNanBits);
inline constexpr double kInf = std::numeric_limits<double>::infinity();

/// One step of Kahan's summation in Neumaier's variant: adds `x` to sum + compensation.
inline void KahanAdd(double x, double& sum, double& compensation) {
  const double t = sum + x;
  if (std::isinf(t)) {
    compensation = 0;
  } else if (std::fabs(sum) >= std::fabs(x)) {
    compensation += (sum - t) + x;
  } else {
    compensation += (x - t) + sum;
  }
  sum = t;
}

/// Go's math.Max and math.Min: an infinity of the right sign beats NaN, +0 beats -0.
inline double GoMax(double a, double b) {
  if (a == kInf || b == kInf) return kInf;
  if (std::isnan(a) || std::isnan(b)) return kNaN;
  if (a == 0 && b == 0) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}
inline double GoMin(double a, double b) {
  if (a == -kInf || b == -kInf) return -kInf;
  if (std::isnan(a) || std::isnan(b)) return kNaN;
  if (a == 0 && b == 0) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

/// The phi-quantile of values sorted ascending with NaN first.
inline double QuantileOfSorted(double phi, std::span<const double> sorted) {
  if (sorted.empty() || std::isnan(phi)) return kNaN;
  if (phi < 0) return -kInf;
  if (phi > 1) return kInf;
  const double n = static_cast<double>(sorted.size());
  const double rank = phi * (n - 1);
  const double lower = std::fmax(0, std::floor(rank));
  const double upper = std::fmin(n - 1, lower + 1);
  const double weight = rank - std::floor(rank);
  return sorted[static_cast<size_t>(lower)] * (1 - weight) +
         sorted[static_cast<size_t>(upper)] * weight;
}

/// Order with NaN before all numbers.
inline bool NanFirstLess(double a, double b) { return a < b || (std::isnan(a) && !std::isnan(b)); }

}  // namespace thanos::promql
