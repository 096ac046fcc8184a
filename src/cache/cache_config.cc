#include "cache/cache_config.h"

#include <algorithm>
#include <cctype>

#include "base/time_text.h"

namespace thanos::cache {

std::string UpperType(std::string_view type) {
  std::string out(type);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return static_cast<char>(std::toupper(static_cast<uint8_t>(c))); });
  return out;
}

// As Go: a plain 0 is a size, other sizes need their unit.
Result<MemoryCacheOptions> ReadMemoryConfig(const config::YamlNode& node) {
  std::string size = "250MiB", item_size = "125MiB";
  config::YamlMap map(node, "config");
  map.Text("max_size", &size).Text("max_item_size", &item_size).AllowUnknown();
  THANOS_RETURN_IF_ERROR(map.Finish());
  THANOS_ASSIGN_OR_RETURN(const int64_t bytes, base::ParseBase2Bytes(size));
  THANOS_ASSIGN_OR_RETURN(const int64_t item_bytes, base::ParseBase2Bytes(item_size));
  if (item_bytes > bytes) {
    return InvalidArgumentError("max item size (" + std::to_string(item_bytes) +
                                ") cannot be bigger than overall cache size (" +
                                std::to_string(bytes) + ")");
  }
  MemoryCacheOptions options;
  options.bytes_max = static_cast<uint64_t>(std::max<int64_t>(bytes, 0));
  options.item_bytes_max = static_cast<uint64_t>(std::max<int64_t>(item_bytes, 0));
  return options;
}

}  // namespace thanos::cache
