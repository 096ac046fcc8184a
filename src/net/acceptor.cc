#include "net/acceptor.h"

#include <cerrno>
#include <chrono>
#include <cstring>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/resolver.h"

namespace thanos::net {
namespace {

constexpr int kBacklog = 1024;
constexpr int kPauseMs = 50;  // After an accept that failed for want of resources.
constexpr int64_t kLogEveryMs = 10'000;

int OpenSpare() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string TextOf(const sockaddr* address, socklen_t size) {
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (::getnameinfo(address, size, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "unknown";
  }
  return JoinHostPort(host, port);
}

Status CannotListen(const std::string& address, const char* what, int error_number) {
  return UnavailableError("listen on " + address + ": " + what + ": " +
                          std::strerror(error_number));
}

// A bound, listening socket, or -1 with `*status` set.
int Bind(const addrinfo& info, const std::string& address, Status* status) {
  const int fd = ::socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    *status = CannotListen(address, "socket", errno);
    return -1;
  }
  const int on = 1, off = 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (info.ai_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  if (::bind(fd, info.ai_addr, info.ai_addrlen) != 0) {
    *status = CannotListen(address, "bind", errno);
  } else if (::listen(fd, kBacklog) != 0) {
    *status = CannotListen(address, "listen", errno);
  } else {
    return fd;
  }
  ::close(fd);
  return -1;
}

}  // namespace

Result<std::unique_ptr<Acceptor>> Acceptor::Listen(const std::string& address,
                                                   base::Logger logger) {
  THANOS_ASSIGN_OR_RETURN(HostPort parts, SplitHostPort(address));
  if (parts.port.empty()) {
    return InvalidArgumentError("listen on " + address + ": missing port in address");
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(parts.host.empty() ? nullptr : parts.host.c_str(),
                                  parts.port.c_str(), &hints, &found);
  if (error != 0) {
    return InvalidArgumentError("listen on " + address + ": " + ::gai_strerror(error));
  }
  Status status = UnavailableError("listen on " + address + ": no address");
  int fd = -1;
  // Without a host, v6 first: it takes v4 too. Where v6 is switched off, v4 remains.
  for (const int family : {parts.host.empty() ? AF_INET6 : AF_UNSPEC, AF_UNSPEC}) {
    for (const addrinfo* info = found; info != nullptr && fd < 0; info = info->ai_next) {
      if (family == AF_UNSPEC || info->ai_family == family) fd = Bind(*info, address, &status);
    }
  }
  ::freeaddrinfo(found);
  if (fd < 0) return status;
  const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0) {
    status = CannotListen(address, "eventfd", errno);
    ::close(fd);
    return status;
  }
  return std::unique_ptr<Acceptor>(new Acceptor(fd, wake, std::move(logger)));
}

Acceptor::Acceptor(int listen_fd, int wake_fd, base::Logger logger)
    : listen_fd_(listen_fd), wake_fd_(wake_fd), spare_fd_(OpenSpare()), logger_(std::move(logger)) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  auto* generic = reinterpret_cast<sockaddr*>(&bound);
  if (::getsockname(listen_fd_, generic, &size) == 0) {
    address_ = TextOf(generic, size);
    port_ =
        ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port
                                          : reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
  }
}

Acceptor::~Acceptor() {
  Stop();
  if (spare_fd_ >= 0) ::close(spare_fd_);
  ::close(wake_fd_);
}

void Acceptor::Start(OnConnection on_connection) {
  on_connection_ = std::move(on_connection);
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "accept");
}

void Acceptor::Stop() {
  if (stopping_.exchange(true)) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof(one));
  if (thread_.joinable()) thread_.join();
  ::close(listen_fd_);
}

void Acceptor::Run() {
  pollfd fds[] = {{listen_fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
  while (!stopping_.load()) {
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (stopping_.load()) return;
    if (!AcceptOne()) ::poll(&fds[1], 1, kPauseMs);
  }
}

bool Acceptor::AcceptOne() {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  auto* generic = reinterpret_cast<sockaddr*>(&peer);
  const int fd = ::accept4(listen_fd_, generic, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) {
    // An earlier shortage may have cost us the spare.
    if (spare_fd_ < 0) spare_fd_ = OpenSpare();
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    on_connection_(fd, TextOf(generic, size));
    return true;
  }
  switch (errno) {
    case EMFILE:
    case ENFILE:
      RefuseOne(errno);
      return spare_fd_ >= 0;
    case ENOBUFS:
    case ENOMEM:
      return false;
    default:  // The peer left before we came, or nobody waits.
      return true;
  }
}

void Acceptor::RefuseOne(int error_number) {
  if (spare_fd_ >= 0) {
    ::close(spare_fd_);
    const int fd = ::accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      ::close(fd);
      refused_.fetch_add(1);
    }
  }
  spare_fd_ = OpenSpare();
  if (const int64_t now = NowMs(); now - last_logged_ms_ >= kLogEveryMs) {
    last_logged_ms_ = now;
    logger_.Warn("connections are turned away: out of file descriptors",
                 {{"address", address_},
                  {"err", std::strerror(error_number)},
                  {"refused_total", refused_.load()}});
  }
}

}  // namespace thanos::net
