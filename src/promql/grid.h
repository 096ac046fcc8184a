// The steps of an evaluation, and bitmaps over them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace thanos::promql {

/// start, start + step, …: `count` points. An instant query has one.
struct Grid {
  int64_t start_ms = 0;
  int64_t step_ms = 1;
  size_t count = 0;
  int64_t lead_ms = 0;  // Of a tile: from the start of the whole grid to its own.

  int64_t At(size_t i) const { return start_ms + static_cast<int64_t>(i) * step_ms; }
  int64_t last_ms() const { return At(count - 1); }
  size_t words() const { return (count + 63) / 64; }
};

inline bool TestBit(const uint64_t* bits, size_t i) { return bits[i / 64] >> (i % 64) & 1; }
inline void SetBit(uint64_t* bits, size_t i) { bits[i / 64] |= uint64_t{1} << (i % 64); }
inline void ClearBit(uint64_t* bits, size_t i) { bits[i / 64] &= ~(uint64_t{1} << (i % 64)); }
inline bool AnyBit(const uint64_t* bits, size_t words) {
  for (size_t w = 0; w < words; ++w) {
    if (bits[w] != 0) return true;
  }
  return false;
}
inline size_t CountBits(const uint64_t* bits, size_t words) {
  size_t count = 0;
  for (size_t w = 0; w < words; ++w) count += static_cast<size_t>(std::popcount(bits[w]));
  return count;
}
/// Sets the first `count` bits of zeroed words.
inline void SetAllBits(uint64_t* bits, size_t count) {
  for (size_t w = 0; w < count / 64; ++w) bits[w] = ~uint64_t{0};
  if (count % 64 != 0) bits[count / 64] = (uint64_t{1} << (count % 64)) - 1;
}
/// Calls body(i) for every bit that is set, ascending.
template <typename Body>
void ForEachBit(const uint64_t* bits, size_t words, Body body) {
  for (size_t w = 0; w < words; ++w) {
    for (uint64_t rest = bits[w]; rest != 0; rest &= rest - 1) {
      body(w * 64 + static_cast<size_t>(std::countr_zero(rest)));
    }
  }
}

}  // namespace thanos::promql
