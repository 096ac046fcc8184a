#include "fanout/endpoint.h"

#include "base/time_text.h"
#include "series/batch_builder.h"
#include "wire/series_frame.h"

namespace thanos::fanout {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFailuresOfTheDead = 2;

// Frames of a Series call as batches: one batch a frame.
class RemoteCursor : public SeriesCursor {
 public:
  RemoteCursor(std::shared_ptr<rpc::Channel> channel, const std::string& address,
               const CallContext& context, const SelectRequest& request,
               std::chrono::nanoseconds frame_timeout)
      : channel_(std::move(channel)),
        context_(context.WithCancel()),
        request_(request),
        frame_timeout_(frame_timeout) {
    end_.peers.push_back({.address = address});
  }
  ~RemoteCursor() override { context_.Cancel(); }

  void Start() override {
    if (reader_) return;
    began_ = Clock::now();
    reader_ =
        channel_->Series(context_, request_,
                         {.window_bytes = request_.window_bytes, .frame_timeout = frame_timeout_});
  }

  Result<SeriesBatchRef> Next() override {
    Start();
    for (;;) {
      auto frame = reader_->Next();
      end_.peers[0].duration_ns = std::chrono::nanoseconds(Clock::now() - began_).count();
      if (!frame.ok()) return frame.status();
      if (!frame->has_value()) return SeriesBatchRef();
      const base::PinnedBytes& bytes = **frame;
      auto decoded = decoder_.Decode(bytes, 0, &builder_);
      if (!decoded.ok()) return decoded.status();
      Count(bytes.size(), decoded->series, decoded->chunks);
      if (!decoded->warning.empty()) warnings_.push_back(std::move(decoded->warning));
      if (!decoded->hints.empty()) end_.hints = std::move(decoded->hints);
      if (decoded->series > 0) return builder_.Build(context_.budget());
      if (!warnings_.empty() && request_.partial == PartialStrategy::kAbort) {
        return AbortedError(warnings_.front());
      }
    }
  }

  Warnings TakeWarnings() override { return std::exchange(warnings_, {}); }
  const SelectEnd& end() const override { return end_; }

 private:
  void Count(uint64_t bytes, uint64_t series, uint64_t chunks) {
    end_.bytes += bytes;
    end_.series += series;
    end_.chunks += chunks;
    PeerShare& share = end_.peers[0];
    ++share.responses;
    share.bytes = end_.bytes;
    share.series = end_.series;
    share.chunks = end_.chunks;
  }

  std::shared_ptr<rpc::Channel> channel_;
  CallContext context_;
  SelectRequest request_;
  std::chrono::nanoseconds frame_timeout_;
  std::unique_ptr<rpc::FrameReader> reader_;
  Clock::time_point began_;
  wire::SeriesFrameDecoder decoder_;
  series::BatchBuilder builder_;
  Warnings warnings_;
  SelectEnd end_;
};

bool Offers(const wire::InfoResponse& info, Api api) {
  switch (api) {
    case Api::kStore:
      return info.store.has_value();
    case Api::kRules:
      return info.rules;
    case Api::kTargets:
      return info.targets;
    case Api::kMetadata:
      return info.metric_metadata;
    case Api::kExemplars:
      return info.exemplars;
    case Api::kStatus:
      return info.status;
    case Api::kQuery:
      return info.query;
  }
  return false;
}

}  // namespace

Endpoint::Endpoint(std::shared_ptr<rpc::Channel> channel, bool strict,
                   std::chrono::nanoseconds response_timeout)
    : channel_(std::move(channel)),
      strict_(strict),
      response_timeout_(response_timeout),
      state_(std::make_shared<EndpointState>()) {}

std::shared_ptr<const EndpointState> Endpoint::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

bool Endpoint::healthy() const {
  const auto now = state();
  return now->ever_reached && now->failures < kFailuresOfTheDead;
}

bool Endpoint::queryable(Api api) const {
  const auto now = state();
  if (!now->ever_reached) return strict_ && api == Api::kStore;
  return (strict_ || now->failures < kFailuresOfTheDead) && Offers(now->info, api);
}

bool Endpoint::absent() const {
  const auto now = state();
  return now->ever_reached && now->info.store.has_value() && !queryable();
}

void Endpoint::Check(const CallContext& context) {
  if (checking_.exchange(true)) return;
  // Not waiting for a connection: a peer that is not there is known at once, and asked again soon.
  auto info = channel_->Info(context, /*wait_for_ready=*/false);
  EndpointState next = *state();
  if (info.ok()) {
    next.info = *std::move(info);
    next.ever_reached = true;
    next.last_check_ms = base::NowMs();
    next.last_error.clear();
    next.failures = 0;
  } else {
    ++next.failures;
    next.last_error = RpcErrorText(info.status());
  }
  {
    std::lock_guard lock(mutex_);
    state_ = std::make_shared<const EndpointState>(std::move(next));
  }
  checking_.store(false);
}

SourceInfo Endpoint::Info() const {
  const auto now = state();
  SourceInfo out;
  out.name = address();
  out.label_sets = now->info.label_sets;
  if (now->info.store) {
    out.min_ms = now->info.store->min_ms;
    out.max_ms = now->info.store->max_ms;
    out.supports_sharding = now->info.store->supports_sharding;
    out.supports_without_labels = now->info.store->supports_without_replica_labels;
    out.tsdbs = now->info.store->tsdbs;
  }
  return out;
}

Result<std::unique_ptr<SeriesCursor>> Endpoint::Select(const CallContext& context,
                                                       const SelectRequest& request) {
  return std::unique_ptr<SeriesCursor>(
      std::make_unique<RemoteCursor>(channel_, address(), context, request, response_timeout_));
}

Result<LabelsResult> Endpoint::LabelNames(const CallContext& context,
                                          const LabelsRequest& request) {
  return channel_->LabelNames(context, request);
}

Result<LabelsResult> Endpoint::LabelValues(const CallContext& context, const std::string& name,
                                           const LabelsRequest& request) {
  return channel_->LabelValues(context, name, request);
}

std::string DescribeSource(const SourceInfo& info, bool with_labels) {
  std::string text;
  if (with_labels) {
    for (const Labels& labels : info.label_sets) {
      text += (text.empty() ? "" : ",") + labels.ToString();
    }
    if (text.empty()) text = "Store Gateway";
    text += " ";
  }
  return text + "Addr: " + info.name + " MinTime: " + std::to_string(info.min_ms) +
         " MaxTime: " + std::to_string(info.max_ms);
}

Status OwnFailure(const CallContext& context, const Status& error) {
  THANOS_RETURN_IF_ERROR(context.Check());
  const bool no_memory = error.code() == StatusCode::kResourceExhausted &&
                         context.budget() != nullptr && context.budget()->refused();
  return no_memory ? error : OkStatus();
}

std::string RpcErrorText(const Status& status) {
  return "rpc error: code = " + std::string(StatusCodeName(status.code())) +
         " desc = " + std::string(status.message());
}

}  // namespace thanos::fanout
