// How the bytes of blocks are fetched, and within which limits.
#pragma once

#include <cstdint>

#include "base/executor.h"
#include "block/index_cache.h"
#include "block/range_fetch.h"
#include "block/read_stats.h"
#include "thanos/status.h"

namespace thanos::block {

/// What a select may use up, over all its blocks, and what it has used. Thread-safe;
/// kResourceExhausted refuses.
class ReadLimiter {
 public:
  virtual ~ReadLimiter() = default;
  virtual Status ReserveSeries(uint64_t count) = 0;
  virtual Status ReserveChunks(uint64_t count) = 0;
  virtual Status ReserveBytes(uint64_t bytes) = 0;
  ReadStats& stats() { return stats_; }

 private:
  ReadStats stats_;
};

struct BlockReadOptions {
  uint64_t gap_bytes_max = 64 << 10;
  /// Read-ahead for entries and chunks whose length is not known.
  uint64_t series_bytes = 4096;
  uint64_t chunk_bytes = 16000;
  /// Weight of a series when lists are weighed against it.
  uint64_t plan_series_bytes = 256;
  /// Entries fetched at once: the first time, then growing to the most.
  uint32_t batch_first = 256;
  uint32_t batch_max = 4096;
  base::Executor* executor = nullptr;     // For parallel fetches; null: one by one.
  ReadLimiter* limiter = nullptr;         // Null: no limits.
  IndexCache* index_cache = nullptr;      // Null: the index is read each time.
  ReadPace* pace = nullptr;               // Of the storage; null: as if far away.
  base::SingleFlight* flights = nullptr;  // See FetchOptions.

  ReadStats* stats() const { return limiter == nullptr ? nullptr : &limiter->stats(); }
  Status ReserveBytes(uint64_t bytes) const {
    return limiter == nullptr ? OkStatus() : limiter->ReserveBytes(bytes);
  }
  /// Bytes read are counted among `kind` and limited.
  FetchOptions Fetch(ReadCounts ReadStats::* kind) const {
    FetchOptions fetch;
    fetch.gap_bytes_max = gap_bytes_max;
    fetch.executor = executor;
    fetch.pace = pace;
    fetch.flights = flights;
    if (limiter != nullptr) {
      fetch.admit = [this_limiter = limiter, kind](uint64_t bytes) {
        (this_limiter->stats().*kind).fetched_bytes.fetch_add(bytes, std::memory_order_relaxed);
        return this_limiter->ReserveBytes(bytes);
      };
    }
    return fetch;
  }
};

}  // namespace thanos::block
