#include "bucketstore/limits.h"

#include <algorithm>

namespace thanos::bucketstore {

CallLimiter::CallLimiter(const StoreLimits& limits, metrics::CounterFamily dropped,
                         std::string tenant)
    : series_{"series", limits.series},
      // A limit below one chunk is a limit still.
      chunks_{"chunks",
              limits.samples == 0 ? 0 : std::max<uint64_t>(limits.samples / kSamplesPerChunk, 1)},
      bytes_{"bytes", limits.bytes},
      dropped_(dropped),
      tenant_(std::move(tenant)) {}

Status CallLimiter::Reserve(Share& share, uint64_t count) {
  const uint64_t used = share.used.fetch_add(count, std::memory_order_relaxed) + count;
  if (share.limit == 0 || used <= share.limit) return OkStatus();
  if (!refused_.exchange(true)) {
    dropped_.With({{"reason", share.name}, {"tenant", tenant_}}).Add();
  }
  return ResourceExhaustedError(std::string("exceeded ") + share.name + " limit: limit " +
                                std::to_string(share.limit) + " violated (got " +
                                std::to_string(used) + ")");
}

}  // namespace thanos::bucketstore
