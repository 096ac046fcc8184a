#include "rpc/server.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/executor.h"
#include "codec/byte_reader.h"
#include "net/acceptor.h"
#include "net/tls_bridge.h"
#include "net/tls_follower.h"
#include "rpc/dispatcher.h"
#include "rpc/grpc_bytes.inc"
#include "rpc/grpc_library.h"
#include "rpc/handler_pool.h"
#include "rpc/snappy_frames.h"

namespace thanos::rpc {
namespace {

using base::PinnedBytes;

constexpr size_t kUrgentThreadsMax = 4;
constexpr size_t kUrgentWaitingMax = 1024;
// Peers ping every 10 s; a timer that fires a little early must not cost them the connection.
// Of messages of one stream that are handed over at once.
constexpr size_t kTogetherBytes = 64 << 10;
constexpr int kPingIntervalMinMs = 9'000;
constexpr std::chrono::seconds kWatchPeriod{1};

using SteadyClock = std::chrono::steady_clock;

// What calls share. Outlives them.
struct Core {
  explicit Core(ServerOptions given) : options(std::move(given)) {}
  const ServerOptions options;
  std::shared_ptr<Health> health = std::make_shared<Health>();
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<HandlerPool> handlers, urgent;
  std::mutex mutex;
  std::unordered_set<class ServerCall*> calls;  // Guarded by mutex.
};

// One call. gRPC's callbacks and a handler thread meet here; `mutex_` decides, and what was
// decided is done after it is let go, since gRPC may call back from within. It keeps itself alive
// until OnDone; handler threads that are still at work hold it too, and find that it is finished.
class ServerCall : public grpc::ServerGenericBidiReactor,
                   public std::enable_shared_from_this<ServerCall> {
 public:
  ServerCall(Core* core, grpc::GenericCallbackServerContext* context);

  void Begin();
  /// Cuts the call off when its peer has taken nothing since `before`.
  void CheckProgress(SteadyClock::time_point before);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  enum class Act { kNothing, kWrite, kWriteOfSeveral, kWriteAndFinish, kFinish, kRead };

  static CallContext MakeContext(const Core& core, const grpc::CallbackServerContext& context);
  void BeginVisits();
  Status TakeRequest();
  void Submit(void (ServerCall::*work)());
  void RunUnary();
  void OpenStream();
  void Produce();
  /// Queues a message, ends the answer, or both. False when the call is over already.
  bool Push(std::vector<PinnedBytes> messages, std::optional<Status> end);
  /// What is to be done now. With mutex_ held.
  Act Decide();
  void Do(Act act);

  Core* const core_;
  grpc::GenericCallbackServerContext* const grpc_context_;  // Valid until OnDone.
  const SteadyClock::time_point began_ = SteadyClock::now();
  CallContext context_;  // As interceptors left it, from before the request is read.
  const ServedMethod* method_ = nullptr;
  std::vector<std::unique_ptr<CallVisit>> visits_;
  std::shared_ptr<ServerCall> self_;
  grpc::ByteBuffer request_, out_buffer_;
  PinnedBytes request_bytes_;
  BudgetLease request_lease_;
  std::unique_ptr<FrameStream> stream_;  // Handler threads, one at a time.
  bool answered_ = false;                // gRPC's callbacks only: a request was read.

  std::mutex mutex_;
  std::deque<PinnedBytes> out_;  // Guarded by mutex_, as all below.
  size_t out_bytes_ = 0;
  std::optional<Status> end_;  // Set once nothing more will be queued.
  bool reading_ = true;
  bool writing_ = false;
  bool wrote_ = false;  // The first message is out, and the head with it.
  bool cancelled_ = false;
  bool finished_ = false;  // Finish was called.
  bool done_ = false;      // OnDone came: grpc_context_ is gone.
  bool parked_ = false;    // The stream waits for room.
  SteadyClock::time_point write_began_;
};

ServerCall::ServerCall(Core* core, grpc::GenericCallbackServerContext* context)
    : core_(core), grpc_context_(context), context_(MakeContext(*core, *context)) {}

CallContext ServerCall::MakeContext(const Core& core, const grpc::CallbackServerContext& context) {
  CallContext out = core.options.context.WithCancel();
  const auto deadline = context.deadline();
  if (deadline != std::chrono::system_clock::time_point::max()) {
    const auto left = deadline - std::chrono::system_clock::now();
    // Far enough to overflow in nanoseconds is as good as none.
    if (left < std::chrono::hours(24 * 365)) out = out.WithTimeout(left);
  }
  const auto& metadata = context.client_metadata();
  const auto value = [&](std::string_view key) -> std::string {
    const auto [first, last] = metadata.equal_range({key.data(), key.size()});
    return first != last && std::next(first) == last
               ? std::string(first->second.data(), first->second.size())
               : "";
  };
  if (std::string tenant = value(kTenantKey); !tenant.empty()) out = out.WithTenant(tenant);
  if (std::string id = value(kRequestIdKey); !id.empty()) out = out.WithRequestId(id);
  return out;
}

void ServerCall::Begin() {
  self_ = shared_from_this();
  {
    std::lock_guard lock(core_->mutex);
    core_->calls.insert(this);
  }
  Result<const ServedMethod*> found = core_->dispatcher->Find(grpc_context_->method());
  if (!found.ok()) {
    Act act;
    {
      std::lock_guard lock(mutex_);
      reading_ = false;
      end_ = found.status();
      act = Decide();
    }
    return Do(act);
  }
  method_ = *found;
  if (core_->options.observer) core_->options.observer->Started(method_->method());
  BeginVisits();
  StartRead(&request_);
}

// Before anything else runs on this call, so that its context may be replaced.
void ServerCall::BeginVisits() {
  if (core_->options.interceptors.empty()) return;
  const auto& metadata = grpc_context_->client_metadata();
  const IncomingCall call{
      method_->method(), grpc_context_->peer(), [&metadata](std::string_view name) {
        const auto at = metadata.find({name.data(), name.size()});
        return at == metadata.end() ? std::string_view()
                                    : std::string_view(at->second.data(), at->second.size());
      }};
  for (const auto& interceptor : core_->options.interceptors) {
    auto visit = interceptor->Begin(call, &context_);
    if (visit) visits_.push_back(std::move(visit));
  }
}

// A request's bytes. Go Thanos with --grpc-compression=snappy packs them in a way that gRPC leaves
// to us; our answers to it are not packed, which it takes.
Result<PinnedBytes> RequestBytes(const grpc::ByteBuffer& buffer, size_t bytes_max) {
  THANOS_ASSIGN_OR_RETURN(PinnedBytes bytes, FromByteBuffer(buffer));
  const std::string_view text = codec::AsText(bytes.bytes());
  if (!IsSnappyFramed(text)) return bytes;
  THANOS_ASSIGN_OR_RETURN(std::string plain, UnpackSnappyFrames(text, bytes_max));
  return PinnedBytes::Of(std::move(plain));
}

Status ServerCall::TakeRequest() {
  THANOS_ASSIGN_OR_RETURN(request_bytes_, RequestBytes(request_, core_->options.request_bytes_max));
  request_lease_.Reset();  // Of the message before, where calls have several.
  THANOS_ASSIGN_OR_RETURN(request_lease_,
                          BudgetLease::Take(context_.budget(), request_bytes_.size()));
  return OkStatus();
}

void ServerCall::OnReadDone(bool ok) {
  Status problem;
  if (!ok && !answered_) problem = InternalError("the call ended before its request came");
  if (ok) {
    problem = TakeRequest();
    if (core_->options.observer) core_->options.observer->MessageReceived(method_->method());
  }
  Act act = Act::kNothing;
  {
    std::lock_guard lock(mutex_);
    reading_ = false;
    if (!problem.ok()) {
      end_ = problem;
    } else if (!ok) {
      end_ = OkStatus();  // The caller of a repeated method has no more to ask.
    }
    act = Decide();
  }
  Do(act);
  if (!ok || !problem.ok()) return;
  answered_ = true;
  Submit(method_->stream ? &ServerCall::OpenStream : &ServerCall::RunUnary);
}

void ServerCall::Submit(void (ServerCall::*work)()) {
  HandlerPool& pool = method_->urgent ? *core_->urgent : *core_->handlers;
  if (!pool.TrySubmit([self = shared_from_this(), work] { (*self.*work)(); })) {
    Push({}, ResourceExhaustedError("too many calls are waiting"));
  }
}

Status HandlerThrew(const Core& core, const std::exception& error) {
  if (core.options.observer) core.options.observer->HandlerThrew();
  core.options.logger.Error("gRPC handler threw", {{"err", error.what()}});
  return InternalError(std::string("handler threw: ") + error.what());
}

// No exception leaves a handler; what waited too long in the queue is not begun.
Result<PinnedBytes> AnswerUnary(const Core& core, const ServedMethod& method,
                                const CallContext& context, const PinnedBytes& request) {
  THANOS_RETURN_IF_ERROR(context.Check());
  try {
    return method.unary(context, codec::AsText(request.bytes()));
  } catch (const std::exception& error) {
    return HandlerThrew(core, error);
  }
}

void ServerCall::RunUnary() {
  Result<PinnedBytes> answer = AnswerUnary(*core_, *method_, context_, request_bytes_);
  if (!answer.ok()) {
    Push({}, answer.status());
  } else if (method_->repeated) {
    Push({*std::move(answer)}, std::nullopt);
  } else {
    Push({*std::move(answer)}, OkStatus());
  }
}

void ServerCall::OpenStream() {
  Status problem = context_.Check();
  try {
    if (problem.ok()) {
      auto stream = method_->stream(context_, codec::AsText(request_bytes_.bytes()));
      problem = stream.status();
      if (stream.ok()) stream_ = std::move(*stream);
    }
  } catch (const std::exception& error) {
    problem = HandlerThrew(*core_, error);
  }
  if (!problem.ok()) {
    Push({}, problem);
    return;
  }
  Produce();
}

// No exception leaves a handler.
Result<std::optional<PinnedBytes>> Pull(const Core& core, FrameStream& stream) {
  try {
    return stream.Next();
  } catch (const std::exception& error) {
    return HandlerThrew(core, error);
  }
}

// Pulls until the peer's queue is full, then leaves: the thread is free while the peer is slow.
void ServerCall::Produce() {
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (finished_ || cancelled_) break;
      if (out_bytes_ >= core_->options.stream_out_bytes_max) {
        parked_ = true;
        return;
      }
    }
    // What is at hand goes out together: the thread that writes is woken once for all of it.
    std::vector<PinnedBytes> messages;
    size_t bytes = 0;
    do {
      Result<std::optional<PinnedBytes>> next = Pull(*core_, *stream_);
      if (!next.ok() || !next->has_value()) {
        stream_.reset();  // What it holds goes now, not when the peer has read to the end.
        Push(std::move(messages), next.status());
        return;
      }
      bytes += (*next)->size();
      messages.push_back(*std::move(*next));
    } while (bytes < kTogetherBytes && stream_->Ready());
    if (!Push(std::move(messages), std::nullopt)) break;
  }
  stream_.reset();
}

