// What caches behind a network have in common: servers, connections, a queue of what is to be
// stored, and leaving alone what fails. Choice of servers and metrics: components/store §5.1, §6.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/cache.h"
#include "cache/stream.h"
#include "metrics/registry.h"
#include "net/tls_follower.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::cache {

/// What a server has to say at most for one value; more is not believed.
inline constexpr uint64_t kValueBytesMax = 256 << 20;

/// How requests and answers look. Thread-safe; one stream is one thread's.
class Protocol {
 public:
  using Take = std::function<Status(std::string_view name, std::string value)>;
  virtual ~Protocol() = default;
  /// Stands in the names of metrics.
  virtual std::string kind() const = 0;
  /// On a new connection.
  virtual Status Greet(const CallContext& context, Stream& stream) = 0;
  virtual std::string GetRequest(std::span<const std::string_view> names) const = 0;
  virtual Status ReadGet(const CallContext& context, Stream& stream,
                         std::span<const std::string_view> names, const Take& take) = 0;
  virtual std::string SetRequest(std::string_view name, std::string_view value,
                                 int64_t ttl_ms) const = 0;
  virtual Status ReadSet(const CallContext& context, Stream& stream) = 0;
};

struct RemoteCacheOptions {
  std::shared_ptr<net::TlsFollower> tls;  // Null: without TLS.
  std::vector<std::string> addresses;     // host:port, or to be looked up: dns+, dnssrv+, ….
  int64_t lookup_ms = 10000;              // Such addresses are looked up anew this often.
  int64_t timeout_ms = 500;               // Of one call, all its servers together.
  int64_t idle_connections_max = 100;     // A server.
  int64_t async_concurrency = 20;         // Threads that store.
  int64_t async_buffer_max = 10000;       // Items that wait to be stored; one more is dropped.
  int64_t batch_max = 0;                  // Keys of one request; 0: all.
  int64_t item_bytes_max = 1 << 20;       // 0: no limit.
  /// A server that fails so often in a row is left alone for a while.
  int64_t failures_max = 5;
  int64_t rest_ms = 5000;
};

/// `name` stands in the metrics. Nothing is connected before it is needed.
std::unique_ptr<Cache> MakeRemoteCache(RemoteCacheOptions options,
                                       std::unique_ptr<Protocol> protocol, const std::string& name,
                                       metrics::Registry* registry);

/// Which of `servers` holds a key: the same for every client, and mostly the same when a server is
/// added at the end.
size_t ServerOf(std::string_view key, size_t servers);

/// A key as all protocols take it: printable, at most 250 bytes; others by their digest.
std::string ProtocolKey(std::string_view key);

}  // namespace thanos::cache
