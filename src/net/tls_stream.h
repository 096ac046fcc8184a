// A connected socket, in the clear or under TLS, as the asynchronous streams of Asio. Internal to
// net.
//
// OpenSSL works on the non-blocking descriptor itself: there is no second buffer, and whoever waits
// for the descriptor may try to read at any time, which is how a server notices that its client
// went away. Everything runs on the socket's executor, one operation of a kind at a time.
#pragma once

#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <sys/socket.h>

#include "net/tls.h"

namespace thanos::net {

/// What a step of OpenSSL ended with.
enum class TlsStep : uint8_t { kDone, kWantRead, kWantWrite, kClosed, kFailed };

/// Calls SSL_read, SSL_write or SSL_do_handshake and says what is to be waited for. `*bytes` is
/// what was moved.
TlsStep TlsRead(SSL* ssl, void* data, size_t size, size_t* bytes);
TlsStep TlsWrite(SSL* ssl, const void* data, size_t size, size_t* bytes);
/// `*problem` says why a handshake failed; it is "http request" when the peer speaks no TLS.
TlsStep TlsHandshake(SSL* ssl, std::string* problem);

/// For threads that call these: OpenSSL writes to sockets in a way that may raise SIGPIPE, which is
/// kept from them. The write fails all the same.
void BlockSigpipe();

template <typename Socket>
class TlsStream {
 public:
  using executor_type = typename Socket::executor_type;
  using error_code = boost::system::error_code;

  /// Without `ssl`, in the clear.
  explicit TlsStream(Socket socket, SslPtr ssl = nullptr)
      : socket_(std::move(socket)), ssl_(std::move(ssl)) {}

  executor_type get_executor() { return socket_.get_executor(); }
  Socket& socket() { return socket_; }
  SSL* ssl() const { return ssl_.get(); }
  /// Why the handshake failed, or "".
  const std::string& problem() const { return problem_; }

  /// Handler: void(error_code). Done at once in the clear.
  template <typename Handler>
  auto async_handshake(Handler&& handler) {
    return boost::asio::async_compose<Handler, void(error_code)>(
        [this, posted = false](auto& self, error_code error = {}) mutable {
          if (Postpone(&posted, self)) return;
          const TlsStep step = error  ? TlsStep::kFailed
                               : ssl_ ? TlsHandshake(ssl_.get(), &problem_)
                                      : TlsStep::kDone;
          if (Wait(step, self)) return;
          self.complete(error ? error : ErrorOf(step));
        },
        handler, socket_);
  }

  // Handlers are callbacks here, so that nothing is returned in either case.
  template <typename Buffers, typename Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (!ssl_) return socket_.async_read_some(buffers, std::forward<Handler>(handler));
    boost::asio::async_compose<Handler, void(error_code, size_t)>(
        [this, buffer = First<boost::asio::mutable_buffer>(buffers), posted = false](
            auto& self, error_code error = {}) mutable {
          if (Postpone(&posted, self)) return;
          size_t moved = 0;
          const TlsStep step =
              error ? TlsStep::kFailed : TlsRead(ssl_.get(), buffer.data(), buffer.size(), &moved);
          if (Wait(step, self)) return;
          self.complete(error ? error : ErrorOf(step), moved);
        },
        handler, socket_);
  }

  template <typename Buffers, typename Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (!ssl_) return socket_.async_write_some(buffers, std::forward<Handler>(handler));
    boost::asio::async_compose<Handler, void(error_code, size_t)>(
        [this, buffer = First<boost::asio::const_buffer>(buffers), posted = false](
            auto& self, error_code error = {}) mutable {
          if (Postpone(&posted, self)) return;
          size_t moved = 0;
          const TlsStep step =
              error ? TlsStep::kFailed : TlsWrite(ssl_.get(), buffer.data(), buffer.size(), &moved);
          if (Wait(step, self)) return;
          self.complete(error ? error : ErrorOf(step), moved);
        },
        handler, socket_);
  }

  /// Reads what is there: the count, 0 at the end, -1 with errno (EAGAIN when there is nothing).
  ssize_t TryRead(void* data, size_t size) {
    if (!ssl_) return ::recv(socket_.native_handle(), data, size, MSG_DONTWAIT);
    size_t moved = 0;
    switch (TlsRead(ssl_.get(), data, size, &moved)) {
      case TlsStep::kDone:
        return static_cast<ssize_t>(moved);
      case TlsStep::kWantRead:
      case TlsStep::kWantWrite:
        errno = EAGAIN;
        return -1;
      case TlsStep::kClosed:
        return 0;
      case TlsStep::kFailed:
        break;
    }
    errno = ECONNRESET;
    return -1;
  }
  /// Whether a read would find bytes that the descriptor no longer announces.
  bool HasPending() const { return ssl_ && SSL_has_pending(ssl_.get()) == 1; }
  /// Tells the peer that nothing more comes. Never waits.
  void ShutdownSend() {
    if (ssl_) SSL_shutdown(ssl_.get());
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
  }

 private:
  template <typename Buffer, typename Buffers>
  static Buffer First(const Buffers& buffers) {
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end; ++it) {
      if (Buffer(*it).size() > 0) return Buffer(*it);
    }
    return Buffer();
  }
  // A handler must not run inside the call that takes it.
  template <typename Self>
  bool Postpone(bool* posted, Self& self) {
    if (*posted) return false;
    *posted = true;
    boost::asio::post(get_executor(), std::move(self));
    return true;
  }
  template <typename Self>
  bool Wait(TlsStep step, Self& self) {
    if (step == TlsStep::kWantRead) {
      socket_.async_wait(Socket::wait_read, std::move(self));
      return true;
    }
    if (step == TlsStep::kWantWrite) {
      socket_.async_wait(Socket::wait_write, std::move(self));
      return true;
    }
    return false;
  }
  static error_code ErrorOf(TlsStep step) {
    if (step == TlsStep::kDone) return error_code();
    if (step == TlsStep::kClosed) return boost::asio::error::eof;
    return boost::asio::error::connection_reset;
  }

  Socket socket_;
  SslPtr ssl_;
  std::string problem_;
};

}  // namespace thanos::net
