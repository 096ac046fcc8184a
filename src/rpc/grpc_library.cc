#include "rpc/grpc_library.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "thanos/status.h"

namespace thanos::rpc {

void KeepGrpcRunning() {
  // A server that listens nowhere; never destroyed, on purpose.
  static const grpc::Server* const kept = [] {
    static auto* const service = new grpc::CallbackGenericService;
    grpc::ServerBuilder builder;
    builder.RegisterCallbackGenericService(service);
    return builder.BuildAndStart().release();
  }();
  THANOS_CHECK(kept != nullptr);
}

}  // namespace thanos::rpc
