#include "rpc/grpc_transport.h"

#include <condition_variable>
#include <deque>
#include <mutex>

#include <grpc/grpc.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_callback.h>

#include "net/tls_bridge.h"
#include "net/tls_follower.h"
#include "rpc/grpc_bytes.inc"
#include "rpc/grpc_library.h"
#include "thanos/trace.h"

namespace thanos::rpc {
namespace {

using base::PinnedBytes;
using SteadyClock = std::chrono::steady_clock;

constexpr int kReconnectFirstMs = 500;
// A peer that comes up is found within about a second, however long it was away.
constexpr int kReconnectMaxMs = 500;

int Milliseconds(std::chrono::nanoseconds time) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

// `context` is the call's own, within its span.
void Prepare(const CallContext& context, grpc::ClientContext* out) {
  if (context.deadline() != SteadyTime::max()) {
    const auto left = context.deadline() - SteadyClock::now();
    out->set_deadline(std::chrono::system_clock::now() + left);
  }
  out->AddMetadata(std::string(kTenantKey), context.tenant());
  if (!context.request_id().empty()) {
    out->AddMetadata(std::string(kRequestIdKey), context.request_id());
  }
  if (context.span()) {
    for (auto& [name, value] : context.span()->Headers()) out->AddMetadata(name, value);
  }
}

using Dialer = net::TlsBridge::Dialer;

// The context's own verdict where there is one: gRPC's "Deadline Exceeded" says less. And why TLS
// did not come about, which gRPC does not know.
Status Explain(const CallContext& context, Status status, const Dialer* dialer) {
  const bool ended =
      status.code() == StatusCode::kCancelled || status.code() == StatusCode::kDeadlineExceeded;
  if (ended) {
    if (Status own = context.Check(); !own.ok()) status = own;
  }
  if (dialer == nullptr || status.code() == StatusCode::kCancelled ||
      (!ended && status.code() != StatusCode::kUnavailable)) {
    return status;
  }
  const std::string problem = dialer->problem();
  if (problem.empty()) return status;
  return Status(status.code(), std::string(status.message()) + " (TLS: " + problem + ")");
}

class UnaryCall : public grpc::ClientUnaryReactor {
 public:
  grpc::Status Wait() {
    std::unique_lock lock(mutex_);
    done_changed_.wait(lock, [this] { return done_; });
    return status_;
  }
  void OnDone(const grpc::Status& status) override {
    std::lock_guard lock(mutex_);
    status_ = status;
    done_ = true;
    done_changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_changed_;
  grpc::Status status_;  // Guarded by mutex_.
  bool done_ = false;    // Guarded by mutex_.
};

// One stream. Lives until both its reader and gRPC are done with it. While there is room in the
// window a read is pending; else the stream stands still, under a hold, so that it cannot end
// between two reads without our taking part.
class StreamCall : public grpc::ClientReadReactor<grpc::ByteBuffer>,
                   public std::enable_shared_from_this<StreamCall> {
 public:
  StreamCall(const CallContext& context, StreamOptions options, std::string target,
             std::string path, std::shared_ptr<CallObserver> observer,
             std::shared_ptr<const Dialer> dialer)
      : span_(context, path, SpanKind::kClient),
        context_(span_.Enter(context)),
        options_(options),
        target_(std::move(target)),
        path_(std::move(path)),
        method_(MethodOf(path_, options.type)),
        observer_(std::move(observer)),
        dialer_(std::move(dialer)) {}

  void AddMetadata(const std::string& name, const std::string& value) {
    grpc_context_.AddMetadata(name, value);
  }
  void Start(grpc::Channel* channel, const PinnedBytes& request);
  Result<std::optional<PinnedBytes>> Next();
  void Cancel();

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  struct Message {
    PinnedBytes bytes;
    BudgetLease lease;
  };
  /// With mutex_ held: true when RemoveHold() is to be called after it is let go.
  bool TakeHold() {
    if (reading_ || !held_) return false;
    held_ = false;
    return true;
  }
  /// With mutex_ held: whether a read is to be started after it is let go.
  bool WantsRead() {
    if (reading_ || !held_ || cancelled_ || queued_bytes_ >= options_.window_bytes) return false;
    reading_ = true;
    active_at_ = SteadyClock::now();
    return true;
  }
  SteadyTime SilenceEnds() const;

  Span span_;
  const CallContext context_;
  const StreamOptions options_;
  const std::string target_;
  const std::string path_;
  const Method method_;  // Views of path_.
  const std::shared_ptr<CallObserver> observer_;
  const std::shared_ptr<const Dialer> dialer_;  // Null in the clear.
  const SteadyClock::time_point began_ = SteadyClock::now();
  grpc::ClientContext grpc_context_;
  grpc::ByteBuffer request_, buffer_;
  std::shared_ptr<StreamCall> self_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Message> queue_;  // Guarded by mutex_, as all below.
  size_t queued_bytes_ = 0;
  bool reading_ = false;
  bool held_ = false;
  bool cancelled_ = false;
  bool done_ = false;
  Status status_;  // Why there is no more; the first reason stays.
  bool has_status_ = false;
  SteadyClock::time_point active_at_;
};

void StreamCall::Start(grpc::Channel* channel, const PinnedBytes& request) {
  self_ = shared_from_this();
  if (observer_) observer_->Started(method_);
  span_.Set("net.peer.name", target_);
  Prepare(context_, &grpc_context_);
  request_ = ToByteBuffer(request);
  const grpc::internal::RpcMethod method(path_.c_str(), nullptr,
                                         grpc::internal::RpcMethod::SERVER_STREAMING);
  grpc::internal::ClientCallbackReaderFactory<grpc::ByteBuffer>::Create<grpc::ByteBuffer>(
      channel, method, &grpc_context_, &request_, this);
  {
    std::lock_guard lock(mutex_);
    held_ = true;
    reading_ = true;
    active_at_ = SteadyClock::now();
  }
  AddHold();
  StartRead(&buffer_);
  StartCall();
}

void StreamCall::OnReadDone(bool ok) {
  Message message;
  Status problem;
  if (ok) {
    Result<PinnedBytes> bytes = FromByteBuffer(buffer_);
    problem = bytes.status();
    if (bytes.ok()) {
      Result<BudgetLease> lease = BudgetLease::Take(context_.budget(), bytes->size());
      problem = lease.ok() ? OkStatus() : lease.status().WithContext("read ahead of " + target_);
      if (lease.ok()) message = {std::move(*bytes), std::move(*lease)};
    }
    buffer_.Clear();
    if (observer_) observer_->MessageReceived(method_);
  }
  bool read_more = false, remove_hold = false;
  {
    std::lock_guard lock(mutex_);
    reading_ = false;
    active_at_ = SteadyClock::now();
    if (ok && problem.ok() && !cancelled_) {
      queued_bytes_ += message.bytes.size();
      queue_.push_back(std::move(message));
      read_more = WantsRead();
    } else {
      if (!problem.ok() && !has_status_) {
        status_ = problem;
        has_status_ = true;
      }
      if (ok) cancelled_ = true;
      remove_hold = TakeHold();
    }
    changed_.notify_all();
  }
  if (ok && !problem.ok()) grpc_context_.TryCancel();
  if (read_more) StartRead(&buffer_);
  if (remove_hold) RemoveHold();
}

void StreamCall::OnDone(const grpc::Status& status) {
  const Status own = FromGrpc(status);
  span_.Fail(own);
  span_.End();
  if (observer_) {
    observer_->Ended(method_, own.code(),
                     std::chrono::duration<double>(SteadyClock::now() - began_).count());
  }
  {
    std::lock_guard lock(mutex_);
    if (!has_status_) {
      status_ = own;
      has_status_ = true;
    }
    done_ = true;
    changed_.notify_all();
  }
  self_.reset();
}

SteadyTime StreamCall::SilenceEnds() const {
  if (options_.frame_timeout.count() <= 0 || !reading_) return SteadyTime::max();
  return active_at_ + std::chrono::duration_cast<SteadyClock::duration>(options_.frame_timeout);
}

Result<std::optional<PinnedBytes>> StreamCall::Next() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (Status own = context_.Check(); !own.ok()) return own;
    if (!queue_.empty()) {
      Message message = std::move(queue_.front());
      queue_.pop_front();
      queued_bytes_ -= message.bytes.size();
      const bool read = WantsRead();
      lock.unlock();
      if (read) StartRead(&buffer_);
      return std::optional<PinnedBytes>(std::move(message.bytes));
    }
    if (has_status_) {
      if (!status_.ok()) return Explain(context_, status_, dialer_.get());
      if (done_) return std::optional<PinnedBytes>();
    }
    const SteadyTime silence = SilenceEnds();
    if (silence <= SteadyClock::now()) {
      status_ = DeadlineExceededError(SilenceText(options_.frame_timeout, target_));
      has_status_ = true;
      lock.unlock();
      Cancel();
      lock.lock();
      continue;
    }
    const SteadyTime until = std::min(silence, context_.deadline());
    if (until == SteadyTime::max()) {
      changed_.wait(lock);
    } else {
      changed_.wait_until(lock, until);
    }
  }
}

void StreamCall::Cancel() {
  bool remove_hold = false, cancel = false;
  {
    std::lock_guard lock(mutex_);
    cancel = !done_ && !cancelled_;
    cancelled_ = true;
    remove_hold = TakeHold();
    changed_.notify_all();
  }
  if (cancel) grpc_context_.TryCancel();
  if (remove_hold) RemoveHold();
}

class StreamReader : public FrameReader {
 public:
  StreamReader(std::shared_ptr<StreamCall> call, const CallContext& context)
      : call_(std::move(call)),
        registration_(context.OnCancel([call = call_] { call->Cancel(); })) {}
  ~StreamReader() override { call_->Cancel(); }
  Result<std::optional<PinnedBytes>> Next() override { return call_->Next(); }

