#include "net/http_engine.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>
#include <vector>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <pthread.h>
#include <sys/socket.h>

#include "net/tls_stream.inc"

namespace thanos::net {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Strand = asio::strand<asio::io_context::executor_type>;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Strand>;
using Stream = TlsStream<Socket>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Strand>;

constexpr size_t kTargetBytesMax = 8 << 10;
constexpr size_t kHeaderFieldsMax = 100;
constexpr size_t kPipelinedBytesMax = 16 << 10;  // Read ahead while a handler runs.
constexpr size_t kPiecesPerWrite = 32;
constexpr std::chrono::seconds kLingerTimeout{2};
constexpr std::chrono::seconds kHandshakeTimeout{10};
constexpr size_t kLingerBytesMax = 1 << 20;
constexpr size_t kProgressBytes = 64 << 10;  // What a client must take per write timeout.

// The parser's own errors, but for a peer that merely left.
bool IsMalformed(error_code error) {
  return error.category() == error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

class Engine;

int64_t NowTicks() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

// One connection. Everything but what `mutex_` guards belongs to the strand. It keeps itself alive
// through its pending operations; the engine holds it weakly.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Engine* engine, Stream stream, std::shared_ptr<const TlsContext> tls,
             std::string peer);
  ~Connection();

  void Start();
  void Drain();
  void CutOff();
  /// Since when it waits for its client, as the clock counts; kBusy while a request is under way.
  int64_t idle_since() const { return idle_since_.load(std::memory_order_relaxed); }
  static constexpr int64_t kBusy = INT64_MAX;

  // For its exchange, from a handler's thread.
  Status Write(std::string bytes, bool bounded) { return Push({std::move(bytes), {}}, bounded); }
  Status WriteLasting(std::string_view bytes) { return Push({{}, bytes}, false); }
  void Finish(bool keep_alive);
  void Abort();

 private:
  friend class ConnectionExchange;
  using Parser = http::request_parser<http::string_body>;
  static constexpr auto kNoTimeout = std::chrono::nanoseconds::max();
  // Bytes on their way out: our own, or some that outlive the connection.
  struct Piece {
    std::string own;
    std::string_view lasting;
    std::string_view bytes() const { return own.empty() ? lasting : own; }
  };

  Status Push(Piece piece, bool bounded);
  void Handshake();
  void OnHandshake(error_code error);
  void AwaitRequest();
  void ReadHeader();
  void OnHeader(error_code error);
  void ReadBody();
  void OnBody(error_code error);
  void Dispatch();
  int HeaderProblem() const;
  void Refuse(int status);
  void WatchPeer();
  void OnPeerReadable(error_code error);
  void PumpWrites();
  void OnWritten(error_code error, size_t bytes);
  void AfterAnswer();
  void Linger();
  void Expire(std::chrono::nanoseconds timeout);
  void Close();
  void CancelRequest(const Status& reason);

  Engine* const engine_;
  const std::shared_ptr<const TlsContext> tls_;  // Null in the clear.
  Stream stream_;
  Timer timer_;
  const std::string peer_;
  std::shared_ptr<const PeerSubject> subject_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  BudgetLease body_lease_;
  std::atomic<int64_t> idle_since_{NowTicks()};
  std::string linger_scratch_;
  size_t lingered_bytes_ = 0;
  bool closed_ = false;
  bool draining_ = false;
  bool watching_ = false;
  bool writing_ = false;
  bool write_timer_runs_ = false;
  size_t progress_bytes_ = 0;  // Written since the write timer was set.
  bool request_open_ = false;  // From dispatch until the answer is written.
  bool counted_ = false;       // In the engine's number of requests under way.
  CallContext request_context_;

