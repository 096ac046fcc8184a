// TLS in front of gRPC, on either side. gRPC sees plain sockets of this process; versions, cipher
// suites, curves, rotation and the words of errors are then the same as on the HTTP port, and
// gRPC's library, which leaves most of these out, is not asked.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "net/tls.h"
#include "thanos/status.h"

namespace thanos::net {

/// Carries bytes between TLS connections and plain ones, 64 KiB of buffer a connection, on a thread
/// of its own. Thread-safe.
class TlsBridge {
 public:
  /// More connections than this are closed at once.
  TlsBridge(size_t connections_max, base::Logger logger);
  /// Cuts every connection off and joins.
  ~TlsBridge();
  TlsBridge(const TlsBridge&) = delete;
  struct Impl;  // Of the .cc file.

  /// The server's side: takes the descriptor of a new connection. After its handshake, within 10 s,
  /// `ready` gets a descriptor of the plain side, which is its owner's.
  void Accept(int fd, const std::string& peer, std::shared_ptr<const TlsContext> tls,
              std::function<void(int fd)> ready);

  /// The client's side: a socket of this process that dials `address` ("host:port") under TLS for
  /// whoever of this process connects to it.
  class Dialer {
   public:
    virtual ~Dialer() = default;
    /// What gRPC dials: "unix-abstract:…".
    virtual std::string target() const = 0;
    /// Why the last attempt failed, "" when it did not.
    virtual std::string problem() const = 0;
  };
  /// `tls` is asked for each connection. The bridge outlives the dialer.
  Result<std::unique_ptr<Dialer>> Dial(const std::string& address,
                                       std::function<std::shared_ptr<const TlsContext>()> tls);

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace thanos::net
