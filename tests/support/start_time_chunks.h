// Writing chunks with start timestamps, for tests: formats/tsdb-block §6.8. The product only reads
// them.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>

#include "chunk/bit_writer.h"
#include "chunk/histogram_codec.h"
#include "model/histogram.h"

namespace thanos::testing {

inline void WriteVarint(chunk::BitWriter& out, int64_t value) {
  auto rest = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  for (; rest >= 0x80; rest >>= 7) out.Bits((rest & 0x7f) | 0x80, 8);
  out.Bits(rest, 8);
}

inline std::string ChunkHeader(size_t samples, uint64_t start_header) {
  std::string out;
  out.push_back(static_cast<char>(samples >> 8));
  out.push_back(static_cast<char>(samples));
  out.push_back(static_cast<char>(start_header));
  return out;
}

/// XOR2 (encoding 4). Values are always written with a new window, times with 64-bit differences:
/// valid, not small. `st` has one start time a sample; at most 127 samples.
inline std::string EncodeXor2(std::span<const int64_t> t, std::span<const double> v,
                              std::span<const int64_t> st) {
  size_t change = 0;
  for (size_t i = 1; i < st.size() && change == 0; ++i) {
    if (st[i] != st[i - 1]) change = i;
  }
  const bool known = !st.empty() && st[0] != 0;
  std::string bytes = ChunkHeader(t.size(), (known ? 0x80u : 0u) | change);
  chunk::BitWriter out(&bytes);
  uint64_t baseline = 0;
  const auto value = [&](double next) {
    const uint64_t difference = std::bit_cast<uint64_t>(next) ^ baseline;
    if (model::IsStaleNan(next)) return out.Bits(7, 3);
    if (difference == 0) return out.Bits(0, 1);
    out.Bits(6, 3);  // A new window of all 64 bits.
    out.Bits(0, 5);
    out.Bits(0, 6);
    out.Bits(difference, 64);
    baseline ^= difference;
  };
  int64_t delta = 0;
  int64_t start_delta = 0;
  for (size_t i = 0; i < t.size(); ++i) {
    if (i == 0) {
      WriteVarint(out, t[0]);
      out.Bits(std::bit_cast<uint64_t>(v[0]), 64);
      if (!model::IsStaleNan(v[0])) baseline = std::bit_cast<uint64_t>(v[0]);
      if (known) WriteVarint(out, t[0] - st[0]);
      continue;
    }
    const int64_t next = t[i] - t[i - 1];
    if (i == 1) {
      auto rest = static_cast<uint64_t>(next);
      for (; rest >= 0x80; rest >>= 7) out.Bits((rest & 0x7f) | 0x80, 8);
      out.Bits(rest, 8);
    } else {
      out.Bits(0x1e, 5);
      out.Bits(static_cast<uint64_t>(next - delta), 64);
    }
    delta = next;
    value(v[i]);
    if (change == 0 || i < change) continue;
    const int64_t d = t[i - 1] - st[i];
    chunk::WriteVarbitInt(out, i == change ? d : d - start_delta);
    start_delta = d;
  }
  return bytes;
}

/// A float histogram chunk (encoding 6) of one sample.
inline std::string EncodeFloatHistogramSt(int64_t t, const model::FloatHistogram& histogram,
                                          int64_t st) {
  const bool gauge = histogram.hint == model::CounterResetHint::kGauge;
  std::string bytes = ChunkHeader(1 | (gauge ? 0xc000u : 0u), st != 0 ? 0x80 : 0);
  chunk::BitWriter out(&bytes);
  chunk::HistogramLayout layout{histogram.schema, histogram.zero_threshold,
                                histogram.positive_spans, histogram.negative_spans,
                                histogram.custom_values};
  chunk::WriteHistogramLayout(out, layout);
  chunk::WriteVarbitInt(out, t);
  const auto real = [&out](double x) { out.Bits(std::bit_cast<uint64_t>(x), 64); };
  real(histogram.count);
  real(histogram.zero_count);
  real(histogram.sum);
  for (const double bucket : histogram.positive_buckets) real(bucket);
  for (const double bucket : histogram.negative_buckets) real(bucket);
  if (st != 0) WriteVarint(out, t - st);
  return bytes;
}

}  // namespace thanos::testing
