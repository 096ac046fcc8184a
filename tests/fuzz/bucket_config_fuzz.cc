// Any text gives a bucket configuration or an error that says why.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "objstore/bucket_config.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto config =
      objstore::ParseBucketConfig(std::string_view(reinterpret_cast<const char*>(data), size));
  if (config.ok() && config->type.empty()) std::abort();
  if (!config.ok() && config.status().message().empty()) std::abort();
  return 0;
}
