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

std::vector<std::string> KeysWithoutEffect(std::string_view yaml) {
  std::vector<std::string> found;
  const auto root = config::ParseYaml(yaml);
  if (!root.ok()) return found;
  const config::YamlNode* type = root->Find("type");
  const config::YamlNode* config = root->Find("config");
  if (type == nullptr || config == nullptr) return found;
  const auto look = [&](const config::YamlNode& node, const std::string& prefix,
                        std::initializer_list<std::string_view> keys) {
    for (const std::string_view key : keys) {
      if (node.Find(key) != nullptr) found.push_back(prefix + std::string(key));
    }
  };
  const std::string kind = UpperType(type->scalar);
  // Gets run on their callers' threads, sets one by one on those of max_async_concurrency, and one
  // deadline is that of a whole call.
  if (kind == "MEMCACHED") look(*config, "", {"max_get_multi_concurrency"});
  if (kind == "REDIS") {
    look(*config, "",
         {"dial_timeout", "max_get_multi_concurrency", "max_set_multi_concurrency",
          "set_multi_batch_size"});
  }
  if (const config::YamlNode* breaker = config->Find("set_async_circuit_breaker_config")) {
    // A server is left alone after failures in a row, and always so.
    look(*breaker, "set_async_circuit_breaker_config.",
         {"min_requests", "half_open_max_requests", "failure_percent"});
  }
  return found;
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
