// Admission of queries: a bound on those that run, and turns between the tenants who wait.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <utility>

#include "base/fair_queue.h"
#include "metrics/gate.h"
#include "metrics/registry.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::query {

/// At most so many at a time. Those who wait are let in by the rules of base::FairQueue, each
/// tenant being a flow. Thread-safe.
class FairGate {
 public:
  /// Metrics <prefix>_max, _in_flight, _total and _duration_seconds (the wait). `max` at least 1.
  FairGate(size_t max, metrics::Registry* registry, const std::string& prefix);

  /// A place, given back when this goes away.
  class Pass {
   public:
    Pass() = default;
    Pass(FairGate* gate, std::string tenant) : gate_(gate), tenant_(std::move(tenant)) {}
    Pass(Pass&& other) noexcept { *this = std::move(other); }
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      std::swap(tenant_, other.tenant_);
      return *this;
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->Leave(tenant_);
    }

   private:
    FairGate* gate_ = nullptr;
    std::string tenant_;
  };

  /// Waits for a place while the context lasts; the tenant is the context's.
  Result<Pass> Enter(const CallContext& context);
  size_t waiting() const;

 private:
  struct Waiter {
    std::condition_variable changed;
    bool admitted = false;
  };
  void Leave(const std::string& tenant);
  void AdmitNext();

  const size_t max_;
  metrics::Gauge in_flight_;
  metrics::Counter total_;
  metrics::Histogram wait_seconds_;
  mutable std::mutex mutex_;
  base::FairQueue<Waiter*> queue_;  // Guarded by mutex_.
};

}  // namespace thanos::query
