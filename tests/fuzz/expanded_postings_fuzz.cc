// Any bytes give expanded postings that encode to the same bytes again, or a status.
#include <cstdint>
#include <string>

#include "block/postings_expand.h"
#include "codec/byte_reader.h"
#include "codec/hash.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

namespace {

void Try(std::string_view bytes, size_t matchers) {
  const auto decoded = block::DecodeExpanded(codec::AsBytes(bytes), matchers);
  if (!decoded.ok()) return;
  for (const uint32_t index : decoded->deferred) {
    if (index >= matchers) __builtin_trap();
  }
  const std::string again = block::EncodeExpanded(decoded->deferred, decoded->references);
  const auto twice = block::DecodeExpanded(codec::AsBytes(again), matchers);
  if (!twice.ok() || twice->references != decoded->references) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t matchers = data[0] % 8;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Try(bytes, matchers);
  // The same with the checksum that its payload has: the fields behind it are reached too.
  std::string fixed;
  codec::ByteWriter(&fixed).Be32(codec::Crc32c(codec::AsBytes(bytes)));
  Try(fixed.append(bytes), matchers);
  return 0;
}