  std::mutex mutex_;
  std::condition_variable room_;
  std::deque<Piece> out_;      // Guarded by mutex_.
  size_t out_bytes_ = 0;       // Guarded by mutex_.
  size_t out_offset_ = 0;      // Strand: bytes of out_.front() that are written.
  bool finished_ = false;      // Guarded by mutex_: the answer is complete.
  bool answer_keeps_ = false;  // Guarded by mutex_.
  Status broken_;              // Guarded by mutex_: why nothing can be written any more.
};

class ConnectionExchange : public Exchange {
 public:
  ConnectionExchange(std::shared_ptr<Connection> connection, HttpRequest request,
                     BudgetLease body_lease, CallContext context, int minor_version,
                     bool keep_alive)
      : connection_(std::move(connection)),
        request_(std::move(request)),
        body_lease_(std::move(body_lease)),
        context_(std::move(context)),
        minor_version_(minor_version),
        keep_alive_(keep_alive) {}
  ~ConnectionExchange() override {
    if (!ended_) connection_->Abort();
  }

  HttpRequest& request() override { return request_; }
  const CallContext& context() const override { return context_; }
  int http_minor_version() const override { return minor_version_; }
  bool keep_alive() const override { return keep_alive_; }
  Status Write(std::string bytes, bool bounded) override {
    return connection_->Write(std::move(bytes), bounded);
  }
  Status WriteLasting(std::string_view bytes) override { return connection_->WriteLasting(bytes); }
  void Finish(bool keep_alive) override {
    ended_ = true;
    connection_->Finish(keep_alive && keep_alive_);
  }
  void Abort() override {
    ended_ = true;
    connection_->Abort();
  }

 private:
  const std::shared_ptr<Connection> connection_;
  HttpRequest request_;
  const BudgetLease body_lease_;
  const CallContext context_;
  const int minor_version_;
  const bool keep_alive_;
  bool ended_ = false;
};

class Engine : public HttpEngine {
 public:
  Engine(const HttpServerOptions& options, EngineHooks hooks)
      : options_(options), hooks_(std::move(hooks)), work_(asio::make_work_guard(io_)) {
    for (size_t i = 0; i < std::max<size_t>(options_.io_threads, 1); ++i) {
      threads_.emplace_back([this] {
        BlockSigpipe();
        io_.run();
      });
      pthread_setname_np(threads_.back().native_handle(), "http-io");
    }
  }
  ~Engine() override {
    CutOff();
    Join();
  }

