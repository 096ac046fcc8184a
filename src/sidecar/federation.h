// Rules, targets, metadata, exemplars and statistics of the Prometheus beside the sidecar, with its
// external labels added where Thanos adds them. components/sidecar §4.3.
#pragma once

#include <memory>

#include "promclient/client.h"
#include "promclient/prometheus_source.h"
#include "rpc/service.h"

namespace thanos::sidecar {

/// Fills rules, targets, metadata, exemplars and status of *services.
void AddFederation(std::shared_ptr<promclient::PrometheusClient> client,
                   std::shared_ptr<promclient::PrometheusSource> source, rpc::Services* services);

}  // namespace thanos::sidecar
