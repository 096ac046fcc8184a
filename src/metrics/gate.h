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

/// A place in a gate of some kind, given back when this goes away.
template <typename G>
class GatePass {
 public:
  GatePass() = default;
  explicit GatePass(G* gate) : gate_(gate) {}
  GatePass(GatePass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
  GatePass& operator=(GatePass&& other) noexcept {
    std::swap(gate_, other.gate_);
    return *this;
  }
  ~GatePass() {
    if (gate_ != nullptr) gate_->Leave();
  }

 private:
  G* gate_ = nullptr;
};

/// At most so many at a time; others wait, in no promised order. Thread-safe.
class Gate {
 public:
  /// Metrics <prefix>_max, _in_flight, _total and _duration_seconds (the wait). `max` 0 is no
  /// limit.
  Gate(size_t max, Registry* registry, const std::string& prefix);

  using Pass = GatePass<Gate>;
  /// Waits for a place while the context lasts.
  Result<Pass> Enter(const CallContext& context);

 private:
  friend Pass;
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
