// Native histograms as values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace thanos::model {

/// The stale marker and the NaN that arithmetic makes in Go; compare bits, never values.
inline constexpr uint64_t kStaleNanBits = 0x7ff0000000000002;
inline constexpr uint64_t kNormalNanBits = 0x7ff8000000000001;
inline bool IsStaleNan(double value) {
  return __builtin_bit_cast(uint64_t, value) == kStaleNanBits;
}

enum class CounterResetHint : uint8_t { kUnknown = 0, kReset = 1, kNotReset = 2, kGauge = 3 };

/// Schema of histograms with custom bounds (NHCB).
inline constexpr int32_t kCustomBucketsSchema = -53;

struct HistogramSpan {
  int32_t offset = 0;  // First span: index of its first bucket; others: gap after the last span.
  uint32_t length = 0;
  friend bool operator==(const HistogramSpan&, const HistogramSpan&) = default;
};

/// Bucket counts are absolute floats; an integer histogram is turned into this form on reading.
struct FloatHistogram {
  CounterResetHint hint = CounterResetHint::kUnknown;
  int32_t schema = 0;
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  std::vector<HistogramSpan> positive_spans, negative_spans;
  std::vector<double> positive_buckets, negative_buckets;
  std::vector<double> custom_values;  // Upper bounds, without +Inf; kCustomBucketsSchema only.

  bool is_stale() const { return IsStaleNan(sum); }
};

/// Integer form, for reading and writing encoding 2: buckets as deltas, the first absolute.
struct IntHistogram {
  CounterResetHint hint = CounterResetHint::kUnknown;
  int32_t schema = 0;
  double zero_threshold = 0;
  uint64_t zero_count = 0;
  uint64_t count = 0;
  double sum = 0;
  std::vector<HistogramSpan> positive_spans, negative_spans;
  std::vector<int64_t> positive_buckets, negative_buckets;
  std::vector<double> custom_values;

  bool is_stale() const { return IsStaleNan(sum); }
  FloatHistogram ToFloat() const;
};

}  // namespace thanos::model
