#include "tracing/thrift_writer.h"

#include <bit>

namespace thanos::tracing {

uint8_t ThriftWriter::Number(Type type) const {
  constexpr uint8_t kBinary[] = {2, 4, 8, 10, 11, 12, 15};
  constexpr uint8_t kCompact[] = {1, 7, 5, 6, 8, 12, 9};
  return (compact_ ? kCompact : kBinary)[static_cast<size_t>(type)];
}

void ThriftWriter::BigEndian(uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out_ += static_cast<char>(value >> (8 * i));
}

void ThriftWriter::Varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
  out_ += static_cast<char>(value);
}

void ThriftWriter::ZigZag(int64_t value) {
  Varint(static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63));
}

void ThriftWriter::Size(size_t size) {
  if (compact_) {
    Varint(size);
  } else {
    BigEndian(size, 4);
  }
}

void ThriftWriter::Field(int16_t id, uint8_t type) {
  if (!compact_) {
    out_ += static_cast<char>(type);
    BigEndian(static_cast<uint16_t>(id), 2);
    return;
  }
  const int step = id - last_ids_.back();
  last_ids_.back() = id;
  if (step > 0 && step <= 15) {
    out_ += static_cast<char>(step << 4 | type);
  } else {
    out_ += static_cast<char>(type);
    ZigZag(id);
  }
}

void ThriftWriter::OnewayCall(std::string_view method) {
  out_ += static_cast<char>(0x82);           // Protocol id.
  out_ += static_cast<char>(4 << 5 | 0x01);  // Oneway; version 1.
  Varint(0);                                 // Sequence id.
  Varint(method.size());
  out_.append(method);
}

void ThriftWriter::I32(int16_t id, int32_t value) {
  Field(id, Number(Type::kI32));
  if (compact_) {
    ZigZag(value);
  } else {
    BigEndian(static_cast<uint32_t>(value), 4);
  }
}

void ThriftWriter::I64(int16_t id, int64_t value) {
  Field(id, Number(Type::kI64));
  if (compact_) {
    ZigZag(value);
  } else {
    BigEndian(static_cast<uint64_t>(value), 8);
  }
}

void ThriftWriter::Bool(int16_t id, bool value) {
  if (compact_) {
    Field(id, value ? 1 : 2);  // The type is the value.
  } else {
    Field(id, Number(Type::kBool));
    out_ += static_cast<char>(value);
  }
}

void ThriftWriter::Double(int16_t id, double value) {
  Field(id, Number(Type::kDouble));
  uint64_t bits = std::bit_cast<uint64_t>(value);
  if (compact_) bits = __builtin_bswap64(bits);  // Little-endian there.
  BigEndian(bits, 8);
}

void ThriftWriter::Text(int16_t id, std::string_view value) {
  Field(id, Number(Type::kText));
  Size(value.size());
  out_.append(value);
}

void ThriftWriter::BeginStruct(int16_t id) {
  Field(id, Number(Type::kStruct));
  last_ids_.push_back(0);
}

void ThriftWriter::StructList(int16_t id, size_t count) {
  Field(id, Number(Type::kList));
  const uint8_t element = Number(Type::kStruct);
  if (!compact_) {
    out_ += static_cast<char>(element);
    BigEndian(count, 4);
  } else if (count < 15) {
    out_ += static_cast<char>(count << 4 | element);
  } else {
    out_ += static_cast<char>(0xf0 | element);
    Varint(count);
  }
}

void ThriftWriter::EndStruct() {
  out_ += '\0';
  last_ids_.pop_back();
}

}  // namespace thanos::tracing
