// Limits nothing, counts what it is asked for.
#pragma once

#include <atomic>

#include "block/read_options.h"

namespace thanos::testing {

class CountingLimiter : public block::ReadLimiter {
 public:
  Status ReserveSeries(uint64_t) override { return OkStatus(); }
  Status ReserveChunks(uint64_t) override { return OkStatus(); }
  Status ReserveBytes(uint64_t bytes) override {
    reserved_bytes += bytes;
    return OkStatus();
  }
  std::atomic<uint64_t> reserved_bytes{0};
};

}  // namespace thanos::testing
