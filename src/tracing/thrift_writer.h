// Thrift's two encodings, as far as Jaeger's messages need them: binary (over HTTP) and compact
// (to the agent).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace thanos::tracing {

enum class ThriftEncoding : uint8_t { kBinary, kCompact };

/// Appends one message. Fields of a struct come with rising ids. One thread.
class ThriftWriter {
 public:
  explicit ThriftWriter(ThriftEncoding encoding)
      : compact_(encoding == ThriftEncoding::kCompact), last_ids_{0} {}

  /// The header of a call that nobody answers; compact only.
  void OnewayCall(std::string_view method);
  void I32(int16_t id, int32_t value);
  void I64(int16_t id, int64_t value);
  void Bool(int16_t id, bool value);
  void Double(int16_t id, double value);
  void Text(int16_t id, std::string_view value);
  /// A struct as field `id`; EndStruct() closes it.
  void BeginStruct(int16_t id);
  /// `count` structs follow, each between BeginElement() and EndStruct().
  void StructList(int16_t id, size_t count);
  void BeginElement() { last_ids_.push_back(0); }
  void EndStruct();

  size_t size() const { return out_.size(); }
  std::string Take() { return std::move(out_); }

 private:
  enum class Type : uint8_t { kBool, kDouble, kI32, kI64, kText, kStruct, kList };
  uint8_t Number(Type type) const;
  void Field(int16_t id, uint8_t type);
  void BigEndian(uint64_t value, int bytes);
  void Varint(uint64_t value);
  void ZigZag(int64_t value);
  void Size(size_t size);

  const bool compact_;
  std::vector<int16_t> last_ids_;  // Of the structs that are open.
  std::string out_;
};

}  // namespace thanos::tracing
