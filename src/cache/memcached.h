// Memcached as a cache. YAML, choice of servers and metrics: components/store §5.1, §6.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/cache.h"
#include "config/yaml.h"
#include "metrics/registry.h"
#include "thanos/status.h"

namespace thanos::cache {

struct MemcachedOptions {
  std::vector<std::string> addresses;  // host:port, or to be looked up: dns+, dnssrv+, ….
  int64_t lookup_ms = 10000;           // Such addresses are looked up anew this often.
  int64_t timeout_ms = 500;            // Of one call, all its servers together.
  int64_t idle_connections_max = 100;  // A server.
  int64_t async_concurrency = 20;      // Threads that store.
  int64_t async_buffer_max = 10000;    // Items that wait to be stored; one more is dropped.
  int64_t batch_max = 0;               // Keys of one request; 0: all.
  int64_t item_bytes_max = 1 << 20;    // 0: no limit.
  /// A server that fails so often in a row is left alone for a while.
  int64_t failures_max = 5;
  int64_t rest_ms = 5000;
};

/// `config` of type MEMCACHED. kUnimplemented for auto_discovery.
Result<MemcachedOptions> ReadMemcachedConfig(const config::YamlNode& node);

/// `name` stands in the metrics. Nothing is connected before it is needed.
std::unique_ptr<Cache> MakeMemcached(MemcachedOptions options, const std::string& name,
                                     metrics::Registry* registry);

/// Which of `servers` holds a key: the same for every client, and mostly the same when a server is
/// added at the end.
size_t ServerOf(std::string_view key, size_t servers);

/// A key as the protocol takes it: printable, at most 250 bytes; others by their digest.
std::string ProtocolKey(std::string_view key);

}  // namespace thanos::cache
