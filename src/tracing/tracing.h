// Tracing of one process: the tracer that --tracing.config asks for, and its exporter.
#pragma once

#include <memory>
#include <string_view>

#include "base/log.h"
#include "metrics/registry.h"
#include "net/http_server.h"
#include "rpc/observer.h"
#include "thanos/trace.h"

namespace thanos::tracing {

/// Thread-safe. Going away, it sends what is queued, for at most five seconds.
class Tracing {
 public:
  /// `yaml` empty: no tracing, null. `registry` must outlive the result. Logs what the
  /// configuration asks for and does not get.
  static Result<std::shared_ptr<Tracing>> Make(std::string_view yaml, const base::Logger& logger,
                                               metrics::Registry* registry);
  ~Tracing();

  /// Sends what is queued; spans that end later are dropped. Idempotent.
  void Stop();
  std::shared_ptr<net::HttpInterceptor> http() const;
  std::shared_ptr<rpc::CallInterceptor> grpc() const;

 private:
  struct Impl;
  explicit Tracing(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Spans of servers: "/<handler> HTTP[server]", and a gRPC method's path. A request that is
/// recorded is answered with X-Thanos-Trace-Id; X-Thanos-Force-Tracing has it recorded.
std::shared_ptr<net::HttpInterceptor> MakeHttpInterceptor(std::shared_ptr<Tracer> tracer);
std::shared_ptr<rpc::CallInterceptor> MakeCallInterceptor(std::shared_ptr<Tracer> tracer);

}  // namespace thanos::tracing
