// A cache in this process: sharded, bounded in bytes, and not swept clean by one large scan.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/cache.h"
#include "metrics/registry.h"

namespace thanos::cache {

struct MemoryCacheOptions {
  uint64_t bytes_max = 250 << 20;
  /// Larger values are not kept, and counted.
  uint64_t item_bytes_max = 125 << 20;
  size_t shards = 16;
};

/// Handles of one kind of item; default ones count nothing.
struct MemoryCacheCounters {
  metrics::Counter added, evicted, overflowed, requests, hits, expired;
  metrics::Gauge items, value_bytes, total_bytes;
};

/// New items wait in a small queue; what is asked for again before it leaves that goes to the main
/// queue, as does what comes back soon after it left (S3-FIFO). What one pass over much data brings
/// therefore pushes out other such data first.
class MemoryCache : public Cache {
 public:
  /// `counters` by kind; Store with another kind is counted nowhere.
  MemoryCache(const MemoryCacheOptions& options, std::vector<MemoryCacheCounters> counters);
  ~MemoryCache() override;

  std::vector<base::PinnedBytes> Fetch(const CallContext& context,
                                       std::span<const std::string_view> keys) override;
  /// A key that is kept and not expired stays as it is.
  void Store(std::string_view key, std::span<const std::byte> value, int64_t ttl_ms,
             uint8_t kind) override;

  /// Keys, values and what holding them costs; never above the bound.
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Shard;
  struct Item;
  Shard& ShardOf(uint64_t hash) const;
  bool MakeRoom(size_t first_shard);
  const MemoryCacheCounters& CountersOf(uint8_t kind) const;

  const MemoryCacheOptions options_;
  const std::vector<MemoryCacheCounters> counters_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::atomic<uint64_t> bytes_{0};
};

}  // namespace thanos::cache