  void Adopt(int fd, const std::string& peer) override;
  HttpConnections connections() const override {
    std::lock_guard lock(mutex_);
    return {connections_.size(), turned_away_};
  }
  void Drain() override {
    draining_.store(true);
    ForEach([](Connection& connection) { connection.Drain(); });
  }
  bool WaitIdle(SteadyTime deadline) override {
    std::unique_lock lock(mutex_);
    return idle_.wait_until(lock, deadline, [this] { return requests_ == 0; });
  }
  void CutOff() override {
    draining_.store(true);
    ForEach([](Connection& connection) { connection.CutOff(); });
  }
  void Join() override {
    work_.reset();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  void RequestBegan() {
    std::lock_guard lock(mutex_);
    ++requests_;
  }
  void RequestEnded() {
    std::lock_guard lock(mutex_);
    if (--requests_ == 0) idle_.notify_all();
  }
  void Forget(Connection* connection) {
    std::lock_guard lock(mutex_);
    connections_.erase(connection);
  }
  bool draining() const { return draining_.load(); }
  const HttpServerOptions& options() const { return options_; }
  const EngineHooks& hooks() const { return hooks_; }

 private:
  std::shared_ptr<Connection> LongestIdle();
  void ForEach(void (*act)(Connection&)) {
    std::vector<std::shared_ptr<Connection>> alive;
    {
      std::lock_guard lock(mutex_);
      for (Connection* connection : connections_) {
        if (auto shared = connection->weak_from_this().lock()) alive.push_back(std::move(shared));
      }
    }
    for (const auto& connection : alive) act(*connection);
  }

  const HttpServerOptions options_;
  const EngineHooks hooks_;
  std::atomic<bool> draining_{false};
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::unordered_set<Connection*> connections_;  // Guarded by mutex_.
  size_t requests_ = 0;                          // Guarded by mutex_.
  uint64_t turned_away_ = 0;                     // Guarded by mutex_.
  std::vector<std::thread> threads_;
  // Last, so that connections which only its queue still holds go before what they refer to.
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
};

void Engine::Adopt(int fd, const std::string& peer) {
  Socket socket(asio::make_strand(io_));
  error_code error;
  // The family only matters for later address look-ups, which nobody makes.
  socket.assign(asio::ip::tcp::v6(), fd, error);
  if (error) {
    ::close(fd);
    return;
  }
  SslPtr ssl;
  std::shared_ptr<const TlsContext> tls = hooks_.tls ? hooks_.tls() : nullptr;
  if (tls) {
    Result<SslPtr> accepted = tls->Accept(fd);
    if (!accepted.ok()) return;  // Closed by the socket's destructor.
    ssl = std::move(*accepted);
  }
  auto connection = std::make_shared<Connection>(this, Stream(std::move(socket), std::move(ssl)),
                                                 std::move(tls), peer);
  std::shared_ptr<Connection> evicted;
  {
    std::lock_guard lock(mutex_);
    if (connections_.size() >= options_.connections_max) {
      ++turned_away_;
      evicted = LongestIdle();
      if (!evicted) return;  // Closed by its destructor, after the lock.
      connections_.erase(evicted.get());
    }
    connections_.insert(connection.get());
  }
  if (evicted) evicted->CutOff();
  connection->Start();
}

// With mutex_ held. Null when all are busy.
std::shared_ptr<Connection> Engine::LongestIdle() {
  Connection* found = nullptr;
  for (Connection* connection : connections_) {
    const int64_t since = connection->idle_since();
    if (since != Connection::kBusy && (found == nullptr || since < found->idle_since())) {
      found = connection;
    }
  }
  return found == nullptr ? nullptr : found->weak_from_this().lock();
}

Connection::Connection(Engine* engine, Stream stream, std::shared_ptr<const TlsContext> tls,
                       std::string peer)
    : engine_(engine),
      tls_(std::move(tls)),
      stream_(std::move(stream)),
      timer_(stream_.get_executor()),
      peer_(std::move(peer)),
      buffer_(engine->options().header_bytes_max + kPipelinedBytesMax) {}

Connection::~Connection() {
  if (counted_) engine_->RequestEnded();
  engine_->Forget(this);
}

void Connection::Start() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] { self->Handshake(); });
}

void Connection::Handshake() {
  // The first request must come within the header's time; later ones may take the idle time.
  if (!tls_) return ReadHeader();
  Expire(kHandshakeTimeout);
  stream_.async_handshake(
      [self = shared_from_this()](error_code error) { self->OnHandshake(error); });
}

void Connection::OnHandshake(error_code error) {
  if (closed_) return;
  if (!error && tls_->CheckPeer(stream_.ssl()).ok()) {
    subject_ = SubjectOfPeer(stream_.ssl());
    return ReadHeader();
  }
  if (error && stream_.problem() == "http request") {
    // Somebody who took the wrong scheme is told, in the clear.
    static constexpr std::string_view kText =
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    [[maybe_unused]] const ssize_t sent = ::send(stream_.socket().native_handle(), kText.data(),
                                                 kText.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    error_code ignored;
    stream_.socket().shutdown(Socket::shutdown_send, ignored);
  }
  Close();
}

void Connection::Drain() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    self->draining_ = true;
    if (!self->request_open_) self->Close();
  });
}

void Connection::CutOff() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    self->CancelRequest(CancelledError("server is shutting down"));
    self->Close();
  });
}

