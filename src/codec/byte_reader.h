// Reading and writing fixed integers, varints and length-prefixed text.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "thanos/status.h"

namespace thanos::codec {

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline uint64_t LoadBe64(const void* p) {
  uint64_t x;
  std::memcpy(&x, p, 8);
  return __builtin_bswap64(x);
}
inline uint32_t LoadBe32(const void* p) {
  uint32_t x;
  std::memcpy(&x, p, 4);
  return __builtin_bswap32(x);
}
inline uint16_t LoadBe16(const void* p) {
  uint16_t x;
  std::memcpy(&x, p, 2);
  return __builtin_bswap16(x);
}

inline uint64_t ZigZagEncode(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
inline int64_t ZigZagDecode(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

/// Cursor over bytes that somebody else keeps alive. After the first read past the end every
/// read returns zero, so a group of fields is read first and checked once.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool ok() const { return !failed_; }
  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }

  uint8_t U8() {
    if (remaining() < 1) return Fail();
    return std::to_integer<uint8_t>(bytes_[position_++]);
  }
  uint16_t Be16() {
    if (remaining() < 2) return Fail();
    position_ += 2;
    return LoadBe16(bytes_.data() + position_ - 2);
  }
  uint32_t Be32() {
    if (remaining() < 4) return Fail();
    position_ += 4;
    return LoadBe32(bytes_.data() + position_ - 4);
  }
  uint64_t Be64() {
    if (remaining() < 8) return Fail();
    position_ += 8;
    return LoadBe64(bytes_.data() + position_ - 8);
  }
  /// LEB128, at most 10 bytes; fails when the value does not fit 64 bits.
  uint64_t Uvarint() {
    if (position_ < bytes_.size()) [[likely]] {
      const auto first = std::to_integer<uint8_t>(bytes_[position_]);
      if (first < 0x80) [[likely]] {
        ++position_;
        return first;
      }
    }
    return UvarintSlow();
  }
  /// As Uvarint, fails above 32 bits.
  uint32_t Uvarint32() {
    const uint64_t value = Uvarint();
    if (value > UINT32_MAX) return Fail();
    return static_cast<uint32_t>(value);
  }
  int64_t Varint() { return ZigZagDecode(Uvarint()); }
  std::span<const std::byte> Bytes(size_t size) {
    if (size > remaining()) {
      Fail();
      return {};
    }
    position_ += size;
    return bytes_.subspan(position_ - size, size);
  }
  /// Borrowed from the input.
  std::string_view UvarintString() { return AsText(Bytes(Uvarint())); }
  void Skip(size_t size) { Bytes(size); }

  /// kDataLoss naming `what` and the offset, when any read failed.
  Status Check(std::string_view what) const {
    if (!failed_) return OkStatus();
    return DataLossError(std::string(what) + ": cut short or malformed at byte " +
                         std::to_string(position_) + " of " + std::to_string(bytes_.size()));
  }

 private:
  uint64_t UvarintSlow() {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (position_ >= bytes_.size()) return Fail();
      const auto byte = std::to_integer<uint8_t>(bytes_[position_++]);
      if (shift == 63 && byte > 1) return Fail();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Fail();
  }
  uint8_t Fail() {
    failed_ = true;
    return 0;
  }

  std::span<const std::byte> bytes_;
  size_t position_ = 0;
  bool failed_ = false;
};

/// Appends to a string. Sizes are the caller's business.
class ByteWriter {
 public:
  explicit ByteWriter(std::string* out) : out_(out) {}
  void U8(uint8_t value) { out_->push_back(static_cast<char>(value)); }
  void Be16(uint16_t value) {
    value = __builtin_bswap16(value);
    out_->append(reinterpret_cast<const char*>(&value), 2);
  }
  void Be32(uint32_t value) {
    value = __builtin_bswap32(value);
    out_->append(reinterpret_cast<const char*>(&value), 4);
  }
  void Be64(uint64_t value) {
    value = __builtin_bswap64(value);
    out_->append(reinterpret_cast<const char*>(&value), 8);
  }
  void Uvarint(uint64_t value) {
    char buffer[10];
    int size = 0;
    for (; value >= 0x80; value >>= 7) buffer[size++] = static_cast<char>(value | 0x80);
    buffer[size++] = static_cast<char>(value);
    out_->append(buffer, static_cast<size_t>(size));
  }
  void Varint(int64_t value) { Uvarint(ZigZagEncode(value)); }
  void UvarintString(std::string_view text) {
    Uvarint(text.size());
    out_->append(text);
  }
  void Bytes(std::span<const std::byte> bytes) { out_->append(AsText(bytes)); }
  size_t size() const { return out_->size(); }

 private:
  std::string* out_;
};

}  // namespace thanos::codec
