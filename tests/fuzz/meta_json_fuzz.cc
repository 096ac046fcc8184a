// Any text gives a meta whose written form reads back the same, or a status.
#include <cstdint>
#include <string_view>

#include "block/meta.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto meta = block::ParseMeta({reinterpret_cast<const char*>(data), size});
  if (!meta.ok()) return 0;
  const std::string written = block::WriteMeta(*meta);
  const auto again = block::ParseMeta(written);
  if (!again.ok() || block::WriteMeta(*again) != written) __builtin_trap();
  return 0;
}
