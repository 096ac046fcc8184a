// Any request gives bytes within the bound or a status.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "rpc/snappy_frames.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kBytesMax = 1 << 20;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!rpc::IsSnappyFramed(text)) return 0;
  const auto plain = rpc::UnpackSnappyFrames(text, kBytesMax);
  if (plain.ok() && plain->size() > kBytesMax) std::abort();
  return 0;
}
