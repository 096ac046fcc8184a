#include "model/histogram.h"

namespace thanos::model {
namespace {

std::vector<double> AbsoluteCounts(const std::vector<int64_t>& deltas) {
  std::vector<double> counts;
  counts.reserve(deltas.size());
  // Deltas come from outside: they wrap as in Go rather than overflow.
  uint64_t count = 0;
  for (const int64_t delta : deltas) {
    count += static_cast<uint64_t>(delta);
    counts.push_back(static_cast<double>(static_cast<int64_t>(count)));
  }
  return counts;
}

}  // namespace

FloatHistogram IntHistogram::ToFloat() const {
  FloatHistogram out;
  out.hint = hint;
  out.schema = schema;
  out.zero_threshold = zero_threshold;
  out.zero_count = static_cast<double>(zero_count);
  out.count = static_cast<double>(count);
  out.sum = sum;
  out.positive_spans = positive_spans;
  out.negative_spans = negative_spans;
  out.positive_buckets = AbsoluteCounts(positive_buckets);
  out.negative_buckets = AbsoluteCounts(negative_buckets);
  out.custom_values = custom_values;
  return out;
}

}  // namespace thanos::model
