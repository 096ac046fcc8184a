// Writing protobuf's wire format where a generated class would be more than the message needs.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace thanos::codec {

/// Appends fields to a message. Values that are zero or empty are left out, as proto3 does, except
/// by the methods named so. One thread.
class ProtoWriter {
 public:
  void Varint(uint32_t field, uint64_t value) {
    if (value != 0) VarintAlways(field, value);
  }
  void VarintAlways(uint32_t field, uint64_t value) {
    Raw(uint64_t{field} << 3);
    Raw(value);
  }
  void Fixed64(uint32_t field, uint64_t value) {
    if (value != 0) Fixed64Always(field, value);
  }
  void Fixed32(uint32_t field, uint32_t value) {
    if (value == 0) return;
    Raw(uint64_t{field} << 3 | 5);
    LittleEndian(value, 4);
  }
  void DoubleAlways(uint32_t field, double value) {
    Fixed64Always(field, std::bit_cast<uint64_t>(value));
  }
  void Bytes(uint32_t field, std::string_view value) {
    if (!value.empty()) BytesAlways(field, value);
  }
  /// Also a message within: its bytes.
  void BytesAlways(uint32_t field, std::string_view value) {
    Raw(uint64_t{field} << 3 | 2);
    Raw(value.size());
    out_.append(value);
  }
  void Message(uint32_t field, const ProtoWriter& message) { BytesAlways(field, message.out_); }
  /// Without a tag: an element of a packed field.
  void Raw(uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }

  const std::string& bytes() const { return out_; }
  std::string Take() { return std::move(out_); }

 private:
  void Fixed64Always(uint32_t field, uint64_t value) {
    Raw(uint64_t{field} << 3 | 1);
    LittleEndian(value, 8);
  }
  void LittleEndian(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_ += static_cast<char>(value >> (8 * i));
  }

  std::string out_;
};

}  // namespace thanos::codec
