#include "net/tls_bridge.h"

#include <array>
#include <atomic>
#include <mutex>
#include <random>
#include <thread>
#include <unordered_set>
#include <vector>

#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/executor.h"
#include "net/resolver.h"
#include "net/tls_stream.inc"

namespace thanos::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using local = asio::local::stream_protocol;
using Strand = asio::strand<asio::io_context::executor_type>;
using TcpSocket = asio::basic_stream_socket<tcp, Strand>;
using LocalSocket = asio::basic_stream_socket<local, Strand>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Strand>;

constexpr size_t kBufferBytes = 32 << 10;          // In each direction.
constexpr std::chrono::seconds kSetUpTimeout{10};  // Name, connection and handshake together.
constexpr std::chrono::seconds kLastWords{5};      // For one direction after the other has ended.
constexpr size_t kLookUpThreads = 4;
constexpr size_t kWaitingLookUpsMax = 4096;

}  // namespace

struct TlsBridge::Impl {
  Impl(size_t max, base::Logger given)
      : connections_max(max), logger(std::move(given)), work(asio::make_work_guard(io)) {
    thread = std::thread([this] {
      BlockSigpipe();
      io.run();
    });
    pthread_setname_np(thread.native_handle(), "tls-bridge");
  }

  const size_t connections_max;
  const base::Logger logger;
  const CallContext context = CallContext().WithCancel();  // Of look-ups.
  // Made by the first Dial; servers look nothing up.
  std::shared_ptr<Resolver> resolver;
  std::unique_ptr<base::Executor> look_ups;
  std::mutex mutex;
  bool stopping = false;                        // Guarded by mutex.
  std::unordered_set<class Session*> sessions;  // Guarded by mutex.
  std::thread thread;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work;
};

// One connection: a TLS side and a plain one, everything on a strand. It keeps itself alive through
// its pending operations; the bridge holds it weakly.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(TlsBridge::Impl* bridge, std::shared_ptr<const TlsContext> tls);
  ~Session();

  void StartServer(int fd, std::function<void(int)> ready);
  void StartClient(int plain_fd, HostPort address, std::function<void(std::string)> report);
  void CutOff() {
    asio::post(strand_, [self = shared_from_this()] { self->Close(); });
  }

 private:
  void Expire(std::chrono::seconds timeout, std::string problem);
  void OnServerHandshake(error_code error);
  void LookUp();
  void OnResolved(const Result<std::vector<std::string>>& found);
  void OnConnected(error_code error);
  void OnClientHandshake(error_code error);
  void Fail(const std::string& problem);
  void StartPumps();
  void PumpIn();
  void PumpOut();
  void EndOfOne(bool from_tls);
  void Close();

  TlsBridge::Impl* const bridge_;
  const std::shared_ptr<const TlsContext> tls_;
  Strand strand_;
  Timer timer_;
  TcpSocket dialled_;  // A client's socket until the handshake begins.
  std::unique_ptr<TlsStream<TcpSocket>> secure_;
  LocalSocket plain_;
  HostPort address_;
  std::function<void(int)> ready_;
  std::function<void(std::string)> report_;
  std::array<char, kBufferBytes> in_, out_;
  int ended_ = 0;
  bool closed_ = false;
};

Session::Session(TlsBridge::Impl* bridge, std::shared_ptr<const TlsContext> tls)
    : bridge_(bridge),
      tls_(std::move(tls)),
      strand_(asio::make_strand(bridge->io)),
      timer_(strand_),
      dialled_(strand_),
      plain_(strand_) {}

Session::~Session() {
  std::lock_guard lock(bridge_->mutex);
  bridge_->sessions.erase(this);
}

void Session::Expire(std::chrono::seconds timeout, std::string problem) {
  timer_.expires_after(timeout);
  timer_.async_wait([self = shared_from_this(), problem = std::move(problem)](error_code error) {
    if (!error) self->Fail(problem);
  });
}

void Session::StartServer(int fd, std::function<void(int)> ready) {
  ready_ = std::move(ready);
  TcpSocket socket(strand_);
  error_code error;
  socket.assign(tcp::v6(), fd, error);
  Result<SslPtr> ssl = tls_->Accept(fd);
  if (error || !ssl.ok()) {
    if (error) ::close(fd);
    return;
  }
  secure_ = std::make_unique<TlsStream<TcpSocket>>(std::move(socket), std::move(*ssl));
  asio::post(strand_, [self = shared_from_this()] {
    self->Expire(kSetUpTimeout, "handshake takes too long");
    self->secure_->async_handshake([self](error_code e) { self->OnServerHandshake(e); });
  });
}

void Session::OnServerHandshake(error_code error) {
  if (closed_) return;
  if (error) return Fail(secure_->problem());
  if (const Status peer = tls_->CheckPeer(secure_->ssl()); !peer.ok()) {
    return Fail(std::string(peer.message()));
  }
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return Fail("out of file descriptors");
  }
  plain_.assign(local(), ends[0], error);
  if (error) {
    ::close(ends[0]);
    ::close(ends[1]);
    return Fail(error.message());
  }
  StartPumps();
  ready_(ends[1]);
}

