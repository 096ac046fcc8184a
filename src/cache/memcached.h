// Memcached as a cache. YAML: components/store §5.1.
#pragma once

#include <memory>
#include <string>

#include "cache/remote_cache.h"
#include "config/yaml.h"

namespace thanos::cache {

using MemcachedOptions = RemoteCacheOptions;

/// `config` of type MEMCACHED. kUnimplemented for auto_discovery.
Result<MemcachedOptions> ReadMemcachedConfig(const config::YamlNode& node);

std::unique_ptr<Protocol> MakeMemcachedProtocol();
std::unique_ptr<Cache> MakeMemcached(MemcachedOptions options, const std::string& name,
                                     metrics::Registry* registry);

/// Keys of the circuit breaker's map that memcached and redis share: failures in a row rest a
/// server here; rates of failure do not.
Status ReadBreaker(const config::YamlNode& node, RemoteCacheOptions* out);

}  // namespace thanos::cache