// One timer for whatever the connection waits for; a new wait replaces the old one.
void Connection::Expire(std::chrono::nanoseconds timeout) {
  if (timeout == kNoTimeout) {
    timer_.expires_at(std::chrono::steady_clock::time_point::max());  // Cancels the wait.
    return;
  }
  timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(timeout));
  timer_.async_wait([self = shared_from_this()](error_code error) {
    // A handler that was queued already when the timer was set anew sees the new expiry.
    if (error || self->timer_.expiry() > std::chrono::steady_clock::now()) return;
    self->CancelRequest(CancelledError("client takes no data"));
    self->Close();
  });
}

void Connection::Close() {
  if (closed_) return;
  closed_ = true;
  timer_.cancel();
  error_code ignored;
  stream_.socket().close(ignored);
  if (counted_) {
    counted_ = false;
    engine_->RequestEnded();
  }
  std::lock_guard lock(mutex_);
  if (broken_.ok()) broken_ = CancelledError("connection to " + peer_ + " is closed");
  out_.clear();
  out_bytes_ = 0;
  room_.notify_all();
}

void Connection::CancelRequest(const Status& reason) {
  {
    std::lock_guard lock(mutex_);
    if (broken_.ok()) broken_ = reason;
    room_.notify_all();
  }
  if (request_open_) request_context_.Cancel(reason);
}

// Between requests: waits for the first byte of the next one.
void Connection::AwaitRequest() {
  if (draining_ || engine_->draining()) return Close();
  if (buffer_.size() > 0 || stream_.HasPending()) return ReadHeader();
  Expire(engine_->options().idle_timeout);
  stream_.socket().async_wait(Socket::wait_read, [self = shared_from_this()](error_code error) {
    if (error || self->closed_) return self->Close();
    self->ReadHeader();
  });
}

void Connection::ReadHeader() {
  if (closed_) return;
  if (draining_ || engine_->draining()) return Close();
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(engine_->options().header_bytes_max));
  parser_->body_limit(boost::none);  // Set once the route is known.
  Expire(engine_->options().header_timeout);
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](error_code error, size_t) { self->OnHeader(error); });
}

int Connection::HeaderProblem() const {
  const auto& message = parser_->get();
  if (message.target().size() > kTargetBytesMax) return 414;
  if (static_cast<size_t>(std::distance(message.begin(), message.end())) > kHeaderFieldsMax) {
    return 431;
  }
  if (message.version() < 10 || message.version() > 11) return 505;
  if (message.target().empty() || message.target().find('\0') != boost::beast::string_view::npos) {
    return 400;
  }
  return 0;
}

void Connection::OnHeader(error_code error) {
  if (closed_) return;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return Refuse(431);
  }
  if (IsMalformed(error)) return Refuse(400);
  if (error) return Close();
  if (const int problem = HeaderProblem(); problem != 0) return Refuse(problem);
  const auto& message = parser_->get();
  const size_t body_max = engine_->hooks().body_bytes_max(
      {message.method_string().data(), message.method_string().size()},
      {message.target().data(), message.target().size()});
  if (const auto length = parser_->content_length(); length && *length > body_max) {
    return Refuse(413);
  }
  parser_->body_limit(body_max);
  // The body is charged before it is read; one of unknown length as if it were the largest.
  if (parser_->content_length().value_or(1) > 0 && !parser_->is_done()) {
    const uint64_t expected = parser_->content_length().value_or(body_max);
    Result<BudgetLease> lease =
        BudgetLease::Take(engine_->options().context.budget(), static_cast<size_t>(expected));
    if (!lease.ok()) return Refuse(429);
    body_lease_ = std::move(*lease);
  }
  const boost::beast::string_view expect = message[http::field::expect];
  if (expect.empty() || message.version() < 11) return ReadBody();
  if (!boost::beast::iequals(expect, "100-continue")) return Refuse(417);
  auto line = std::make_shared<std::string>("HTTP/1.1 100 Continue\r\n\r\n");
  asio::async_write(stream_, asio::buffer(*line),
                    [self = shared_from_this(), line](error_code write_error, size_t) {
                      if (write_error || self->closed_) return self->Close();
                      self->ReadBody();
                    });
}

