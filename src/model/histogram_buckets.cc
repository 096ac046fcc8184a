#include "model/histogram_buckets.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace thanos::model {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr int32_t kSchemaMax = 8;

using Fractions = std::array<std::vector<double>, kSchemaMax + 1>;

// The mantissas of the bounds of each schema, to the bit those of Prometheus: every other one is
// that of the coarser schema, those between are a product.
Fractions MakeFractions() {
  Fractions out;
  out[0] = {0.5};
  for (int32_t schema = 1; schema <= kSchemaMax; ++schema) {
    double factor = std::exp2(std::exp2(-schema));
    // Go's Exp2 gives the double below the nearest for the root of two.
    if (schema == 1) factor = std::nextafter(factor, 0);
    std::vector<double>& bounds = out[static_cast<size_t>(schema)];
    const std::vector<double>& coarser = out[static_cast<size_t>(schema) - 1];
    for (size_t i = 0; i < size_t{1} << schema; ++i) {
      bounds.push_back(i % 2 == 0 ? coarser[i / 2] : bounds[i - 1] * factor);
    }
  }
  return out;
}

double FractionOf(int32_t index, int32_t schema) {
  static const Fractions fractions = MakeFractions();
  if (schema <= kSchemaMax) {
    return fractions[static_cast<size_t>(schema)][static_cast<size_t>(index)];
  }
  return std::exp2(static_cast<double>(index) / static_cast<double>(int64_t{1} << schema)) / 2;
}

}  // namespace

double CustomBound(const std::vector<double>& bounds, int32_t index) {
  if (index < 0) return -kInf;
  if (static_cast<size_t>(index) >= bounds.size()) return kInf;
  return bounds[static_cast<size_t>(index)];
}

double ExponentialBound(int32_t index, int32_t schema) {
  constexpr double kMax = std::numeric_limits<double>::max();
  schema = std::clamp(schema, -30, 30);  // What is stored lies in -4 to 8; a shift must be defined.
  if (schema < 0) {
    const int64_t exponent = static_cast<int64_t>(index) * (int64_t{1} << -schema);
    if (exponent == 1024) return kMax;
    return std::ldexp(1, static_cast<int>(std::clamp<int64_t>(exponent, -3000, 3000)));
  }
  const int32_t within = index & ((1 << schema) - 1);
  const int exponent = (index >> schema) + 1;
  if (within == 0 && exponent == 1025) return kMax;
  return std::ldexp(FractionOf(within, schema), exponent);
}

std::vector<HistogramBucket> AllBuckets(const FloatHistogram& histogram, bool clipped) {
  std::vector<HistogramBucket> out;
  if (UsesCustomBuckets(histogram)) {
    ForBuckets(
        histogram.positive_spans, histogram.positive_buckets, [&](int32_t index, double count) {
          out.push_back({CustomBound(histogram.custom_values, index - 1),
                         CustomBound(histogram.custom_values, index), count, index == 0, true});
        });
    return out;
  }
  const double threshold = histogram.zero_threshold;
  ForBuckets(histogram.negative_spans, histogram.negative_buckets,
             [&](int32_t index, double count) {
               const double far = ExponentialBound(index, histogram.schema);
               const double near = ExponentialBound(index - 1, histogram.schema);
               const double bound = clipped ? std::fmin(-near, -threshold) : -near;
               out.push_back({-far, bound, count, true, false});
             });
  std::reverse(out.begin(), out.end());
  if (histogram.zero_count > 0) {
    out.push_back({-threshold, threshold, histogram.zero_count, true, true});
  }
  ForBuckets(histogram.positive_spans, histogram.positive_buckets,
             [&](int32_t index, double count) {
               const double near = ExponentialBound(index - 1, histogram.schema);
               out.push_back({clipped ? std::fmax(near, threshold) : near,
                              ExponentialBound(index, histogram.schema), count, false, true});
             });
  return out;
}

}  // namespace thanos::model
