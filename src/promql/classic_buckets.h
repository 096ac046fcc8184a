// Quantiles and fractions of classic histograms.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace thanos::promql {

struct Bucket {
  double upper = 0;
  double count = 0;  // Cumulative.
};

/// What had to be repaired so that counts ascend.
struct MonotonicityFix {
  bool forced = false;
  double first_bucket = 0, last_bucket = 0;
  double max_diff = 0;
};

/// Of all points of an expression.
struct MonotonicityFixes {
  MonotonicityFix worst;  // The widest of everything.
  uint64_t samples = 0;
  int64_t first_ms = 0, last_ms = 0;

  void Add(const MonotonicityFixes& other);
  /// "input to histogram_quantile needed to be fixed …"; `suffix` names the metric.
  std::string ToString(const std::string& suffix) const;
};

/// `buckets` ascend by bound, and are changed: equal bounds are merged, counts made monotone.
double BucketQuantile(double q, std::vector<Bucket>* buckets, MonotonicityFix* fix);
double BucketFraction(double lower, double upper, std::vector<Bucket>* buckets);

}  // namespace thanos::promql
