// gRPC's own threads. Internal to rpc.
#pragma once

namespace thanos::rpc {

/// Called before the first server or channel is made. gRPC's callback threads go with the last
/// server and channel; where a callback on one of them lets go of that last one, gRPC 1.51 waits
/// for the thread it is on and then uses what it has freed. So one is kept while the process lives.
void KeepGrpcRunning();

}  // namespace thanos::rpc
