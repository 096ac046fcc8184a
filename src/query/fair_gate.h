// Admission of queries: a bound on those that run, and turns between the tenants who wait.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "metrics/gate.h"
#include "metrics/registry.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::query {

/// At most so many at a time. Those who wait are let in in order of arrival within a tenant, and in
/// turns between tenants: one with a thousand queries delays another's by one of its own only.
/// Thread-safe.
class FairGate {
 public:
  /// Metrics <prefix>_max, _in_flight, _total and _duration_seconds (the wait). `max` at least 1.
  FairGate(size_t max, metrics::Registry* registry, const std::string& prefix);

  using Pass = metrics::GatePass<FairGate>;
  /// Waits for a place while the context lasts; the tenant is the context's.
  Result<Pass> Enter(const CallContext& context);
  size_t waiting() const;

 private:
  friend Pass;
  struct Waiter {
    std::condition_variable changed;
    bool admitted = false;
  };
  void Leave();
  void AdmitNext();
  void Forget(const std::string& tenant, Waiter* waiter);

  const size_t max_;
  metrics::Gauge in_flight_;
  metrics::Counter total_;
  metrics::Histogram wait_seconds_;
  mutable std::mutex mutex_;
  size_t inside_ = 0;                                  // Guarded by mutex_, as all below.
  std::map<std::string, std::deque<Waiter*>> queues_;  // Of tenants who wait; none is empty.
  std::string last_;                                   // The tenant let in last.
};

}  // namespace thanos::query
