// Any bytes: records are walked without reading outside, and an intact one holds a block's text.
#include <cstdint>
#include <string_view>

#include "bucketblocks/meta_pack.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    const auto record = bucketblocks::ReadMetaPackRecord(rest);
    if (record.bytes == 0) break;
    if (record.bytes > rest.size() || (record.intact && record.text.size() >= record.bytes)) {
      __builtin_trap();
    }
    rest.remove_prefix(record.bytes);
  }
  return 0;
}