void Connection::ReadBody() {
  Expire(engine_->options().body_timeout);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](error_code error, size_t) { self->OnBody(error); });
}

void Connection::OnBody(error_code error) {
  if (closed_) return;
  if (error == http::error::body_limit) return Refuse(413);
  if (IsMalformed(error)) return Refuse(400);
  if (error) return Close();
  Dispatch();
}

void Connection::Dispatch() {
  Expire(kNoTimeout);  // The handler has the time that its own deadlines give it.
  http::request<http::string_body> message = parser_->release();
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  request.remote_address = peer_;
  request.peer = subject_;
  for (const auto& field : message) {
    request.headers.Add(std::string(field.name_string()), std::string(field.value()));
  }
  request.body = std::move(message.body());
  {
    std::lock_guard lock(mutex_);
    finished_ = false;
    answer_keeps_ = false;
  }
  request_open_ = true;
  idle_since_.store(kBusy, std::memory_order_relaxed);
  counted_ = true;
  engine_->RequestBegan();
  request_context_ = engine_->options().context.WithCancel();
  auto exchange = std::make_shared<ConnectionExchange>(
      shared_from_this(), std::move(request), std::move(body_lease_), request_context_,
      static_cast<int>(message.version()) - 10, message.keep_alive());
  WatchPeer();
  engine_->hooks().dispatch(std::move(exchange));
}

// A refusal before the request is read whole: answered, then the rest is read and dropped for a
// moment, since closing with unread bytes would reset the connection before the client has read.
void Connection::Refuse(int status) {
  request_open_ = true;
  {
    std::lock_guard lock(mutex_);
    out_.push_back({engine_->hooks().refusal(status, ""), {}});
    out_bytes_ += out_.back().bytes().size();
    finished_ = true;
    answer_keeps_ = false;
  }
  draining_ = true;
  PumpWrites();
}

// While a handler runs, one read is pending on the socket, so that a client that leaves is noticed.
// What arrives meanwhile belongs to the next request; of that a little is kept.
void Connection::WatchPeer() {
  if (watching_ || closed_ || !request_open_) return;
  watching_ = true;
  const bool full = buffer_.size() >= kPipelinedBytesMax;
  stream_.socket().async_wait(full ? Socket::wait_error : Socket::wait_read,
                              [self = shared_from_this()](error_code error) {
                                self->watching_ = false;
                                self->OnPeerReadable(error);
                              });
}

void Connection::OnPeerReadable(error_code error) {
  if (closed_ || error == asio::error::operation_aborted) return;
  if (!request_open_) return;  // The bytes are the next request's: its reader finds them.
  const size_t room = kPipelinedBytesMax - std::min(kPipelinedBytesMax, buffer_.size());
  ssize_t count = 0;
  if (!error && room > 0) {
    const auto space = buffer_.prepare(room);
    count = stream_.TryRead(space.data(), space.size());
    if (count > 0) buffer_.commit(static_cast<size_t>(count));
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return WatchPeer();
  }
  if (count > 0) return WatchPeer();
  CancelRequest(CancelledError("client " + peer_ + " went away"));
  Close();
}

Status Connection::Push(Piece piece, bool bounded) {
  if (piece.bytes().empty()) return OkStatus();
  {
    std::unique_lock lock(mutex_);
    if (bounded) {
      // No deadline here: the write timer closes the connection when nothing moves.
      room_.wait(lock,
                 [this] { return !broken_.ok() || out_bytes_ < engine_->options().out_bytes_max; });
    }
    if (!broken_.ok()) return broken_;
    out_bytes_ += piece.bytes().size();
    out_.push_back(std::move(piece));
    if (out_.size() > 1) return OkStatus();  // The pump is at work or has been called.
  }
  asio::post(stream_.get_executor(), [self = shared_from_this()] { self->PumpWrites(); });
  return OkStatus();
}