bool ServerCall::Push(std::vector<PinnedBytes> messages, std::optional<Status> end) {
  Act act;
  {
    std::lock_guard lock(mutex_);
    if (finished_ || cancelled_) return false;
    for (PinnedBytes& message : messages) {
      out_bytes_ += message.size();
      out_.push_back(std::move(message));
    }
    if (end && !end_) end_ = std::move(*end);
    act = Decide();
  }
  Do(act);
  return true;
}

ServerCall::Act ServerCall::Decide() {
  if (finished_ || reading_ || writing_) return Act::kNothing;
  if (cancelled_) {
    finished_ = true;
    return Act::kFinish;
  }
  if (!out_.empty()) {
    writing_ = true;
    write_began_ = SteadyClock::now();
    out_buffer_ = ToByteBuffer(out_.front());
    if (out_.size() > 1) return wrote_ ? Act::kWriteOfSeveral : Act::kWrite;
    if (!end_ || !end_->ok()) return Act::kWrite;
    finished_ = true;  // The last message and the status go together.
    return Act::kWriteAndFinish;
  }
  if (end_) {
    finished_ = true;
    return Act::kFinish;
  }
  return Act::kNothing;
}

void ServerCall::Do(Act act) {
  switch (act) {
    case Act::kNothing:
      return;
    case Act::kWrite:
      return StartWrite(&out_buffer_);
    case Act::kWriteOfSeveral:
      // Small messages leave together: the last one of those that wait sends them all. Not with the
      // first one: gRPC would hold the head back with it and never say that it was written.
      return StartWrite(&out_buffer_, grpc::WriteOptions().set_buffer_hint());
    case Act::kWriteAndFinish:
      if (core_->options.observer) core_->options.observer->MessageSent(method_->method());
      return StartWriteAndFinish(&out_buffer_, grpc::WriteOptions(), grpc::Status::OK);
    case Act::kFinish:
      // end_ does not change any more.
      return Finish(ToGrpc(end_ ? *end_ : CancelledError("context canceled")));
    case Act::kRead:
      return StartRead(&request_);
  }
}