 private:
  const std::shared_ptr<StreamCall> call_;
  const CallContext::Registration registration_;
};

// Of a channel that could not be made.
class BrokenReader : public FrameReader {
 public:
  explicit BrokenReader(Status status) : status_(std::move(status)) {}
  Result<std::optional<PinnedBytes>> Next() override { return status_; }

 private:
  const Status status_;
};

class GrpcTransport : public Transport {
 public:
  GrpcTransport(const std::string& target, const ChannelOptions& options)
      : target_(target), observer_(options.observer), metadata_(options.metadata) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(INT32_MAX);
    arguments.SetMaxSendMessageSize(INT32_MAX);
    arguments.SetUserAgentPrefix(options.user_agent);
    if (options.gzip) arguments.SetCompressionAlgorithm(GRPC_COMPRESS_GZIP);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(options.keepalive_time));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(options.keepalive_timeout));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
    // Else the library keeps back pings on a stream that is silent, which is when they matter.
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectFirstMs);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMaxMs);
    // gRPC's own measure lets a stream's buffer grow to many megabytes that no budget sees.
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
                     static_cast<int>(options.stream_buffer_bytes));
    // Two channels to one address stay two connections: an endpoint's end does not touch another.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    KeepGrpcRunning();
    std::string dialled = target;
    if (options.tls) {
      auto dialer = options.bridge->Dial(target, [tls = options.tls] { return tls->Current(); });
      broken_ = dialer.status();
      if (!dialer.ok()) return;
      // The bridge outlives the dialer, whoever holds that last.
      dialer_ = std::shared_ptr<Dialer>(dialer->release(),
                                        [bridge = options.bridge](Dialer* it) { delete it; });
      dialled = dialer_->target();
      arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY,
                          options.server_name.empty() ? target : options.server_name);
    }
    channel_ = grpc::CreateCustomChannel(dialled, grpc::InsecureChannelCredentials(), arguments);
  }

  Result<PinnedBytes> Unary(const CallContext& context, const std::string& method,
                            std::string request, bool wait_for_ready) override;
  std::unique_ptr<FrameReader> Stream(const CallContext& context, const std::string& method,
                                      std::string request, const StreamOptions& options) override;
  const std::string& target() const override { return target_; }

 private:
  const std::string target_;
  const std::shared_ptr<CallObserver> observer_;
  const std::vector<std::pair<std::string, std::string>> metadata_;
  std::shared_ptr<Dialer> dialer_;  // Null in the clear.
  Status broken_;                   // Why there is no channel.
  std::shared_ptr<grpc::Channel> channel_;
};

