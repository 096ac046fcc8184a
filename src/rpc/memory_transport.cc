// Calls within the process, with the same semantics as over gRPC: handlers on threads of their own,
// a bounded window between them and the caller, codes and texts kept. TSan understands all of it.
#include <condition_variable>
#include <deque>
#include <mutex>

#include "codec/byte_reader.h"
#include "rpc/channel.h"
#include "rpc/dispatcher.h"
#include "rpc/grpc_transport.h"
#include "rpc/handler_pool.h"

namespace thanos::rpc {
namespace {

using base::PinnedBytes;
using SteadyClock = std::chrono::steady_clock;

constexpr size_t kThreadsMax = 256;
constexpr size_t kWaitingMax = 4096;

// What the serving side sees of the caller's context: not its budget, which is another process's.
CallContext ServingContext(const CallContext& context) {
  return context.WithCancel().WithBudget(nullptr);
}

// A unary call that may be abandoned by its caller.
struct UnaryState {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Result<PinnedBytes>> answer;  // Guarded by mutex.
  bool cancelled = false;                     // Guarded by mutex.
};

class MemoryStream : public std::enable_shared_from_this<MemoryStream> {
 public:
  /// `pool` and `method` are the transport's, which outlives its readers and joins its tasks.
  MemoryStream(HandlerPool* pool, CallContext context, const ServedMethod* method,
               std::string request, StreamOptions options, std::string target)
      : pool_(pool),
        context_(std::move(context)),
        serving_(ServingContext(context_)),
        method_(method),
        request_(std::move(request)),
        options_(options),
        target_(std::move(target)) {}

  void Submit(void (MemoryStream::*work)()) {
    if (pool_->TrySubmit([self = shared_from_this(), work] { (*self.*work)(); })) return;
    End(ResourceExhaustedError("too many calls are waiting"));
  }
  void Open();
  void Produce();
  Result<std::optional<PinnedBytes>> Next();
  void Cancel();

 private:
  struct Message {
    PinnedBytes bytes;
    BudgetLease lease;
  };
  void End(Status status);

  HandlerPool* const pool_;
  const CallContext context_, serving_;
  const ServedMethod* const method_;
  const std::string request_;
  const StreamOptions options_;
  const std::string target_;
  std::unique_ptr<FrameStream> stream_;  // Handler threads, one at a time.

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Message> queue_;  // Guarded by mutex_, as all below.
  size_t queued_bytes_ = 0;
  std::optional<Status> end_;
  bool cancelled_ = false;
  bool parked_ = false;
  SteadyClock::time_point active_at_ = SteadyClock::now();
};

void MemoryStream::Open() {
  Result<std::unique_ptr<FrameStream>> stream = UnimplementedError("not a stream");
  if (method_->stream) {
    stream = method_->stream(serving_, request_);
  } else if (options_.type == CallType::kUnary) {
    Result<PinnedBytes> answer = method_->unary(serving_, request_);
    if (!answer.ok()) return End(answer.status());
    stream = MakeListStream({std::string(codec::AsText(answer->bytes()))});
  }
  if (!stream.ok()) return End(stream.status());
  stream_ = std::move(*stream);
  Produce();
}

void MemoryStream::Produce() {
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (cancelled_ || end_) break;
      if (queued_bytes_ >= options_.window_bytes) {
        parked_ = true;
        return;
      }
    }
    Result<std::optional<PinnedBytes>> next = stream_->Next();
    if (!next.ok() || !next->has_value()) {
      stream_.reset();
      return End(next.status());
    }
    Result<BudgetLease> lease = BudgetLease::Take(context_.budget(), (*next)->size());
    if (!lease.ok()) {
      stream_.reset();
      return End(lease.status().WithContext("read ahead of " + target_));
    }
    std::lock_guard lock(mutex_);
    queued_bytes_ += (*next)->size();
    queue_.push_back({std::move(**next), std::move(*lease)});
    active_at_ = SteadyClock::now();
    changed_.notify_all();
  }
  stream_.reset();
}

void MemoryStream::End(Status status) {
  std::lock_guard lock(mutex_);
  if (!end_) end_ = std::move(status);
  changed_.notify_all();
}

Result<std::optional<PinnedBytes>> MemoryStream::Next() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (Status own = context_.Check(); !own.ok()) return own;
    if (!queue_.empty()) {
      Message message = std::move(queue_.front());
      queue_.pop_front();
      queued_bytes_ -= message.bytes.size();
      const bool resume = parked_ && queued_bytes_ < options_.window_bytes;
      if (resume) {
        parked_ = false;
        active_at_ = SteadyClock::now();
      }
      lock.unlock();
      if (resume) Submit(&MemoryStream::Produce);
      return std::optional<PinnedBytes>(std::move(message.bytes));
    }
    if (end_) return end_->ok() ? Result<std::optional<PinnedBytes>>(std::nullopt) : *end_;
    SteadyTime until = context_.deadline();
    if (options_.frame_timeout.count() > 0) {
      const SteadyTime silence =
          active_at_ + std::chrono::duration_cast<SteadyClock::duration>(options_.frame_timeout);
      if (silence <= SteadyClock::now()) {
        end_ = DeadlineExceededError(SilenceText(options_.frame_timeout, target_));
        lock.unlock();
        Cancel();
        lock.lock();
        continue;
      }
      until = std::min(until, silence);
    }
    if (until == SteadyTime::max()) {
      changed_.wait(lock);
    } else {
      changed_.wait_until(lock, until);
    }
  }
}