void Connection::Finish(bool keep_alive) {
  {
    std::lock_guard lock(mutex_);
    finished_ = true;
    answer_keeps_ = keep_alive;
  }
  asio::post(stream_.get_executor(), [self = shared_from_this()] { self->PumpWrites(); });
}

void Connection::Abort() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    // A reset, so that the client does not take the end for a whole answer.
    error_code ignored;
    if (!self->closed_)
      self->stream_.socket().set_option(asio::socket_base::linger(true, 0), ignored);
    self->Close();
  });
}

void Connection::PumpWrites() {
  if (closed_ || writing_ || !request_open_) return;
  std::vector<asio::const_buffer> buffers;
  bool complete = false;
  {
    std::lock_guard lock(mutex_);
    size_t offset = out_offset_;
    for (const Piece& piece : out_) {
      if (buffers.size() >= kPiecesPerWrite) break;
      const std::string_view bytes = piece.bytes();
      buffers.emplace_back(bytes.data() + offset, bytes.size() - offset);
      offset = 0;
    }
    complete = out_.empty() && finished_;
  }
  if (complete) return AfterAnswer();
  if (buffers.empty()) return;
  writing_ = true;
  if (!write_timer_runs_) {
    write_timer_runs_ = true;
    progress_bytes_ = 0;
    Expire(engine_->options().write_timeout);
  }
  // Pieces stay where they are in the deque until they are written: growing it at the back moves
  // none of them.
  stream_.async_write_some(buffers, [self = shared_from_this()](error_code error, size_t bytes) {
    self->OnWritten(error, bytes);
  });
}

void Connection::OnWritten(error_code error, size_t bytes) {
  writing_ = false;
  if (closed_) return;
  if (error) {
    CancelRequest(CancelledError("client " + peer_ + " went away: " + error.message()));
    return Close();
  }
  progress_bytes_ += bytes;
  bool drained = false;
  {
    std::lock_guard lock(mutex_);
    out_bytes_ -= bytes;
    bytes += out_offset_;
    while (!out_.empty() && bytes >= out_.front().bytes().size()) {
      bytes -= out_.front().bytes().size();
      out_.pop_front();
    }
    out_offset_ = bytes;
    drained = out_.empty();
    room_.notify_all();
  }
  if (drained) Expire(kNoTimeout);
  if (drained || progress_bytes_ >= kProgressBytes) write_timer_runs_ = false;
  PumpWrites();
}

void Connection::AfterAnswer() {
  request_open_ = false;
  idle_since_.store(NowTicks(), std::memory_order_relaxed);
  if (counted_) {
    counted_ = false;
    engine_->RequestEnded();
  }
  bool keep = false;
  {
    std::lock_guard lock(mutex_);
    keep = answer_keeps_;
    finished_ = false;
  }
  if (!keep) return Linger();
  AwaitRequest();
}

void Connection::Linger() {
  stream_.ShutdownSend();
  linger_scratch_.resize(16 << 10);
  lingered_bytes_ = 0;
  Expire(kLingerTimeout);
  struct Reader {
    static void Read(std::shared_ptr<Connection> self) {
      Connection* connection = self.get();
      connection->stream_.async_read_some(
          asio::buffer(connection->linger_scratch_),
          [self = std::move(self)](error_code error, size_t bytes) mutable {
            self->lingered_bytes_ += bytes;
            if (error || self->closed_ || self->lingered_bytes_ > kLingerBytesMax) {
              return self->Close();
            }
            Read(std::move(self));
          });
    }
  };
  Reader::Read(shared_from_this());
}

}  // namespace

std::unique_ptr<HttpEngine> HttpEngine::Make(const HttpServerOptions& options, EngineHooks hooks) {
  return std::make_unique<Engine>(options, std::move(hooks));
}

}  // namespace thanos::net
