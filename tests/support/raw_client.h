// A plain TCP client for tests of servers: says exactly the bytes that it is given.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace thanos::testing {

class RawClient {
 public:
  explicit RawClient(int port) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        fd_ >= 0 && ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;

  bool connected() const { return connected_; }
  int fd() const { return fd_; }
  bool Send(std::string_view bytes) {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  /// What comes until `stop` has been seen, the end of the stream, or 10 seconds of silence.
  std::string ReadUntil(std::string_view stop) {
    std::string out;
    while (stop.empty() || out.find(stop) == std::string::npos) {
      pollfd poller{fd_, POLLIN, 0};
      if (::poll(&poller, 1, 10'000) <= 0) return out + "<timeout>";
      char buffer[4096];
      const ssize_t count = ::recv(fd_, buffer, sizeof(buffer), 0);
      if (count <= 0) {
        at_end_ = true;
        return out;
      }
      out.append(buffer, static_cast<size_t>(count));
    }
    return out;
  }
  std::string ReadToEnd() { return ReadUntil(""); }
  bool at_end() const { return at_end_; }

 private:
  int fd_ = -1;
  bool connected_ = false;
  bool at_end_ = false;
};

}  // namespace thanos::testing
