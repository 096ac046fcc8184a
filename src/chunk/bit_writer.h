// Writing a bit stream, most significant bit first, into a string.
#pragma once

#include <bit>
#include <cstdint>
#include <string>

#include "chunk/bit_reader.h"

namespace thanos::chunk {

/// Appends bits behind the bytes of a string it borrows; the last byte is zero-padded. One thread.
class BitWriter {
 public:
  explicit BitWriter(std::string* out) : out_(out) {}

  void Bit(bool bit) { Bits(bit ? 1 : 0, 1); }

  /// The lowest `count` bits of `value`; 0 to 64.
  void Bits(uint64_t value, unsigned count) {
    while (count > 0) {
      if (free_ == 0) {
        out_->push_back('\0');
        free_ = 8;
      }
      const unsigned take = count < free_ ? count : free_;
      const auto part = static_cast<uint8_t>((value >> (count - take)) & ((1u << take) - 1));
      out_->back() = static_cast<char>(static_cast<uint8_t>(out_->back()) |
                                       static_cast<uint8_t>(part << (free_ - take)));
      free_ -= take;
      count -= take;
    }
  }

 private:
  std::string* out_;
  unsigned free_ = 0;  // Unused bits of the last byte.
};

inline void WriteVarbitOnes(BitWriter& out, unsigned ones) {
  out.Bits(ones == 8 ? 0xff : (uint64_t{1} << (ones + 1)) - 2, ones == 8 ? 8 : ones + 1);
}

/// Takes the smallest bucket that holds the value.
inline void WriteVarbitUint(BitWriter& out, uint64_t value) {
  unsigned ones = 0;
  while (ones < 8 && (value >> kVarbitWidths[ones]) != 0) ++ones;
  WriteVarbitOnes(out, ones);
  out.Bits(value, kVarbitWidths[ones]);
}

inline void WriteVarbitInt(BitWriter& out, int64_t value) {
  unsigned ones = 0;
  if (value != 0) {
    for (ones = 1; ones < 8; ++ones) {
      const int64_t half = int64_t{1} << (kVarbitWidths[ones] - 1);
      if (value > -half && value <= half) break;
    }
  }
  WriteVarbitOnes(out, ones);
  out.Bits(static_cast<uint64_t>(value), kVarbitWidths[ones]);
}

/// The writing side of XorValueReader.
struct XorValueWriter {
  uint64_t bits = 0;
  uint8_t leading = 0xff;  // 0xff: no window yet.
  uint8_t trailing = 0;

  void Write(BitWriter& out, double value) {
    const auto next = std::bit_cast<uint64_t>(value);
    const uint64_t difference = next ^ bits;
    bits = next;
    if (difference == 0) return out.Bit(false);
    const auto zeros = static_cast<uint8_t>(std::min(std::countl_zero(difference), 31));
    const auto tail = static_cast<uint8_t>(std::countr_zero(difference));
    if (leading == 0xff || zeros < leading || tail < trailing) {
      leading = zeros;
      trailing = tail;
      const unsigned significant = 64u - zeros - tail;
      out.Bits(0b11, 2);
      out.Bits(zeros, 5);
      out.Bits(significant & 63, 6);
      out.Bits(difference >> tail, significant);
      return;
    }
    out.Bits(0b10, 2);
    out.Bits(difference >> trailing, 64u - leading - trailing);
  }
};

}  // namespace thanos::chunk
