// The loops of XOR chunks over plain arrays. Private to the room.
#pragma once

#include <cstddef>
#include <cstdint>

namespace thanos::chunk {

/// Where a XOR stream stands: enough to go on reading or writing.
struct XorState {
  uint64_t position = 0;  // Bits from the beginning of the chunk.
  uint64_t t = 0, delta = 0;
  uint64_t value = 0;
  uint32_t leading = 0xff;  // 0xff: no window yet.
  uint32_t significant = 0;
};

/// Decodes up to `n` samples of the chunk at `data` into t and v; returns how many lie completely
/// inside its `size` bytes. Fewer than n: malformed there. Reads nothing outside.
size_t DecodeXorSamples(const uint8_t* data, size_t size, size_t n, int64_t* t, double* v,
                        XorState* end);

/// Writes `n` samples behind state->position, the first of them being number `index` of the chunk.
/// `out` has at least 19 bytes for each, and 16 more, behind the position; its last, partly filled
/// byte holds zeros behind the position. Does not touch the count in the header.
void EncodeXorSamples(const int64_t* t, const double* v, size_t n, size_t index, uint8_t* out,
                      XorState* state);

}  // namespace thanos::chunk
