// Calls over gRPC. Internal to rpc.
#pragma once

#include <memory>
#include <string>

#include "rpc/channel.h"

namespace thanos::rpc {

std::shared_ptr<Transport> MakeGrpcTransport(const std::string& target,
                                             const ChannelOptions& options);

/// The text of a stream that was silent for too long.
std::string SilenceText(std::chrono::nanoseconds timeout, const std::string& target);

/// "thanos.Store", "Series" of "/thanos.Store/Series".
Method MethodOf(const std::string& path, CallType type);

}  // namespace thanos::rpc