Result<PinnedBytes> GrpcTransport::Unary(const CallContext& context, const std::string& method,
                                         std::string request, bool wait_for_ready) {
  THANOS_RETURN_IF_ERROR(context.Check());
  THANOS_RETURN_IF_ERROR(broken_);
  const Method seen = MethodOf(method, CallType::kUnary);
  const auto began = SteadyClock::now();
  if (observer_) observer_->Started(seen);
  grpc::ClientContext grpc_context;
  const Span span(context, method, SpanKind::kClient);
  span.Set("net.peer.name", target_);
  Prepare(span.Enter(context), &grpc_context);
  for (const auto& [name, value] : metadata_) grpc_context.AddMetadata(name, value);
  grpc_context.set_wait_for_ready(wait_for_ready);
  const grpc::ByteBuffer out = ToByteBuffer(PinnedBytes::Of(std::move(request)));
  grpc::ByteBuffer in;
  UnaryCall call;
  grpc::GenericStub(channel_).PrepareUnaryCall(&grpc_context, method, {}, &out, &in, &call);
  call.StartCall();
  grpc::Status status;
  {
    const auto registration = context.OnCancel([&] { grpc_context.TryCancel(); });
    status = call.Wait();
  }
  const Status own = FromGrpc(status);
  span.Fail(own);
  if (observer_) {
    if (own.ok()) observer_->MessageReceived(seen);
    observer_->Ended(seen, own.code(),
                     std::chrono::duration<double>(SteadyClock::now() - began).count());
  }
  if (!own.ok()) return Explain(context, own, dialer_.get());
  return FromByteBuffer(in);
}

std::unique_ptr<FrameReader> GrpcTransport::Stream(const CallContext& context,
                                                   const std::string& method, std::string request,
                                                   const StreamOptions& options) {
  if (!broken_.ok()) return std::make_unique<BrokenReader>(broken_);
  auto call = std::make_shared<StreamCall>(context, options, target_, method, observer_, dialer_);
  for (const auto& [name, value] : metadata_) call->AddMetadata(name, value);
  call->Start(channel_.get(), PinnedBytes::Of(std::move(request)));
  return std::make_unique<StreamReader>(std::move(call), context);
}

}  // namespace

std::shared_ptr<Transport> MakeGrpcTransport(const std::string& target,
                                             const ChannelOptions& options) {
  return std::make_shared<GrpcTransport>(target, options);
}

}  // namespace thanos::rpc