void Session::StartClient(int plain_fd, HostPort address, std::function<void(std::string)> report) {
  address_ = std::move(address);
  report_ = std::move(report);
  error_code error;
  plain_.assign(local(), plain_fd, error);
  if (error) {
    ::close(plain_fd);
    return;
  }
  asio::post(strand_, [self = shared_from_this()] {
    self->Expire(kSetUpTimeout, "connecting takes too long");
    const bool queued = self->bridge_->look_ups->TrySubmit([self] { self->LookUp(); });
    if (!queued) self->Fail("too many look-ups are waiting");
  });
}

// On a thread that may wait.
void Session::LookUp() {
  const CallContext context = bridge_->context.WithTimeout(kSetUpTimeout);
  auto found =
      bridge_->resolver->Resolve(context, "dns+" + JoinHostPort(address_.host, address_.port));
  asio::post(strand_,
             [self = shared_from_this(), found = std::move(found)] { self->OnResolved(found); });
}

void Session::OnResolved(const Result<std::vector<std::string>>& found) {
  if (closed_) return;
  if (!found.ok()) return Fail(std::string(found.status().message()));
  std::vector<tcp::endpoint> endpoints;
  for (const std::string& text : *found) {
    const Result<HostPort> parts = SplitHostPort(text);
    error_code error;
    if (!parts.ok()) continue;
    const auto address = asio::ip::make_address(parts->host, error);
    const int port = std::atoi(parts->port.c_str());
    if (!error && port > 0 && port < 65536) {
      endpoints.emplace_back(address, static_cast<uint16_t>(port));
    }
  }
  if (endpoints.empty()) return Fail("look up of " + address_.host + ": no address");
  asio::async_connect(
      dialled_, endpoints,
      [self = shared_from_this()](error_code e, const tcp::endpoint&) { self->OnConnected(e); });
}

void Session::OnConnected(error_code error) {
  if (closed_) return;
  if (error) return Fail("connection failed: " + error.message());
  error_code ignored;
  dialled_.set_option(tcp::no_delay(true), ignored);
  dialled_.native_non_blocking(true, ignored);
  Result<SslPtr> ssl = tls_->Connect(dialled_.native_handle(), address_.host);
  if (!ssl.ok()) return Fail(std::string(ssl.status().message()));
  secure_ = std::make_unique<TlsStream<TcpSocket>>(std::move(dialled_), std::move(*ssl));
  secure_->async_handshake(
      [self = shared_from_this()](error_code e) { self->OnClientHandshake(e); });
}

void Session::OnClientHandshake(error_code error) {
  if (closed_) return;
  if (error) return Fail("handshake failed: " + secure_->problem());
  report_("");
  StartPumps();
}

void Session::Fail(const std::string& problem) {
  if (closed_) return;
  if (report_) report_(problem);
  if (ready_) bridge_->logger.Debug("TLS connection failed", {{"err", problem}});
  Close();
}

void Session::StartPumps() {
  timer_.cancel();
  PumpIn();
  PumpOut();
}

void Session::PumpIn() {
  secure_->async_read_some(asio::buffer(in_),
                           [self = shared_from_this()](error_code error, size_t bytes) {
                             if (self->closed_) return;
                             if (error) return self->EndOfOne(true);
                             asio::async_write(self->plain_, asio::buffer(self->in_.data(), bytes),
                                               [self](error_code write_error, size_t) {
                                                 if (write_error) return self->Close();
                                                 if (!self->closed_) self->PumpIn();
                                               });
                           });
}

void Session::PumpOut() {
  plain_.async_read_some(asio::buffer(out_),
                         [self = shared_from_this()](error_code error, size_t bytes) {
                           if (self->closed_) return;
                           if (error) return self->EndOfOne(false);
                           asio::async_write(*self->secure_, asio::buffer(self->out_.data(), bytes),
                                             [self](error_code write_error, size_t) {
                                               if (write_error) return self->Close();
                                               if (!self->closed_) self->PumpOut();
                                             });
                         });
}

// What was read before the end is written; the other direction has a moment for its last words.
void Session::EndOfOne(bool from_tls) {
  error_code ignored;
  if (from_tls) {
    plain_.shutdown(LocalSocket::shutdown_send, ignored);
  } else {
    secure_->ShutdownSend();
  }
  if (++ended_ == 2) return Close();
  Expire(kLastWords, "peer does not close");
}

void Session::Close() {
  if (closed_) return;
  closed_ = true;
  error_code ignored;
  timer_.cancel();
  dialled_.close(ignored);
  if (secure_) secure_->socket().close(ignored);
  plain_.close(ignored);
}

namespace {

// False when there are too many, or the bridge is going away.
bool Enrol(TlsBridge::Impl* bridge, Session* session) {
  std::lock_guard lock(bridge->mutex);
  if (bridge->stopping || bridge->sessions.size() >= bridge->connections_max) return false;
  bridge->sessions.insert(session);
  return true;
}

// Whether the other end is this process: the identity of our certificate is nobody else's.
bool IsOurselves(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == ::getpid();
}

class DialerOf : public TlsBridge::Dialer, public std::enable_shared_from_this<DialerOf> {
 public:
  DialerOf(std::shared_ptr<TlsBridge::Impl> bridge, HostPort address,
           std::function<std::shared_ptr<const TlsContext>()> tls)
      : bridge_(std::move(bridge)),
        address_(std::move(address)),
        tls_(std::move(tls)),
        acceptor_(asio::make_strand(bridge_->io)) {}