void ServerCall::OnWriteDone(bool ok) {
  Act act;
  bool resume = false;
  if (ok && core_->options.observer) core_->options.observer->MessageSent(method_->method());
  {
    std::lock_guard lock(mutex_);
    writing_ = false;
    wrote_ = true;
    if (!out_.empty()) {
      out_bytes_ -= out_.front().size();
      out_.pop_front();
    }
    out_buffer_.Clear();
    if (!ok) cancelled_ = true;
    act = Decide();
    resume = (parked_ && (out_bytes_ < core_->options.stream_out_bytes_max / 2 || cancelled_));
    if (resume) parked_ = false;
    if (act == Act::kNothing && method_->repeated && out_.empty() && !end_ && !finished_) {
      reading_ = true;
      act = Act::kRead;
    }
  }
  Do(act);
  if (resume) Submit(&ServerCall::Produce);
}

void ServerCall::OnCancel() {
  context_.Cancel();
  Act act;
  bool resume = false;
  {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    resume = parked_;  // Its stream is to be let go, by a handler thread.
    parked_ = false;
    act = Decide();
  }
  Do(act);
  if (resume) Submit(&ServerCall::Produce);
}

void ServerCall::CheckProgress(SteadyClock::time_point before) {
  grpc_call* call = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (done_ || cancelled_ || !writing_ || write_began_ >= before) return;
    call = grpc_context_->c_call();
    grpc_call_ref(call);
  }
  // Without the lock: gRPC may call OnCancel from within.
  grpc_call_cancel(call, nullptr);
  grpc_call_unref(call);
}

