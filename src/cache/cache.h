// Bytes by key, kept for a while: the interface of all caches.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/pinned_bytes.h"
#include "thanos/call_context.h"

namespace thanos::cache {

/// Thread-safe. Nothing that goes wrong in a cache reaches its user: it is a miss, or not stored.
class Cache {
 public:
  virtual ~Cache() = default;
  /// Values in the order of the keys, without an owner where there is none. May wait for a server,
  /// for as long as the cache's own timeout and the context allow.
  virtual std::vector<base::PinnedBytes> Fetch(const CallContext& context,
                                               std::span<const std::string_view> keys) = 0;
  /// Copies. Never waits. `kind` is the user's own number of what it is, for metrics.
  virtual void Store(std::string_view key, std::span<const std::byte> value, int64_t ttl_ms,
                     uint8_t kind) = 0;
};

}  // namespace thanos::cache
