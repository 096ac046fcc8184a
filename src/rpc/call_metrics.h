// grpc_server_* and grpc_client_* families of common.md §6.2.
#pragma once

#include <memory>
#include <vector>

#include "metrics/registry.h"
#include "rpc/observer.h"

namespace thanos::rpc {

enum class CallSide : uint8_t { kServer, kClient };

/// Families of `methods` are there from the start with all codes at zero. `registry` must outlive
/// the observer.
std::shared_ptr<CallObserver> MakeCallMetrics(metrics::Registry* registry, CallSide side,
                                              const std::vector<Method>& methods);

}  // namespace thanos::rpc
