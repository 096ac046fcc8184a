// Reading a bit stream, most significant bit first. Never reads outside its bytes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "codec/byte_reader.h"

namespace thanos::chunk {

/// Cursor over bits that somebody else keeps alive. After the first read past the end every read
/// gives zero, so a group of fields is read first and checked once. One thread.
class BitReader {
 public:
  explicit BitReader(std::span<const std::byte> bytes, size_t skip_bytes = 0)
      : bytes_(reinterpret_cast<const uint8_t*>(bytes.data())),
        size_(bytes.size()),
        position_(skip_bytes * 8),
        end_(bytes.size() * 8) {
    if (position_ > end_) Fail();
  }

  bool ok() const { return !failed_; }
  uint64_t position() const { return position_; }
  uint64_t remaining_bits() const { return end_ - position_; }

  bool Bit() { return Bits(1) != 0; }

  /// `count` of 0 to 64.
  uint64_t Bits(unsigned count) {
    if (count > end_ - position_) [[unlikely]]
      return Fail();
    if (count == 0) return 0;
    uint64_t word = Peek();
    const unsigned have = 64 - (position_ & 7);
    if (count > have) word |= bytes_[(position_ >> 3) + 8] >> (8 - (position_ & 7));
    position_ += count;
    return word >> (64 - count);
  }

  /// LEB128 of 8-bit groups at any bit position; fails past 10 groups.
  uint64_t Uvarint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const uint64_t byte = Bits(8);
      if (shift == 63 && byte > 1) return Fail();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Fail();
  }
  int64_t Varint() { return codec::ZigZagDecode(Uvarint()); }

  /// The number of one bits in front of a zero, at most `max`; the zero is consumed unless there
  /// are `max` ones. `max` up to 32.
  unsigned Ones(unsigned max) {
    const auto ones = std::min<unsigned>(static_cast<unsigned>(std::countl_one(Peek())), max);
    const unsigned taken = ones == max ? max : ones + 1;
    if (taken > end_ - position_) [[unlikely]]
      return static_cast<unsigned>(Fail());
    position_ += taken;
    return ones;
  }

  uint64_t Fail() {
    failed_ = true;
    position_ = end_;
    return 0;
  }

 private:
  // The next bits at the top, at least 57 of them; zeros behind the end.
  uint64_t Peek() const {
    const size_t at = position_ >> 3;
    if (at + 8 <= size_) [[likely]]
      return codec::LoadBe64(bytes_ + at) << (position_ & 7);
    uint64_t word = 0;
    for (size_t i = at; i < size_; ++i) word |= uint64_t{bytes_[i]} << (56 - 8 * (i - at));
    return word << (position_ & 7);
  }

  const uint8_t* bytes_;
  size_t size_;
  uint64_t position_;
  uint64_t end_;
  bool failed_ = false;
};

/// Prometheus' signed buckets: 2^(width-1) itself is positive. `width` below 64.
inline int64_t SignedOfWidth(uint64_t bits, unsigned width) {
  const uint64_t half = uint64_t{1} << (width - 1);
  return static_cast<int64_t>(bits > half ? bits - (uint64_t{1} << width) : bits);
}

/// Bits behind the n ones that open a varbit integer. formats/tsdb-block §6.2.
inline constexpr uint8_t kVarbitWidths[9] = {0, 3, 6, 9, 12, 18, 25, 56, 64};

inline uint64_t ReadVarbitUint(BitReader& bits) { return bits.Bits(kVarbitWidths[bits.Ones(8)]); }

inline int64_t ReadVarbitInt(BitReader& bits) {
  const unsigned width = kVarbitWidths[bits.Ones(8)];
  const uint64_t value = bits.Bits(width);
  if (width == 0 || width == 64) return static_cast<int64_t>(value);
  return SignedOfWidth(value, width);
}

/// A float64 coded as the XOR with the one before it (the `V` of formats/tsdb-block §6.1).
struct XorValueReader {
  uint64_t bits = 0;
  uint8_t leading = 0;
  uint8_t significant = 0;  // 0: no window yet.

  double value() const { return std::bit_cast<double>(bits); }

  void Read(BitReader& in) {
    if (!in.Bit()) return;
    if (in.Bit()) ReadWindow(in);
    ReadInWindow(in);
  }
  void ReadWindow(BitReader& in) {
    leading = static_cast<uint8_t>(in.Bits(5));
    const auto size = static_cast<uint8_t>(in.Bits(6));
    significant = size == 0 ? 64 : size;
  }
  // A window that does not fit 64 bits, or none, is corrupt.
  void ReadInWindow(BitReader& in) {
    if (significant == 0 || leading + significant > 64) {
      in.Fail();
      return;
    }
    bits ^= in.Bits(significant) << (64 - leading - significant);
  }
};

}  // namespace thanos::chunk