void ServerCall::OnDone() {
  context_.Cancel();  // A handler that is still at work has nobody to work for.
  Status status;
  {
    std::lock_guard lock(mutex_);
    done_ = true;
    if (cancelled_) {
      status = CancelledError("context canceled");
    } else {
      status = end_ ? *end_ : Status(StatusCode::kUnknown, "the call ended without a status");
    }
    out_.clear();
  }
  {
    std::lock_guard lock(core_->mutex);
    core_->calls.erase(this);
  }
  if (method_ != nullptr) {
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - began_).count();
    if (core_->options.observer) {
      core_->options.observer->Ended(method_->method(), status.code(), seconds);
    }
    for (const auto& visit : visits_) visit->Ended(method_->method(), status, seconds);
  }
  self_.reset();  // Perhaps the end of this object.
}

// gRPC complains in the log about each call of a peer that packs with snappy; we know.
void WriteLog(gpr_log_func_args* line) {
  static const base::Logger logger(base::LogLevel::kWarn, base::LogFormat::kLogfmt);
  const std::string_view text = line->message;
  if (text.find("key=grpc-encoding value=snappy") != std::string_view::npos) return;
  if (line->severity == GPR_LOG_SEVERITY_ERROR) {
    logger.Error("gRPC", {{"at", line->file}, {"err", std::string(text)}});
  }
}

class GenericService : public grpc::CallbackGenericService {
 public:
  explicit GenericService(Core* core) : core_(core) {}
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    auto call = std::make_shared<ServerCall>(core_, context);
    call->Begin();
    // Its own reference keeps it; it may be gone only after gRPC has called OnDone.
    return call.get();
  }

 private:
  Core* const core_;
};

// Knows how many of the connections handed over are still open, without being told when gRPC
// closes one: a descriptor that is closed, or stands for another file now, is forgotten.
class ConnectionCount {
 public:
  /// False when there are `max` already.
  bool Add(int fd, size_t max) {
    struct stat info{};
    if (::fstat(fd, &info) != 0) return false;
    if (open_.size() >= max) {
      std::erase_if(open_, [](const auto& entry) {
        struct stat now{};
        return ::fstat(entry.first, &now) != 0 || now.st_ino != entry.second;
      });
    }
    if (open_.size() >= max) return false;
    open_[fd] = info.st_ino;
    return true;
  }

 private:
  std::unordered_map<int, ino_t> open_;  // The thread that hands connections over.
};

}  // namespace

struct Server::Impl {
  explicit Impl(ServerOptions options) : core(std::move(options)), service(&core) {}

  Core core;
  GenericService service;
  std::unique_ptr<net::Acceptor> acceptor;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> connections;
  std::unique_ptr<grpc::Server> server;
  ConnectionCount connection_count;
  std::unique_ptr<net::TlsBridge> bridge;  // Null in the clear.
  std::atomic<uint64_t> turned_away{0};
  std::unique_ptr<base::PeriodicTask> watch;
  std::once_flag stopped;

