// Reading and writing protobuf's wire format by hand, checked. For the few hot messages, and for
// rooms that know a message of a few fields.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace thanos::wire {

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

inline constexpr uint32_t Tag(uint32_t field, WireType type) {
  return field << 3 | static_cast<uint32_t>(type);
}

/// Bytes that a varint takes.
inline size_t VarintSize(uint64_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) * 9 + 64) / 64;
}

inline char* WriteVarint(char* out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *out++ = static_cast<char>(value | 0x80);
  *out++ = static_cast<char>(value);
  return out;
}

/// A cursor over one message. After the first error every read fails; `error` says why.
class ProtoReader {
 public:
  ProtoReader(const char* begin, const char* end) : at_(begin), end_(end) {}
  explicit ProtoReader(std::string_view bytes)
      : ProtoReader(bytes.data(), bytes.data() + bytes.size()) {}

  bool AtEnd() const { return at_ == end_; }
  const char* position() const { return at_; }
  const char* end() const { return end_; }
  const char* error() const { return error_; }
  bool ok() const { return error_ == nullptr; }

  /// False, with error() set, when it is cut short or longer than 64 bits.
  bool Varint(uint64_t* value) {
    if (at_ < end_ && static_cast<signed char>(*at_) >= 0) [[likely]] {
      *value = static_cast<uint8_t>(*at_++);
      return true;
    }
    return SlowVarint(value);
  }
  /// A field's tag; field number 0 is an error.
  bool ReadTag(uint32_t* tag) {
    uint64_t value = 0;
    if (!Varint(&value)) return false;
    if (value > UINT32_MAX || value < 8) return Fail("bad field number");
    *tag = static_cast<uint32_t>(value);
    return true;
  }
  bool Bytes(std::string_view* out) {
    uint64_t size = 0;
    if (!Varint(&size)) return false;
    if (size > static_cast<size_t>(end_ - at_)) return Fail("length passes the end");
    *out = {at_, static_cast<size_t>(size)};
    at_ += size;
    return true;
  }
  bool Fixed64(uint64_t* out) {
    if (end_ - at_ < 8) return Fail("cut short");
    std::memcpy(out, at_, 8);
    at_ += 8;
    return true;
  }
  /// Skips the value of a field that is not known. Groups are refused.
  bool Skip(uint32_t tag) {
    uint64_t ignored = 0;
    std::string_view bytes;
    switch (tag & 7) {
      case 0:
        return Varint(&ignored);
      case 1:
        return Fixed64(&ignored);
      case 2:
        return Bytes(&bytes);
      case 5:
        if (end_ - at_ < 4) return Fail("cut short");
        at_ += 4;
        return true;
      default:
        return Fail("bad wire type");
    }
  }
  bool Fail(const char* why) {
    if (error_ == nullptr) error_ = why;
    return false;
  }

 private:
  bool SlowVarint(uint64_t* value) {
    uint64_t result = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) return Fail("cut short");
      const auto byte = static_cast<uint8_t>(*at_++);
      if (shift == 63 && byte > 1) return Fail("varint above 64 bits");
      result |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) {
        *value = result;
        return true;
      }
    }
    return Fail("varint above 64 bits");
  }

  const char* at_;
  const char* end_;
  const char* error_ = nullptr;
};

}  // namespace thanos::wire