  Status Listen() {
    std::random_device random;
    name_ = "thanos-tls-" + std::to_string(::getpid());
    for (int i = 0; i < 4; ++i) name_ += "-" + std::to_string(random());
    error_code error;
    acceptor_.open(local(), error);
    if (!error) acceptor_.bind(local::endpoint(std::string(1, '\0') + name_), error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return UnavailableError("TLS to " + address_.host + ": " + error.message());
    Accept();
    return OkStatus();
  }
  void Stop() {
    asio::post(acceptor_.get_executor(), [self = shared_from_this()] {
      error_code ignored;
      self->acceptor_.close(ignored);
    });
  }
  std::string target() const override { return "unix-abstract:" + name_; }
  std::string problem() const override {
    std::lock_guard lock(mutex_);
    return problem_;
  }

 private:
  using Acceptor = asio::basic_socket_acceptor<local, Strand>;

  void Accept() {
    auto socket = std::make_shared<LocalSocket>(asio::make_strand(bridge_->io));
    acceptor_.async_accept(*socket, [self = shared_from_this(), socket](error_code error) {
      if (error == asio::error::operation_aborted || !self->acceptor_.is_open()) return;
      if (!error && IsOurselves(socket->native_handle())) self->Serve(std::move(*socket));
      self->Accept();
    });
  }
  void Serve(LocalSocket socket) {
    auto session = std::make_shared<Session>(bridge_.get(), tls_());
    if (!Enrol(bridge_.get(), session.get())) return;
    error_code error;
    const int fd = socket.release(error);  // The session has a strand of its own.
    if (error) return;
    session->StartClient(fd, address_, [weak = weak_from_this()](std::string problem) {
      const auto self = weak.lock();
      if (!self) return;
      std::lock_guard lock(self->mutex_);
      self->problem_ = std::move(problem);
    });
  }

  const std::shared_ptr<TlsBridge::Impl> bridge_;
  const HostPort address_;
  const std::function<std::shared_ptr<const TlsContext>()> tls_;
  std::string name_;
  Acceptor acceptor_;
  mutable std::mutex mutex_;
  std::string problem_;  // Guarded by mutex_.
};

// Owns the dialer for whoever asked; its pending accept keeps the object itself until it ends.
class DialerHandle : public TlsBridge::Dialer {
 public:
  explicit DialerHandle(std::shared_ptr<DialerOf> dialer) : dialer_(std::move(dialer)) {}
  ~DialerHandle() override { dialer_->Stop(); }
  std::string target() const override { return dialer_->target(); }
  std::string problem() const override { return dialer_->problem(); }

 private:
  const std::shared_ptr<DialerOf> dialer_;
};

}  // namespace

TlsBridge::TlsBridge(size_t connections_max, base::Logger logger)
    : impl_(std::make_shared<Impl>(connections_max, std::move(logger))) {}

TlsBridge::~TlsBridge() {
  std::vector<std::shared_ptr<Session>> alive;
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    for (Session* session : impl_->sessions) {
      if (auto shared = session->weak_from_this().lock()) alive.push_back(std::move(shared));
    }
  }
  impl_->context.Cancel();
  impl_->look_ups.reset();
  for (const auto& session : alive) session->CutOff();
  alive.clear();
  impl_->work.reset();
  impl_->thread.join();
}

void TlsBridge::Accept(int fd, const std::string& peer, std::shared_ptr<const TlsContext> tls,
                       std::function<void(int fd)> ready) {
  auto session = std::make_shared<Session>(impl_.get(), std::move(tls));
  if (!Enrol(impl_.get(), session.get())) {
    impl_->logger.Warn("too many TLS connections, one is turned away", {{"peer", peer}});
    ::close(fd);
    return;
  }
  session->StartServer(fd, std::move(ready));
}

Result<std::unique_ptr<TlsBridge::Dialer>> TlsBridge::Dial(
    const std::string& address, std::function<std::shared_ptr<const TlsContext>()> tls) {
  THANOS_ASSIGN_OR_RETURN(HostPort parts, SplitHostPort(address));
  {
    std::lock_guard lock(impl_->mutex);
    if (!impl_->look_ups) {
      impl_->resolver = MakeSystemResolver();
      impl_->look_ups =
          std::make_unique<base::Executor>("tls-dial", kLookUpThreads, kWaitingLookUpsMax);
    }
  }
  auto dialer = std::make_shared<DialerOf>(impl_, std::move(parts), std::move(tls));
  THANOS_RETURN_IF_ERROR(dialer->Listen());
  return std::unique_ptr<Dialer>(std::make_unique<DialerHandle>(std::move(dialer)));
}

}  // namespace thanos::net
