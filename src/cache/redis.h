// Redis as a cache: one server, its own protocol. YAML: components/store §5.1.
#pragma once

#include <memory>
#include <string>

#include "cache/remote_cache.h"
#include "config/yaml.h"

namespace thanos::cache {

struct RedisOptions {
  RemoteCacheOptions remote;
  std::string prefix, username, password;
  int64_t database = 0;
};

/// `config` of type REDIS. kUnimplemented for clusters, sentinels and client-side caching.
Result<RedisOptions> ReadRedisConfig(const config::YamlNode& node);

std::unique_ptr<Protocol> MakeRedisProtocol(RedisOptions options);
std::unique_ptr<Cache> MakeRedis(RedisOptions options, const std::string& name,
                                 metrics::Registry* registry);

}  // namespace thanos::cache