void MemoryStream::Cancel() {
  bool resume = false;
  {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    resume = parked_;  // So that a handler thread lets the stream go.
    parked_ = false;
    changed_.notify_all();
  }
  serving_.Cancel();
  if (resume) Submit(&MemoryStream::Produce);
}

class MemoryReader : public FrameReader {
 public:
  MemoryReader(std::shared_ptr<const Transport> transport, std::shared_ptr<MemoryStream> stream,
               const CallContext& context)
      : transport_(std::move(transport)),
        stream_(std::move(stream)),
        registration_(context.OnCancel([stream = stream_] { stream->Cancel(); })) {}
  ~MemoryReader() override { stream_->Cancel(); }
  Result<std::optional<PinnedBytes>> Next() override { return stream_->Next(); }

 private:
  const std::shared_ptr<const Transport> transport_;
  const std::shared_ptr<MemoryStream> stream_;
  const CallContext::Registration registration_;
};

// For a method that is not served.
class FailedReader : public FrameReader {
 public:
  explicit FailedReader(Status status) : status_(std::move(status)) {}
  Result<std::optional<PinnedBytes>> Next() override { return status_; }

 private:
  const Status status_;
};

class MemoryTransport : public Transport, public std::enable_shared_from_this<MemoryTransport> {
 public:
  MemoryTransport(std::string target, Services services)
      : target_(std::move(target)),
        dispatcher_(std::move(services), std::make_shared<Health>()),
        pool_("memory-rpc", kThreadsMax, kWaitingMax) {}

  Result<PinnedBytes> Unary(const CallContext& context, const std::string& method,
                            std::string request, bool wait_for_ready) override;
  std::unique_ptr<FrameReader> Stream(const CallContext& context, const std::string& method,
                                      std::string request, const StreamOptions& options) override;
  const std::string& target() const override { return target_; }

 private:
  const std::string target_;
  const Dispatcher dispatcher_;
  HandlerPool pool_;  // Last: joins its tasks before what they use goes.
};

Result<PinnedBytes> MemoryTransport::Unary(const CallContext& context, const std::string& method,
                                           std::string request, bool) {
  THANOS_RETURN_IF_ERROR(context.Check());
  THANOS_ASSIGN_OR_RETURN(const ServedMethod* served, dispatcher_.Find(method));
  if (!served->unary) return UnimplementedError("not a unary method: " + method);
  auto state = std::make_shared<UnaryState>();
  const CallContext serving = ServingContext(context);
  const bool taken = pool_.TrySubmit([state, served, serving, request] {
    Result<PinnedBytes> answer = served->unary(serving, request);
    std::lock_guard lock(state->mutex);
    state->answer = std::move(answer);
    state->changed.notify_all();
  });
  if (!taken) return ResourceExhaustedError("too many calls are waiting");
  const auto registration = context.OnCancel([state] {
    std::lock_guard lock(state->mutex);
    state->cancelled = true;
    state->changed.notify_all();
  });
  std::unique_lock lock(state->mutex);
  const auto over = [&] { return state->answer.has_value() || state->cancelled; };
  if (context.deadline() == SteadyTime::max()) {
    state->changed.wait(lock, over);
  } else {
    state->changed.wait_until(lock, context.deadline(), over);
  }
  if (state->answer && !state->cancelled) return *state->answer;
  lock.unlock();
  serving.Cancel();
  Status why = context.Check();
  return why.ok() ? DeadlineExceededError("context deadline exceeded") : why;
}

std::unique_ptr<FrameReader> MemoryTransport::Stream(const CallContext& context,
                                                     const std::string& method, std::string request,
                                                     const StreamOptions& options) {
  Result<const ServedMethod*> served = dispatcher_.Find(method);
  if (!served.ok()) return std::make_unique<FailedReader>(served.status());
  auto stream = std::make_shared<MemoryStream>(&pool_, context, *served, std::move(request),
                                               options, target_);
  stream->Submit(&MemoryStream::Open);
  return std::make_unique<MemoryReader>(shared_from_this(), std::move(stream), context);
}

}  // namespace

std::shared_ptr<Transport> MakeMemoryTransport(std::string target, Services services) {
  return std::make_shared<MemoryTransport>(std::move(target), std::move(services));
}

}  // namespace thanos::rpc
