// A connection to a cache server, TCP or TLS over it, with a deadline for every wait.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "net/resolver.h"
#include "net/tls.h"
#include "net/tls_steps.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::cache {

/// One thread. After an error it is of no use any more.
class Stream {
 public:
  /// `address` is host:port; names are looked up. With `tls` the peer has to prove that it is the
  /// host that was named.
  static Result<std::unique_ptr<Stream>> Connect(const CallContext& context,
                                                 net::Resolver& resolver,
                                                 const std::string& address,
                                                 const net::TlsContext* tls = nullptr);
  /// Over a connected socket that does not block, which it takes over.
  static std::unique_ptr<Stream> Over(int fd) { return std::unique_ptr<Stream>(new Stream(fd)); }
  ~Stream();
  Stream(const Stream&) = delete;

  /// kDeadlineExceeded or kCancelled as the context says, kUnavailable when the peer is away.
  Status Write(const CallContext& context, std::string_view bytes);
  /// Up to "\r\n", which is left out. kDataLoss for a line longer than 8 KiB.
  Result<std::string> ReadLine(const CallContext& context);
  /// Exactly so many.
  Result<std::string> ReadBytes(const CallContext& context, size_t count);
  /// True while nothing unread is left over: the next answer belongs to the next request.
  bool clean() const { return at_ == buffer_.size(); }

 private:
  explicit Stream(int fd) : fd_(fd) {}
  static Result<std::unique_ptr<Stream>> ConnectTo(const CallContext& context,
                                                   const std::string& numeric);
  Status ShakeHands(const CallContext& context, const net::TlsContext& tls,
                    const std::string& host);
  Status WaitFor(const CallContext& context, net::TlsStep step) const;
  /// What is there now, at least a byte once it has waited for it.
  Result<size_t> Receive(const CallContext& context, char* data, size_t size);
  Result<size_t> Send(const CallContext& context, std::string_view bytes);
  Status Wait(const CallContext& context, short events) const;
  Status Fill(const CallContext& context);

  const int fd_;
  net::SslPtr ssl_;  // Null: without TLS.
  std::string buffer_;
  size_t at_ = 0;  // In buffer_: what comes next.
};

}  // namespace thanos::cache
