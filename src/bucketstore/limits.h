// What one call may read from the bucket.
// Rules and texts: components/store §4.6, formats/algorithms §8.3.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "block/series_stream.h"
#include "metrics/registry.h"
#include "thanos/status.h"

namespace thanos::bucketstore {

/// 0 is no limit.
struct StoreLimits {
  uint64_t series = 0;
  uint64_t samples = 0;  // Counted as chunks of 120.
  uint64_t bytes = 0;
};

inline constexpr uint64_t kSamplesPerChunk = 120;

/// Of one call, over all its blocks. Thread-safe. kResourceExhausted
/// "exceeded series limit: limit 5 violated (got 6)".
class CallLimiter : public block::ReadLimiter {
 public:
  /// `dropped` counts refusals, by reason and tenant.
  CallLimiter(const StoreLimits& limits, metrics::CounterFamily dropped, std::string tenant);
  Status ReserveSeries(uint64_t count) override { return Reserve(series_, count); }
  Status ReserveChunks(uint64_t count) override { return Reserve(chunks_, count); }
  Status ReserveBytes(uint64_t bytes) override { return Reserve(bytes_, bytes); }
  uint64_t bytes() const { return bytes_.used.load(std::memory_order_relaxed); }

 private:
  struct Share {
    const char* name;
    uint64_t limit;
    std::atomic<uint64_t> used{0};
  };
  Status Reserve(Share& share, uint64_t count);
  Share series_, chunks_, bytes_;
  metrics::CounterFamily dropped_;
  const std::string tenant_;
  std::atomic<bool> refused_{false};
};

}  // namespace thanos::bucketstore
