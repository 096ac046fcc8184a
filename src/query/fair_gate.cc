#include "query/fair_gate.h"

#include <algorithm>
#include <chrono>

#include "base/await.h"

namespace thanos::query {

FairGate::FairGate(size_t max, metrics::Registry* registry, const std::string& prefix)
    : max_(std::max<size_t>(max, 1)),
      in_flight_(registry->AddGauge(prefix + "_in_flight",
                                    "Number of queries that are currently in flight.")),
      total_(registry->AddCounter(prefix + "_total", "Total number of queries.")),
      wait_seconds_(registry->AddHistogram(
          prefix + "_duration_seconds", "How many seconds it took for queries to wait at the gate.",
          {0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120})),
      queue_(max_) {
  registry->AddGauge(prefix + "_max", "Maximum number of concurrent queries.")
      .Set(static_cast<double>(max_));
}

Result<FairGate::Pass> FairGate::Enter(const CallContext& context) {
  THANOS_RETURN_IF_ERROR(context.Check());
  const auto start = std::chrono::steady_clock::now();
  const std::string tenant = context.tenant();
  Waiter waiter;
  {
    std::lock_guard lock(mutex_);
    queue_.Push(tenant, &waiter);
    AdmitNext();
  }
  THANOS_RETURN_IF_ERROR(base::Await(
      context, mutex_, waiter.changed, [&] { return waiter.admitted; },
      [&] { queue_.Remove(tenant, &waiter); }));
  in_flight_.Add(1);
  total_.Add();
  wait_seconds_.Observe(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return Pass(this, tenant);
}

size_t FairGate::waiting() const {
  std::lock_guard lock(mutex_);
  return queue_.waiting();
}

void FairGate::Leave(const std::string& tenant) {
  in_flight_.Add(-1);
  std::lock_guard lock(mutex_);
  queue_.Leave(tenant, std::chrono::steady_clock::now());
  AdmitNext();
}

void FairGate::AdmitNext() {
  while (const auto next = queue_.Next(std::chrono::steady_clock::now())) {
    next->second->admitted = true;
    next->second->changed.notify_all();
  }
}

}  // namespace thanos::query
