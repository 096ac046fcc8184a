#include <string>

#include "base/time_text.h"
#include "cache/cache_config.h"
#include "cache/memcached.h"
#include "cache/memory_cache.h"
#include "cache/redis.h"
#include "config/yaml.h"
#include "objstore/caching_bucket.h"

namespace thanos::objstore {
namespace {

using config::YamlMap;
using config::YamlNode;

struct Settings {
  std::string type;
  YamlNode cache;
  CachingOptions options;
};

Result<Settings> Read(std::string_view yaml) {
  THANOS_ASSIGN_OR_RETURN(const YamlNode root, config::ParseYaml(yaml));
  Settings out;
  CachingOptions& options = out.options;
  std::string content_max = "1MiB";
  YamlMap map(root, "storecache.CachingWithBackendConfig");
  const auto time = [&map](const char* key, int64_t* ms) {
    int64_t ns = *ms * 1'000'000;
    map.GoDuration(key, &ns);
    *ms = ns / 1'000'000;
  };
  map.Text("type", &out.type).Node("config", [&](const YamlNode& node) {
    out.cache = node;
    return OkStatus();
  });
  map.Int("chunk_subrange_size", &options.subrange_bytes)
      .Int("max_chunks_get_range_requests", &options.subrange_requests_max)
      .Text("metafile_max_size", &content_max);
  time("chunk_object_attrs_ttl", &options.attributes_ttl_ms);
  time("chunk_subrange_ttl", &options.subrange_ttl_ms);
  time("blocks_iter_ttl", &options.iter_ttl_ms);
  time("metafile_exists_ttl", &options.exists_ttl_ms);
  time("metafile_doesnt_exist_ttl", &options.doesnt_exist_ttl_ms);
  time("metafile_content_ttl", &options.content_ttl_ms);
  THANOS_RETURN_IF_ERROR(map.Finish());
  THANOS_ASSIGN_OR_RETURN(options.content_bytes_max, base::ParseBase2Bytes(content_max));
  return out;
}

cache::MemoryCacheCounters CountersFor(const cache::MemoryCacheOptions& options,
                                       metrics::Registry* registry) {
  cache::MemoryCacheCounters out;
  if (registry == nullptr) return out;
  const std::string prefix = "thanos_cache_inmemory_";
  const metrics::LabelPairs name = {{"name", "caching-bucket"}};
  const auto counter = [&](const char* metric, const char* help) {
    return registry->AddCounter(prefix + metric, help, name);
  };
  const auto gauge = [&](const char* metric, const char* help) {
    return registry->AddGauge(prefix + metric, help, name);
  };
  out.added = counter("items_added_total", "Items that were added to the cache.");
  out.evicted = counter("items_evicted_total", "Items that were evicted from the cache.");
  out.overflowed = counter("items_overflowed_total", "Items that were too big for the cache.");
  out.requests = counter("requests_total", "Requests to the cache.");
  out.hits = counter("hits_total", "Requests to the cache that were a hit.");
  out.expired = counter("hits_on_expired_data_total", "Requests that found what had expired.");
  out.items = gauge("items", "Items in the cache.");
  out.value_bytes = gauge("items_size_bytes", "Size of the items in the cache.");
  out.total_bytes = gauge("total_size_bytes", "Size of items, keys and what holding them costs.");
  gauge("max_size_bytes", "Bytes that the cache holds at most.")
      .Set(static_cast<double>(options.bytes_max));
  gauge("max_item_size_bytes", "Bytes that an item has at most.")
      .Set(static_cast<double>(options.item_bytes_max));
  return out;
}

}  // namespace

Result<std::unique_ptr<Bucket>> WithConfiguredCache(std::unique_ptr<Bucket> inner,
                                                    std::string_view yaml,
                                                    metrics::Registry* registry) {
  auto settings = Read(yaml);
  if (!settings.ok()) return settings.status().WithContext("parsing config YAML file");
  const std::string type = cache::UpperType(settings->type);
  if (type == "MEMCACHED") {
    auto memcached = cache::ReadMemcachedConfig(settings->cache);
    if (!memcached.ok()) return memcached.status().WithContext("failed to create memcached client");
    return WithCache(std::move(inner),
                     cache::MakeMemcached(std::move(*memcached), "caching-bucket", registry),
                     settings->options, registry);
  }
  if (type == "REDIS") {
    auto redis = cache::ReadRedisConfig(settings->cache);
    if (!redis.ok()) return redis.status().WithContext("failed to create redis client");
    return WithCache(std::move(inner),
                     cache::MakeRedis(std::move(*redis), "caching-bucket", registry),
                     settings->options, registry);
  }
  if (type == "GROUPCACHE") {
    return UnimplementedError("caching bucket of type " + type + " is not built yet");
  }
  if (type != "IN-MEMORY") {
    return InvalidArgumentError("unsupported cache type: " + settings->type);
  }
  auto options = cache::ReadMemoryConfig(settings->cache);
  if (!options.ok()) return options.status().WithContext("failed to create inmemory cache");
  auto memory = std::make_unique<cache::MemoryCache>(
      *options, std::vector<cache::MemoryCacheCounters>{CountersFor(*options, registry)});
  return WithCache(std::move(inner), std::move(memory), settings->options, registry);
}

}  // namespace thanos::objstore
