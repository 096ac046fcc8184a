// /api/v1/status/*, probes and /metrics: what every role serves.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "api/answers.h"
#include "metrics/registry.h"

namespace thanos::api {

void AddStatusApi(ApiRoutes* routes, std::map<std::string, std::string> flags);

/// Healthy and ready, as probes and thanos_status show them. Thread-safe.
class Prober {
 public:
  Prober(std::string component, metrics::Registry* registry);
  void SetHealthy(bool healthy);
  void SetReady(bool ready);
  bool healthy() const { return healthy_.load(); }
  bool ready() const { return ready_.load(); }

 private:
  std::atomic<bool> healthy_{false}, ready_{false};
  metrics::Gauge healthy_gauge_, ready_gauge_;
};

/// /-/healthy, /-/ready, /metrics. The arguments must outlive the server.
void AddProbesAndMetrics(net::HttpServer* server, const Prober* prober,
                         const metrics::Registry* registry);

/// http_* families of common.md §6.2, there from the start for every route. `with_tenant` adds the
/// label tenant; of tenants the first 1,000 are told apart, the rest is "other".
std::shared_ptr<net::HttpObserver> MakeHttpMetrics(metrics::Registry* registry, bool with_tenant,
                                                   const std::string& default_tenant);

}  // namespace thanos::api
