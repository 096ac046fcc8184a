// Quantiles, fractions, variance and trimming of native histograms.
#include <algorithm>
#include <cmath>

#include "promql/histogram_math.h"
#include "promql/numerics.h"

namespace thanos::promql {
namespace {

// In a histogram of one sign the zero bucket reaches from or to 0.
void LimitZeroBucket(const FloatHistogram& histogram, HistogramBucket* bucket) {
  if (histogram.negative_buckets.empty() && !histogram.positive_buckets.empty()) bucket->lower = 0;
  if (histogram.positive_buckets.empty() && !histogram.negative_buckets.empty()) bucket->upper = 0;
}

bool HoldsZero(const HistogramBucket& bucket) { return bucket.lower <= 0 && bucket.upper >= 0; }

// The value a fraction of the way through a bucket, on the scale of exponential buckets.
double OnLogScale(const HistogramBucket& bucket, double fraction) {
  const double lower = std::log2(std::fabs(bucket.lower));
  const double upper = std::log2(std::fabs(bucket.upper));
  if (bucket.lower > 0) return std::exp2(lower + (upper - lower) * fraction);
  return -std::exp2(upper + (lower - upper) * (1 - fraction));
}

// How far through the bucket a value lies, on that scale.
double FractionOnLogScale(const HistogramBucket& bucket, double value) {
  const double lower = std::log2(std::fabs(bucket.lower));
  const double upper = std::log2(std::fabs(bucket.upper));
  const double at = std::log2(std::fabs(value));
  if (value > 0) return (at - lower) / (upper - lower);
  return 1 - (at - upper) / (lower - upper);
}

}  // namespace

double HistogramQuantile(double q, const FloatHistogram& histogram, HistogramIssue* issue) {
  *issue = HistogramIssue::kNone;
  if (q < 0) return -kInf;
  if (q > 1) return kInf;
  if (histogram.count == 0 || std::isnan(q)) return kNaN;
  const bool nan = std::isnan(histogram.sum);
  const bool backward = !nan && q >= 0.5;
  std::vector<HistogramBucket> buckets = AllBuckets(histogram);
  if (backward) std::reverse(buckets.begin(), buckets.end());
  double rank = (backward ? 1 - q : q) * histogram.count;
  HistogramBucket bucket;
  double count = 0;
  double total = 0;
  for (const HistogramBucket& candidate : buckets) total += candidate.count;
  for (const HistogramBucket& candidate : buckets) {
    if (candidate.count == 0) continue;
    bucket = candidate;
    count += bucket.count;
    if (count >= rank) break;
  }
  const bool custom = UsesCustomBuckets(histogram);
  if (custom) {
    if (bucket.lower == -kInf) {
      if (bucket.upper <= 0) return bucket.upper;
      bucket.lower = 0;
    } else if (bucket.upper == kInf) {
      return bucket.lower;
    }
  } else if (bucket.lower < 0 && bucket.upper > 0) {
    LimitZeroBucket(histogram, &bucket);
  }
  count = std::fmin(count, histogram.count);
  if (count < rank) {
    if (!nan) return bucket.upper;
    *issue = HistogramIssue::kNanResult;
    return kNaN;
  }
  if (nan && total < histogram.count) *issue = HistogramIssue::kNanSkew;
  rank = backward ? count - rank : rank - (count - bucket.count);
  const double fraction = rank / bucket.count;
  if (custom || HoldsZero(bucket)) return bucket.lower + (bucket.upper - bucket.lower) * fraction;
  return OnLogScale(bucket, fraction);
}

double HistogramFraction(double lower, double upper, const FloatHistogram& histogram,
                         HistogramIssue* issue) {
  *issue = HistogramIssue::kNone;
  if (histogram.count == 0 || std::isnan(lower) || std::isnan(upper)) return kNaN;
  if (lower >= upper) return 0;
  const std::vector<HistogramBucket> buckets = AllBuckets(histogram);
  double count = histogram.count;
  if (std::isnan(histogram.sum)) {
    count = 0;
    for (const HistogramBucket& bucket : buckets) count += bucket.count;
    *issue = HistogramIssue::kNanFraction;
  }
  const bool custom = UsesCustomBuckets(histogram);
  const auto rank_of = [&](double bound) {
    double rank = 0;
    for (HistogramBucket bucket : buckets) {
      const bool zero = HoldsZero(bucket) && !custom;
      if (zero) LimitZeroBucket(histogram, &bucket);
      if (custom && bucket.lower == -kInf && bucket.upper > 0) bucket.lower = 0;
      if (bucket.lower >= bound) return rank;
      if (bucket.upper > bound) {
        if (bucket.lower == -kInf) return bucket.count;
        const double share = custom || zero ? (bound - bucket.lower) / (bucket.upper - bucket.lower)
                                            : FractionOnLogScale(bucket, bound);
        return rank + bucket.count * share;
      }
      rank += bucket.count;
    }
    return count;
  };
  const double lower_rank = std::fmin(rank_of(lower), count);
  const double upper_rank = std::fmin(rank_of(upper), count);
  return (upper_rank - lower_rank) / histogram.count;
}

double HistogramVariance(const FloatHistogram& histogram) {
  const double mean = histogram.sum / histogram.count;
  double variance = 0;
  double compensation = 0;
  for (const HistogramBucket& bucket : AllBuckets(histogram)) {
    if (bucket.count == 0) continue;
    double middle = 0;
    if (UsesCustomBuckets(histogram)) {
      middle = (bucket.upper + bucket.lower) / 2;
    } else if (!HoldsZero(bucket)) {
      middle = std::sqrt(bucket.upper * bucket.lower);
      if (bucket.upper < 0) middle = -middle;
    }
    const double delta = middle - mean;
    KahanAdd(bucket.count * delta * delta, variance, compensation);
  }
  return (variance + compensation) / histogram.count;
}

// Trimming.

namespace {

struct Kept {
  double count = 0;
  double lower = 0, upper = 0;  // Where its observations lie.
};

// The share of a bucket that stays, and the interval it lies in.
Kept KeepOfBucket(bool keep_below, double bound, const HistogramBucket& bucket, bool custom) {
  const double lower = bucket.lower;
  const double upper = bucket.upper;
  if (custom && lower == -kInf && upper == kInf) {
    // The only bucket says nothing of where its observations lie.
    const bool all = bound == (keep_below ? kInf : -kInf);
    return {all ? bucket.count : 0, lower, upper};
  }
  if (custom && lower == -kInf) {
    if (keep_below) {
      if (bound >= upper) return {bucket.count, lower, upper};
      if (bound > 0 && upper > 0) return {bucket.count * bound / upper, lower, bound};
      if (upper <= 0) return {bucket.count, lower, bound};
      return {0, lower, bound};
    }
    if (bound == -kInf) return {bucket.count, lower, upper};
    if (bound >= 0 && bound < upper) return {bucket.count * (1 - bound / upper), bound, upper};
    return {0, bound, upper};
  }
  if (custom && upper == kInf) {
    if (keep_below) return {bound == kInf ? bucket.count : 0, lower, bound};
    if (bound >= lower) return {bucket.count, bound, upper};
    return {bucket.count, lower, upper};
  }
  if (keep_below ? upper <= bound : lower >= bound) return {bucket.count, lower, upper};
  if (keep_below ? lower >= bound : upper <= bound) return {0, lower, upper};
  const double share = custom || HoldsZero(bucket) ? (bound - lower) / (upper - lower)
                                                   : FractionOnLogScale(bucket, bound);
  if (keep_below) return {bucket.count * share, lower, bound};
  return {bucket.count * (1 - share), bound, upper};
}

double MiddleOf(const Kept& kept, bool custom, bool zero) {
  if (kept.lower == -kInf) return kept.upper > 0 ? kept.upper / 2 : kept.upper;
  if (kept.upper == kInf) return kept.lower;
  if (custom || zero) return (kept.lower + kept.upper) / 2;
  const double middle = std::sqrt(std::fabs(kept.lower * kept.upper));
  return kept.upper <= 0 && kept.lower < 0 ? -middle : middle;
}

}  // namespace

void Trim(bool keep_below, double bound, FloatHistogram* histogram) {
  const bool custom = UsesCustomBuckets(*histogram);
  bool changed = false;
  double count = 0;
  double sum = 0;
  const auto keep = [&](HistogramBucket bucket, double* value) {
    const bool zero = !custom && HoldsZero(bucket);
    if (zero) LimitZeroBucket(*histogram, &bucket);
    const Kept kept = KeepOfBucket(keep_below, bound, bucket, custom);
    changed = changed || kept.count != *value;
    *value = kept.count;
    count += kept.count;
    if (kept.count != 0) sum += kept.count * MiddleOf(kept, custom, zero);
  };
  const FloatHistogram before = *histogram;
  std::vector<HistogramBucket> buckets = AllBuckets(before);
  // AllBuckets goes from the far end of the negative side to that of the positive one.
  size_t at = 0;
  const size_t negatives = before.negative_buckets.size();
  for (; at < negatives; ++at) {
    keep(buckets[at], &histogram->negative_buckets[negatives - 1 - at]);
  }
  if (!custom && before.zero_count > 0) keep(buckets[at++], &histogram->zero_count);
  for (size_t i = 0; i < before.positive_buckets.size(); ++i) {
    keep(buckets[at++], &histogram->positive_buckets[i]);
  }
  if (!changed) {
    *histogram = before;
    return;
  }
  histogram->count = count;
  histogram->sum = sum;
  Compact(histogram);
}

}  // namespace thanos::promql
