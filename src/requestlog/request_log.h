// Lines about requests to named HTTP routes and gRPC calls: when they begin, when they end. No
// bodies, no headers but the client's name and request id.
#pragma once

#include <memory>

#include "base/log.h"
#include "net/http_server.h"
#include "requestlog/config.h"
#include "rpc/observer.h"

namespace thanos::requestlog {

/// Null when `config` logs nothing.
std::shared_ptr<net::HttpInterceptor> MakeHttpLog(const ProtocolConfig& config,
                                                  const base::Logger& logger);
std::shared_ptr<rpc::CallInterceptor> MakeCallLog(const ProtocolConfig& config,
                                                  const base::Logger& logger);

}  // namespace thanos::requestlog
