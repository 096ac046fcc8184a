#include "cache/stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace thanos::cache {
namespace {

constexpr size_t kLineBytesMax = 8 << 10;
constexpr size_t kPieceBytes = 64 << 10;
// A wait looks at the context this often.
constexpr int kTurnMs = 20;

Status Away(const std::string& what, int error) {
  return UnavailableError(what + ": " + std::strerror(error));
}

struct AddressesFree {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

// Numbers only: nothing is asked of anybody, and nothing waits.
Result<std::unique_ptr<addrinfo, AddressesFree>> Numeric(const std::string& address) {
  THANOS_ASSIGN_OR_RETURN(const net::HostPort parts, net::SplitHostPort(address));
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &list);
  if (error != 0) return InvalidArgumentError(address + ": " + gai_strerror(error));
  return std::unique_ptr<addrinfo, AddressesFree>(list);
}

}  // namespace

Stream::~Stream() { close(fd_); }

Result<std::unique_ptr<Stream>> Stream::Connect(const CallContext& context, net::Resolver& resolver,
                                                const std::string& address,
                                                const net::TlsContext* tls) {
  std::vector<std::string> found = {address};
  if (!Numeric(address).ok()) {
    THANOS_ASSIGN_OR_RETURN(found, resolver.Resolve(context, "dns+" + address));
  }
  THANOS_ASSIGN_OR_RETURN(const net::HostPort parts, net::SplitHostPort(address));
  Status last = UnavailableError(address + ": no such host");
  for (const std::string& numeric : found) {
    auto stream = ConnectTo(context, numeric);
    last = stream.status();
    if (stream.ok() && tls != nullptr) last = (*stream)->ShakeHands(context, *tls, parts.host);
    if (last.ok()) return stream;
  }
  return last;
}

Result<std::unique_ptr<Stream>> Stream::ConnectTo(const CallContext& context,
                                                  const std::string& numeric) {
  THANOS_ASSIGN_OR_RETURN(const auto address, Numeric(numeric));
  const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Away("socket", errno);
  std::unique_ptr<Stream> stream(new Stream(fd));
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect(fd, address->ai_addr, address->ai_addrlen) == 0) return stream;
  if (errno != EINPROGRESS) return Away("connect to " + numeric, errno);
  THANOS_RETURN_IF_ERROR(stream->Wait(context, POLLOUT));
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return Away("connect to " + numeric, error);
  return stream;
}

Status Stream::Wait(const CallContext& context, short events) const {
  while (true) {
    THANOS_RETURN_IF_ERROR(context.Check());
    pollfd wanted{fd_, events, 0};
    const int ready = poll(&wanted, 1, kTurnMs);
    if (ready > 0) return OkStatus();
    if (ready < 0 && errno != EINTR) return Away("poll", errno);
  }
}

Status Stream::ShakeHands(const CallContext& context, const net::TlsContext& tls,
                          const std::string& host) {
  THANOS_ASSIGN_OR_RETURN(ssl_, tls.Connect(fd_, host));
  while (true) {
    std::string problem;
    const net::TlsStep step = net::TlsHandshake(ssl_.get(), &problem);
    if (step == net::TlsStep::kDone) return OkStatus();
    if (step == net::TlsStep::kFailed || step == net::TlsStep::kClosed) {
      return UnavailableError("TLS handshake with " + host + ": " + problem);
    }
    THANOS_RETURN_IF_ERROR(WaitFor(context, step));
  }
}

Status Stream::WaitFor(const CallContext& context, net::TlsStep step) const {
  return Wait(context, step == net::TlsStep::kWantWrite ? POLLOUT : POLLIN);
}

Result<size_t> Stream::Send(const CallContext& context, std::string_view bytes) {
  while (ssl_ != nullptr) {
    size_t sent = 0;
    const net::TlsStep step = net::TlsWrite(ssl_.get(), bytes.data(), bytes.size(), &sent);
    if (step == net::TlsStep::kDone) return sent;
    if (step == net::TlsStep::kFailed || step == net::TlsStep::kClosed) {
      return UnavailableError("TLS: send: " + net::TlsErrorText());
    }
    THANOS_RETURN_IF_ERROR(WaitFor(context, step));
  }
  while (true) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) return static_cast<size_t>(sent);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      THANOS_RETURN_IF_ERROR(Wait(context, POLLOUT));
    } else if (sent < 0 && errno != EINTR) {
      return Away("send", errno);
    }
  }
}

Status Stream::Write(const CallContext& context, std::string_view bytes) {
  while (!bytes.empty()) {
    THANOS_ASSIGN_OR_RETURN(const size_t sent, Send(context, bytes));
    bytes.remove_prefix(sent);
  }
  return OkStatus();
}

Result<size_t> Stream::Receive(const CallContext& context, char* data, size_t size) {
  while (ssl_ != nullptr) {
    size_t got = 0;
    const net::TlsStep step = net::TlsRead(ssl_.get(), data, size, &got);
    if (step == net::TlsStep::kDone) return got;
    if (step == net::TlsStep::kClosed) return size_t{0};
    if (step == net::TlsStep::kFailed) {
      return UnavailableError("TLS: receive: " + net::TlsErrorText());
    }
    THANOS_RETURN_IF_ERROR(WaitFor(context, step));
  }
  while (true) {
    const ssize_t got = recv(fd_, data, size, 0);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      THANOS_RETURN_IF_ERROR(Wait(context, POLLIN));
    } else if (errno != EINTR) {
      return Away("receive", errno);
    }
  }
}

Status Stream::Fill(const CallContext& context) {
  buffer_.erase(0, at_);
  at_ = 0;
  const size_t held = buffer_.size();
  buffer_.resize(held + kPieceBytes);
  const Result<size_t> got = Receive(context, buffer_.data() + held, kPieceBytes);
  buffer_.resize(held + (got.ok() ? *got : 0));
  if (!got.ok()) return got.status();
  return *got > 0 ? OkStatus() : UnavailableError("the cache server closed the connection");
}

Result<std::string> Stream::ReadLine(const CallContext& context) {
  while (true) {
    const size_t end = buffer_.find("\r\n", at_);
    if (end != std::string::npos) {
      std::string line = buffer_.substr(at_, end - at_);
      at_ = end + 2;
      return line;
    }
    if (buffer_.size() - at_ > kLineBytesMax) return DataLossError("an answer's line is too long");
    THANOS_RETURN_IF_ERROR(Fill(context));
  }
}

Result<std::string> Stream::ReadBytes(const CallContext& context, size_t count) {
  while (buffer_.size() - at_ < count) THANOS_RETURN_IF_ERROR(Fill(context));
  std::string out = buffer_.substr(at_, count);
  at_ += count;
  return out;
}

}  // namespace thanos::cache
