// A gRPC server. It accepts connections itself and hands them to gRPC, so that running out of
// descriptors never ends the listening.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "rpc/observer.h"
#include "rpc/service.h"

namespace thanos::net {
class TlsFollower;
}  // namespace thanos::net

namespace thanos::rpc {

struct ServerOptions {
  std::string address = "127.0.0.1:0";
  size_t handler_threads_max = 256;  // Made as needed, for calls that are being worked on.
  size_t waiting_calls_max = 4096;   // More are refused: kResourceExhausted.
  size_t connections_max = 4096;
  size_t stream_out_bytes_max = 1 << 20;  // Frames of one stream that wait for its peer.
  size_t request_bytes_max = 64 << 20;    // Charged to the context's budget while the call lasts.
  /// What gRPC may hold for all connections, requests that are still coming in above all. Over it,
  /// it cancels streams.
  size_t buffer_bytes_max = size_t{1} << 30;
  size_t streams_per_connection_max = 1000;
  size_t metadata_bytes_max = 16 << 10;
  std::chrono::nanoseconds max_connection_age = std::chrono::minutes(60);  // 0 is none.
  /// A peer that takes nothing for this long loses its stream.
  std::chrono::nanoseconds write_timeout = std::chrono::seconds(60);
  std::shared_ptr<net::TlsFollower> tls;  // Null is in the clear.
  CallContext context;                    // Parent of each call's: budget.
  base::Logger logger;
  std::shared_ptr<CallObserver> observer;
  std::vector<std::shared_ptr<CallInterceptor>> interceptors;  // In the order of Begin().
};

/// Thread-safe.
class Server {
 public:
  /// Binds and listens; kUnavailable or kInvalidArgument names the address. The health service
  /// says NOT_SERVING until SetReady(true).
  static Result<std::unique_ptr<Server>> Start(ServerOptions options, Services services);
  /// Stop(0).
  ~Server();

  int port() const;
  std::string address() const;
  /// Connections that were turned away for want of room or descriptors.
  uint64_t turned_away() const;
  /// What the health service (service name "") answers.
  void SetReady(bool ready);
  /// NOT_SERVING and GOAWAY at once, calls under way may end within `grace`, then they are
  /// cancelled. Returns when all is gone: at once when idle. Idempotent.
  void Stop(std::chrono::nanoseconds grace);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace thanos::rpc
