// Requests of peers that insist on `grpc-encoding: snappy`. gRPC has no such codec: it hands the
// bytes on as they came. Internal to rpc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "thanos/status.h"

namespace thanos::rpc {

/// True for a message in snappy's framing format. No protobuf message begins like that.
bool IsSnappyFramed(std::string_view message);

/// Unpacks it, checksums checked. kDataLoss when malformed, kResourceExhausted above `bytes_max`.
Result<std::string> UnpackSnappyFrames(std::string_view message, size_t bytes_max);

}  // namespace thanos::rpc
