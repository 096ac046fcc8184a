#include "metrics/gate.h"

#include <chrono>

#include "base/await.h"

namespace thanos::metrics {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

Gate::Gate(size_t max, Registry* registry, const std::string& prefix)
    : max_(max == 0 ? SIZE_MAX : max),
      in_flight_(registry->AddGauge(prefix + "_in_flight", "Number of requests in flight.")),
      total_(registry->AddCounter(prefix + "_total", "Total number of requests.")),
      wait_seconds_(registry->AddHistogram(
          prefix + "_duration_seconds", "How long it took a request to wait at the gate.",
          {0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120, 240, 360, 720})) {
  registry->AddGauge(prefix + "_max", "Maximum number of concurrent requests.")
      .Set(static_cast<double>(max));
}

Result<Gate::Pass> Gate::Enter(const CallContext& context) {
  const auto start = Clock::now();
  THANOS_RETURN_IF_ERROR(base::Await(context, mutex_, freed_, [this] {
    if (inside_ >= max_) return false;
    ++inside_;
    return true;
  }));
  in_flight_.Add(1);
  total_.Add();
  wait_seconds_.Observe(std::chrono::duration<double>(Clock::now() - start).count());
  return Pass(this);
}

void Gate::Leave() {
  {
    std::lock_guard lock(mutex_);
    --inside_;
  }
  in_flight_.Add(-1);
  freed_.notify_one();
}

}  // namespace thanos::metrics
