// The buckets of native histograms with their bounds.
#pragma once

#include <cstdint>
#include <vector>

#include "model/histogram.h"

namespace thanos::model {

struct HistogramBucket {
  double lower = 0, upper = 0;
  double count = 0;
  bool lower_inclusive = false, upper_inclusive = false;
};

/// Buckets from lowest to highest; the zero bucket only when it counts something. With `clipped`,
/// bounds that reach into the zero bucket are cut to its threshold.
std::vector<HistogramBucket> AllBuckets(const FloatHistogram& histogram, bool clipped = true);

/// Upper bound of an exponential bucket.
double ExponentialBound(int32_t index, int32_t schema);
/// Upper bound of bucket `index` among custom bounds; -Inf below the first, +Inf above the last.
double CustomBound(const std::vector<double>& bounds, int32_t index);

inline bool UsesCustomBuckets(const FloatHistogram& histogram) {
  return histogram.schema == kCustomBucketsSchema;
}

/// Calls body(index, count) for every bucket of a side, ascending. Buckets that the spans do not
/// cover, and spans without buckets, are left out.
template <typename Body>
void ForBuckets(const std::vector<HistogramSpan>& spans, const std::vector<double>& buckets,
                Body body) {
  int32_t index = 0;
  size_t at = 0;
  for (const HistogramSpan& span : spans) {
    index = static_cast<int32_t>(static_cast<uint32_t>(index) + static_cast<uint32_t>(span.offset));
    for (uint32_t i = 0; i < span.length && at < buckets.size(); ++i) {
      body(index, buckets[at++]);
      index = static_cast<int32_t>(static_cast<uint32_t>(index) + 1);
    }
  }
}

}  // namespace thanos::model
