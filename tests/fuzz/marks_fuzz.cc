// Any text gives a mark whose written form reads back the same, or a status.
#include <cstdint>
#include <string_view>

#include "bucketblocks/marks.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const auto kind : bucketblocks::kMarkKinds) {
    const auto mark = bucketblocks::ParseMark(kind, {reinterpret_cast<const char*>(data), size});
    if (!mark.ok()) continue;
    const std::string written = bucketblocks::WriteMark(*mark);
    const auto again = bucketblocks::ParseMark(kind, written);
    if (!again.ok() || bucketblocks::WriteMark(*again) != written) __builtin_trap();
  }
  return 0;
}