  Status Start(Services services);
  void Accept(int fd, const std::string& peer);
  void Adopt(int fd);
  void CheckProgress();
  void Stop(std::chrono::nanoseconds grace);
};

Status Server::Impl::Start(Services services) {
  const ServerOptions& options = core.options;
  THANOS_ASSIGN_OR_RETURN(acceptor, net::Acceptor::Listen(options.address, options.logger));
  core.dispatcher = std::make_unique<Dispatcher>(std::move(services), core.health);
  core.handlers = std::make_unique<HandlerPool>("grpc-handler", options.handler_threads_max,
                                                options.waiting_calls_max);
  core.urgent = std::make_unique<HandlerPool>("grpc-urgent", kUrgentThreadsMax, kUrgentWaitingMax);
  gpr_set_log_function(WriteLog);
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(
      static_cast<int>(std::min<size_t>(options.request_bytes_max, INT32_MAX)));
  builder.SetMaxSendMessageSize(INT32_MAX);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kPingIntervalMinMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(options.streams_per_connection_max));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE,
                             static_cast<int>(options.metadata_bytes_max));
  if (options.max_connection_age.count() > 0) {
    const auto age =
        std::chrono::duration_cast<std::chrono::milliseconds>(options.max_connection_age).count();
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               static_cast<int>(std::clamp<int64_t>(age, 1, INT32_MAX)));
  }
  grpc::ResourceQuota quota("server");
  quota.Resize(options.buffer_bytes_max);
  builder.SetResourceQuota(quota);
  connections = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  builder.RegisterCallbackGenericService(&service);
  server = builder.BuildAndStart();
  if (!server) return InternalError("gRPC server on " + acceptor->address() + " did not start");
  watch = std::make_unique<base::PeriodicTask>(
      "grpc-watch", kWatchPeriod, [this] { CheckProgress(); }, false);
  if (options.tls) {
    bridge = std::make_unique<net::TlsBridge>(options.connections_max, options.logger);
  }
  acceptor->Start([this](int fd, const std::string& peer) { Accept(fd, peer); });
  return OkStatus();
}

void Server::Impl::Accept(int fd, const std::string& peer) {
  if (!bridge) return Adopt(fd);
  bridge->Accept(fd, peer, core.options.tls->Current(), [this](int plain) { Adopt(plain); });
}

void Server::Impl::Adopt(int fd) {
  if (!connection_count.Add(fd, core.options.connections_max)) {
    turned_away.fetch_add(1);
    ::close(fd);
    return;
  }
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
  parameters.listener_fd = -1;
  parameters.fd = fd;
  connections->HandleNewConnection(&parameters);
}

void Server::Impl::CheckProgress() {
  const auto timeout =
      std::chrono::duration_cast<SteadyClock::duration>(core.options.write_timeout);
  std::vector<std::shared_ptr<ServerCall>> calls;
  {
    std::lock_guard lock(core.mutex);
    for (ServerCall* call : core.calls) {
      if (auto shared = call->weak_from_this().lock()) calls.push_back(std::move(shared));
    }
  }
  const auto before = SteadyClock::now() - timeout;
  for (const auto& call : calls) call->CheckProgress(before);
}

void Server::Impl::Stop(std::chrono::nanoseconds grace) {
  core.health->Stop();
  if (acceptor) acceptor->Stop();
  if (server) {
    server->Shutdown(std::chrono::system_clock::now() +
                     std::chrono::duration_cast<std::chrono::system_clock::duration>(grace));
  }
  watch.reset();
  bridge.reset();  // Now, that no call needs it and before what it hands connections to.
  // Handlers of cancelled calls end now.
  core.handlers.reset();
  core.urgent.reset();
  server.reset();
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Stop(std::chrono::nanoseconds(0)); }

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options, Services services) {
  KeepGrpcRunning();
  auto impl = std::make_unique<Impl>(std::move(options));
  THANOS_RETURN_IF_ERROR(impl->Start(std::move(services)));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

int Server::port() const { return impl_->acceptor->port(); }
std::string Server::address() const { return impl_->acceptor->address(); }
uint64_t Server::turned_away() const {
  return impl_->turned_away.load() + impl_->acceptor->refused();
}
void Server::SetReady(bool ready) { impl_->core.health->Set(ready); }

void Server::Stop(std::chrono::nanoseconds grace) {
  std::call_once(impl_->stopped, [&] { impl_->Stop(grace); });
}

}  // namespace thanos::rpc
