#include "profile/pprof.h"

#include <map>
#include <unordered_map>

#include <limits.h>
#include <unistd.h>
#include <zlib.h>

#include "codec/compression.h"
#include "codec/proto_writer.h"
#include "profile/symbols.h"

namespace thanos::profile {
namespace {

using codec::ProtoWriter;

// Profile: 1 sample_type, 2 sample, 3 mapping, 4 location, 5 function, 6 string_table, 9 time,
// 10 duration, 11 period_type, 12 period, 13 comment, 14 default_sample_type.
class Encoder {
 public:
  Encoder() { Text(""); }

  void Header(const ProfileHeader& header) {
    for (const auto& [type, unit] : header.value_types) out_.Message(1, ValueType(type, unit));
    out_.Varint(9, static_cast<uint64_t>(header.time_ns));
    out_.Varint(10, static_cast<uint64_t>(header.duration_ns));
    out_.Message(11, ValueType(header.period_type.first, header.period_type.second));
    out_.Varint(12, static_cast<uint64_t>(header.period));
    for (const std::string& comment : header.comments) out_.VarintAlways(13, Text(comment));
    out_.Varint(14, Text(header.value_types.back().first));
  }

  void Sample(const Stack& stack, const std::vector<int64_t>& values) {
    ProtoWriter locations, numbers, sample;
    for (const uintptr_t address : stack) locations.Raw(Location(address));
    for (const int64_t value : values) numbers.Raw(static_cast<uint64_t>(value));
    sample.Message(1, locations);
    sample.Message(2, numbers);
    out_.Message(2, sample);
  }

  std::string Finish() {
    uint64_t id = 0;
    for (const Mapping& mapping : space_.mappings()) {
      ProtoWriter part;
      part.Varint(1, ++id);
      part.Varint(2, mapping.begin);
      part.Varint(3, mapping.end);
      part.Varint(4, mapping.file_offset);
      part.Varint(5, Text(PathOf(mapping)));
      part.Varint(7, 1);  // Has names.
      out_.Message(3, part);
    }
    std::vector<std::string_view> texts(texts_.size());
    for (const auto& [text, index] : texts_) texts[index] = text;
    for (const std::string_view text : texts) out_.BytesAlways(6, text);
    return out_.Take();
  }

 private:
  static std::string PathOf(const Mapping& mapping) {
    if (mapping.path != "/proc/self/exe") return mapping.path;
    char path[PATH_MAX];
    const ssize_t size = ::readlink("/proc/self/exe", path, sizeof(path));
    return size > 0 ? std::string(path, static_cast<size_t>(size)) : mapping.path;
  }

  ProtoWriter ValueType(const std::string& type, const std::string& unit) {
    ProtoWriter out;
    out.Varint(1, Text(type));
    out.Varint(2, Text(unit));
    return out;
  }

  uint64_t Text(const std::string& text) {
    return texts_.try_emplace(text, texts_.size()).first->second;
  }

  uint64_t Function(const std::string& name) {
    const auto [at, is_new] = functions_.try_emplace(name, functions_.size() + 1);
    if (is_new) {
      ProtoWriter out;
      out.Varint(1, at->second);
      out.Varint(2, Text(Demangled(name)));
      out.Varint(3, Text(name));
      out_.Message(5, out);
    }
    return at->second;
  }

  uint64_t Location(uintptr_t address) {
    const auto [at, is_new] = locations_.try_emplace(address, locations_.size() + 1);
    if (is_new) {
      ProtoWriter out;
      out.Varint(1, at->second);
      if (const Mapping* mapping = space_.Find(address)) {
        out.Varint(2, static_cast<uint64_t>(mapping - space_.mappings().data()) + 1);
      }
      out.Varint(3, address);
      if (const std::string name(space_.NameOf(address)); !name.empty()) {
        ProtoWriter line;
        line.Varint(1, Function(name));
        out.Message(4, line);
      }
      out_.Message(4, out);
    }
    return at->second;
  }

  AddressSpace space_;
  ProtoWriter out_;
  std::map<std::string, uint64_t> texts_;
  std::unordered_map<std::string, uint64_t> functions_;
  std::unordered_map<uintptr_t, uint64_t> locations_;
};

}  // namespace

std::string EncodeProfile(const ProfileHeader& header, const StackValues& stacks) {
  Encoder encoder;
  encoder.Header(header);
  for (const auto& [stack, values] : stacks) encoder.Sample(stack, values);
  return codec::GzipCompress(encoder.Finish(), Z_DEFAULT_COMPRESSION);
}

}  // namespace thanos::profile
