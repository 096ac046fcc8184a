#include "model/histogram_resets.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <vector>

#include "model/histogram_buckets.h"

namespace thanos::model {
namespace {

using Cells = std::map<int32_t, double>;

int32_t ReducedIndex(int32_t index, int32_t from, int32_t to) {
  return ((index - 1) >> (from - to)) + 1;
}

Cells CellsAt(const std::vector<HistogramSpan>& spans, const std::vector<double>& buckets,
              int32_t from, int32_t to) {
  Cells cells;
  ForBuckets(spans, buckets, [&](int32_t index, double count) {
    cells[from == to ? index : ReducedIndex(index, from, to)] += count;
  });
  return cells;
}

// The previous zero bucket, widened to `threshold`. False when a bucket that counts something
// straddles it.
bool ZeroCountAt(const FloatHistogram& h, double threshold, double* count) {
  *count = h.zero_count;
  if (h.zero_threshold == threshold) return true;
  bool ok = true;
  const auto side = [&](const auto& spans, const auto& buckets) {
    ForBuckets(spans, buckets, [&](int32_t index, double bucket) {
      if (ExponentialBound(index - 1, h.schema) >= threshold) return;
      *count += bucket;
      if (ExponentialBound(index, h.schema) > threshold && bucket != 0) ok = false;
    });
  };
  side(h.positive_spans, h.positive_buckets);
  side(h.negative_spans, h.negative_buckets);
  return ok;
}

bool AnyBucketShrank(const Cells& current, const Cells& previous, int32_t schema,
                     double threshold) {
  for (const auto& [index, count] : previous) {
    if (count == 0 || ExponentialBound(index, schema) <= threshold) continue;
    const auto at = current.find(index);
    if ((at == current.end() ? 0 : at->second) < count) return true;
  }
  return false;
}

bool CustomReset(const FloatHistogram& current, const FloatHistogram& previous) {
  // Counts between the bounds that both have.
  std::vector<double> shared;
  std::set_intersection(current.custom_values.begin(), current.custom_values.end(),
                        previous.custom_values.begin(), previous.custom_values.end(),
                        std::back_inserter(shared));
  const auto counts = [&shared](const FloatHistogram& h) {
    std::vector<double> out(shared.size() + 1);
    ForBuckets(h.positive_spans, h.positive_buckets, [&](int32_t index, double count) {
      const double bound = CustomBound(h.custom_values, index);
      out[static_cast<size_t>(std::lower_bound(shared.begin(), shared.end(), bound) -
                              shared.begin())] += count;
    });
    return out;
  };
  const std::vector<double> now = counts(current);
  const std::vector<double> before = counts(previous);
  for (size_t i = 0; i < now.size(); ++i) {
    if (now[i] < before[i]) return true;
  }
  return false;
}

}  // namespace

bool DetectsReset(const FloatHistogram& current, const FloatHistogram& previous) {
  if (current.hint == CounterResetHint::kReset) return true;
  if (current.hint == CounterResetHint::kNotReset) return false;
  if (current.count < previous.count) return true;
  if (UsesCustomBuckets(current) != UsesCustomBuckets(previous)) return true;
  if (UsesCustomBuckets(current)) return CustomReset(current, previous);
  if (current.schema > previous.schema) return true;
  if (current.zero_threshold < previous.zero_threshold) return true;
  double zero = 0;
  if (!ZeroCountAt(previous, current.zero_threshold, &zero)) return true;
  if (current.zero_count < zero) return true;
  const int32_t schema = current.schema;
  return AnyBucketShrank(
             CellsAt(current.positive_spans, current.positive_buckets, schema, schema),
             CellsAt(previous.positive_spans, previous.positive_buckets, previous.schema, schema),
             schema, current.zero_threshold) ||
         AnyBucketShrank(
             CellsAt(current.negative_spans, current.negative_buckets, schema, schema),
             CellsAt(previous.negative_spans, previous.negative_buckets, previous.schema, schema),
             schema, current.zero_threshold);
}

}  // namespace thanos::model
