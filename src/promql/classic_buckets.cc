#include "promql/classic_buckets.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "base/number_text.h"
#include "base/time_text.h"
#include "promql/numerics.h"

namespace thanos::promql {
namespace {

// Equal for practical purposes: differences that summation in another order leaves.
bool AlmostEqual(double a, double b, double epsilon) {
  if (std::isnan(a) && std::isnan(b)) return true;
  if (a == b) return true;
  const double total = std::fabs(a) + std::fabs(b);
  const double difference = std::fabs(a - b);
  constexpr double kMinNormal = std::numeric_limits<double>::min();
  if (a == 0 || b == 0 || total < kMinNormal) return difference < epsilon * kMinNormal;
  return difference / std::fmin(total, std::numeric_limits<double>::max()) < epsilon;
}

void MergeEqualBounds(std::vector<Bucket>* buckets) {
  size_t last = 0;
  for (size_t i = 1; i < buckets->size(); ++i) {
    if ((*buckets)[i].upper == (*buckets)[last].upper) {
      (*buckets)[last].count += (*buckets)[i].count;
    } else {
      (*buckets)[++last] = (*buckets)[i];
    }
  }
  buckets->resize(last + 1);
}

void MakeMonotone(std::vector<Bucket>* buckets, MonotonicityFix* fix) {
  constexpr double kTolerance = 1e-12;
  double previous = buckets->front().count;
  for (size_t i = 1; i < buckets->size(); ++i) {
    Bucket& bucket = (*buckets)[i];
    const double count = bucket.count;
    if (count == previous) continue;
    if (AlmostEqual(previous, count, kTolerance)) {
      bucket.count = previous;
    } else if (count < previous) {
      if (!fix->forced) fix->first_bucket = bucket.upper;
      fix->forced = true;
      fix->last_bucket = bucket.upper;
      fix->max_diff = std::fmax(fix->max_diff, previous - count);
      bucket.count = previous;
    } else {
      previous = count;
    }
  }
}

}  // namespace

double BucketQuantile(double q, std::vector<Bucket>* buckets, MonotonicityFix* fix) {
  if (std::isnan(q)) return kNaN;
  if (q < 0) return -kInf;
  if (q > 1) return kInf;
  if (buckets->empty() || buckets->back().upper != kInf) return kNaN;
  MergeEqualBounds(buckets);
  MakeMonotone(buckets, fix);
  const size_t n = buckets->size();
  if (n < 2) return kNaN;
  const double observations = buckets->back().count;
  if (observations == 0) return kNaN;
  double rank = q * observations;
  const auto end = buckets->end() - 1;
  const auto found = std::partition_point(
      buckets->begin(), end, [rank](const Bucket& bucket) { return !(bucket.count >= rank); });
  if (found == end) return (*buckets)[n - 2].upper;
  if (found == buckets->begin() && found->upper <= 0) return found->upper;
  double start = 0;
  double count = found->count;
  if (found != buckets->begin()) {
    const Bucket& before = *(found - 1);
    start = before.upper;
    count -= before.count;
    rank -= before.count;
  }
  return start + (found->upper - start) * (rank / count);
}

double BucketFraction(double lower, double upper, std::vector<Bucket>* buckets) {
  if (buckets->empty() || buckets->back().upper != kInf) return kNaN;
  MergeEqualBounds(buckets);
  const double total = buckets->back().count;
  if (total == 0 || std::isnan(lower) || std::isnan(upper)) return kNaN;
  if (lower >= upper) return 0;
  // The rank of a bound: the count below it, linear inside its bucket.
  const auto rank_of = [&](double bound) {
    double rank = 0;
    for (size_t i = 0; i < buckets->size(); ++i) {
      const Bucket& bucket = (*buckets)[i];
      const double start = i > 0 ? (*buckets)[i - 1].upper : bucket.upper > 0 ? 0 : -kInf;
      if (start >= bound) return rank;
      if (bucket.upper > bound) {
        if (start == -kInf) return bucket.count;
        if (bucket.upper == kInf) return rank;
        return rank + (bucket.count - rank) * (bound - start) / (bucket.upper - start);
      }
      rank = bucket.count;
    }
    return total;
  };
  const double lower_rank = std::fmin(rank_of(lower), total);
  const double upper_rank = std::fmin(rank_of(upper), total);
  return (upper_rank - lower_rank) / total;
}

void MonotonicityFixes::Add(const MonotonicityFixes& other) {
  worst.first_bucket = std::fmin(worst.first_bucket, other.worst.first_bucket);
  worst.last_bucket = std::fmax(worst.last_bucket, other.worst.last_bucket);
  worst.max_diff = std::fmax(worst.max_diff, other.worst.max_diff);
  samples += other.samples;
  first_ms = std::min(first_ms, other.first_ms);
  last_ms = std::max(last_ms, other.last_ms);
}

std::string MonotonicityFixes::ToString(const std::string& suffix) const {
  char diff[40];
  std::snprintf(diff, sizeof(diff), "%.2g", worst.max_diff);
  return "input to histogram_quantile needed to be fixed for monotonicity (see "
         "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)" +
         suffix + ", from buckets " + base::FormatFloatG(worst.first_bucket) + " to " +
         base::FormatFloatG(worst.last_bucket) + ", with a max diff of " + diff + ", over " +
         std::to_string(samples) + " samples from " + base::FormatRfc3339Nano(first_ms / 1000, 0) +
         " to " + base::FormatRfc3339Nano(last_ms / 1000, 0);
}

}  // namespace thanos::promql
