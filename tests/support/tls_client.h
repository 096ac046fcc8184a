// A blocking TLS client for tests of servers.
#pragma once

#include <string>
#include <string_view>

#include "net/tls.h"
#include "support/raw_client.h"

namespace thanos::testing {

class TlsClient {
 public:
  /// Connects and shakes hands; see connected() and problem().
  TlsClient(int port, const net::TlsClientOptions& options) : client_(port) {
    auto context = net::TlsContext::MakeClient(options);
    if (!context.ok()) {
      problem_ = context.status().message();
      return;
    }
    auto ssl = (*context)->Connect(client_.fd(), "localhost");
    if (!ssl.ok()) {
      problem_ = ssl.status().message();
      return;
    }
    ssl_ = std::move(*ssl);
    connected_ = SSL_do_handshake(ssl_.get()) == 1;
    if (!connected_) problem_ = net::TlsErrorText();
  }

  bool connected() const { return connected_; }
  const std::string& problem() const { return problem_; }
  SSL* ssl() { return ssl_.get(); }
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const int sent = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  std::string ReadUntil(std::string_view stop) {
    std::string out;
    char buffer[16 << 10];
    while (stop.empty() || out.find(stop) == std::string::npos) {
      const int got = SSL_read(ssl_.get(), buffer, sizeof(buffer));
      if (got <= 0) break;
      out.append(buffer, static_cast<size_t>(got));
    }
    return out;
  }
  std::string ReadToEnd() { return ReadUntil(""); }
  void Close() { client_.Close(); }

 private:
  RawClient client_;
  net::SslPtr ssl_;
  bool connected_ = false;
  std::string problem_;
};

}  // namespace thanos::testing
