// The sockets below HttpServer: reading requests, writing answers, noticing that a client left.
// Internal to net.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/http_server.h"
#include "net/tls.h"

namespace thanos::net {

/// A request that was read, and the way back for its answer. The answer is given once, from one
/// thread: Write() any number of times, then Finish() or Abort(). Going away without either is
/// Abort().
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual HttpRequest& request() = 0;
  /// Cancelled when the client leaves or the engine is told to cut off.
  virtual const CallContext& context() const = 0;
  virtual int http_minor_version() const = 0;
  /// Whether the connection may serve another request afterwards.
  virtual bool keep_alive() const = 0;
  /// Bytes of the answer as they go on the wire. `bounded` waits while too much is queued.
  virtual Status Write(std::string bytes, bool bounded) = 0;
  /// As Write, of bytes that outlive the connection: they are not copied.
  virtual Status WriteLasting(std::string_view bytes) = 0;
  virtual void Finish(bool keep_alive) = 0;
  virtual void Abort() = 0;
};

struct EngineHooks {
  /// Largest body for this request line.
  std::function<size_t(std::string_view method, std::string_view target)> body_bytes_max;
  /// On an I/O thread: hands the exchange to a pool.
  std::function<void(std::shared_ptr<Exchange>)> dispatch;
  /// A whole answer for a request that is refused before it is read.
  std::function<std::string(int status, std::string_view text)> refusal;
  /// The certificates for the next connection; null, or not set, is a server in the clear.
  std::function<std::shared_ptr<const TlsContext>()> tls;
};

class HttpEngine {
 public:
  virtual ~HttpEngine() = default;
  static std::unique_ptr<HttpEngine> Make(const HttpServerOptions& options, EngineHooks hooks);
  /// Takes the descriptor of a new connection. When there are too many, the one that has waited
  /// longest for its client goes; when all have requests under way, the new one. Any thread.
  virtual void Adopt(int fd, const std::string& peer) = 0;
  virtual HttpConnections connections() const = 0;
  /// Closes idle connections; the others close after their answer.
  virtual void Drain() = 0;
  /// Waits until no request is under way, at most until `deadline`. True when it is so.
  virtual bool WaitIdle(SteadyTime deadline) = 0;
  /// Cancels what is under way and closes every connection.
  virtual void CutOff() = 0;
  /// Joins the I/O threads. No exchange may be used by a handler any more.
  virtual void Join() = 0;
};

}  // namespace thanos::net
