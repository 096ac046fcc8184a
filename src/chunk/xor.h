// XOR chunks (encoding 1): appending and bulk encoding. Reading is DecodeChunk.
// Format: formats/tsdb-block §6.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "thanos/status.h"

namespace thanos::chunk {

/// Most samples that the chunk's 16-bit count can state.
inline constexpr size_t kChunkSamplesMax = 65535;

/// Room that EncodeXor needs for `samples`: at most 19 bytes each, and slack for whole stores.
constexpr size_t XorBytesMax(size_t samples) { return 32 + 19 * samples; }

/// Encodes n <= kChunkSamplesMax samples into `out`, which has XorBytesMax(n) bytes; returns the
/// chunk's size. Times may come in any order: their arithmetic wraps.
size_t EncodeXor(const int64_t* t, const double* v, size_t n, std::byte* out);

/// A chunk that grows sample by sample and can be read at any moment. One thread.
class XorAppender {
 public:
  XorAppender();
  /// Continues a finished chunk. kDataLoss when it is malformed.
  static Result<XorAppender> Resume(std::span<const std::byte> chunk);

  /// False when the chunk is full (kChunkSamplesMax); nothing is appended then.
  [[nodiscard]] bool Append(int64_t t, double v);
  /// The whole chunk; valid until the next Append.
  std::span<const std::byte> bytes() const { return {buffer_.data(), size_}; }
  size_t sample_count() const { return count_; }
  int64_t last_ms() const { return t_; }

 private:
  std::vector<std::byte> buffer_;
  size_t size_ = 0;
  uint32_t count_ = 0;
  uint64_t bit_position_ = 0;
  int64_t t_ = 0, delta_ = 0;
  uint64_t value_bits_ = 0;
  uint8_t leading_ = 0xff, significant_ = 0;
};

}  // namespace thanos::chunk
