// Admission: a bound on what is done at the same time, with its metrics.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <utility>

#include "metrics/registry.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::metrics {

/// At most so many at a time; others wait, in no promised order. Thread-safe.
class Gate {
 public:
  /// Metrics <prefix>_max, _in_flight, _total and _duration_seconds (the wait). `max` 0 is no
  /// limit.
  Gate(size_t max, Registry* registry, const std::string& prefix);

  /// A place, given back when this goes away.
  class Pass {
   public:
    Pass() = default;
    explicit Pass(Gate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->Leave();
    }

   private:
    Gate* gate_ = nullptr;
  };

  /// Waits for a place while the context lasts.
  Result<Pass> Enter(const CallContext& context);

 private:
  void Leave();
  const size_t max_;
  Gauge in_flight_;
  Counter total_;
  Histogram wait_seconds_;
  std::mutex mutex_;
  std::condition_variable freed_;
  size_t inside_ = 0;  // Guarded by mutex_.
};

}  // namespace thanos::metrics
