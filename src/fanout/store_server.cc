#include "fanout/store_server.h"

#include <algorithm>
#include <deque>

#include "series/filter.h"
#include "wire/series_frame.h"

namespace thanos::fanout {
namespace {

constexpr uint32_t kBatchSeriesMax = 10000;
// A frame is cut when its series pass this; one series may.
constexpr size_t kFrameBytes = 1 << 20;

struct ServerMetrics {
  metrics::Histogram series, chunks;
  metrics::Gauge pending;
};

// The frames of one Series call.
class SeriesStream : public rpc::FrameStream {
 public:
  SeriesStream(const CallContext& context, std::unique_ptr<SeriesCursor> cursor,
               const SelectRequest& request, const ServerMetrics& metrics)
      : context_(context),
        cursor_(std::move(cursor)),
        metrics_(metrics),
        frame_series_(std::clamp<uint32_t>(request.batch_series, 1, kBatchSeriesMax)),
        batched_(request.batch_series > 1),
        abort_(request.partial == PartialStrategy::kAbort) {
    metrics_.pending.Add(1);
  }
  ~SeriesStream() override {
    metrics_.pending.Add(-1);
    metrics_.series.Observe(static_cast<double>(series_));
    metrics_.chunks.Observe(static_cast<double>(chunks_));
  }

  Result<std::optional<base::PinnedBytes>> Next() override {
    using Frame = std::optional<base::PinnedBytes>;
    if (!started_) {
      started_ = true;
      cursor_->Start();
    }
    for (;;) {
      THANOS_RETURN_IF_ERROR(context_.Check());
      if (batch_ && at_ < batch_->series().size()) return NextFrame();
      if (!warnings_.empty()) {
        if (abort_) return AbortedError(warnings_.front());
        Frame frame = wire::EncodeWarningFrame(warnings_.front());
        warnings_.pop_front();
        return frame;
      }
      if (ended_) return Hints();
      THANOS_ASSIGN_OR_RETURN(batch_, cursor_->Next());
      at_ = 0;
      ended_ = batch_ == nullptr;
      for (std::string& warning : cursor_->TakeWarnings()) warnings_.push_back(std::move(warning));
      if (batch_) Count(*batch_);
    }
  }
  bool Ready() const override { return batch_ && at_ < batch_->series().size(); }

 private:
  Result<std::optional<base::PinnedBytes>> NextFrame() {
    const auto all = batch_->series();
    size_t count = 0, bytes = 0;
    while (at_ + count < all.size() && count < frame_series_ && bytes < kFrameBytes) {
      const SeriesView& series = all[at_ + count++];
      bytes += series.labels.encoded().size();
      for (const ChunkView& chunk : series.chunks) {
        for (const ChunkPart& part : chunk.parts) bytes += part.data.size() + 32;
      }
    }
    auto frame = wire::EncodeSeriesFrame(all.subspan(at_, count), batched_);
    at_ += count;
    if (!frame.ok()) return frame.status();
    return std::optional<base::PinnedBytes>(*std::move(frame));
  }

  Result<std::optional<base::PinnedBytes>> Hints() {
    const std::string& hints = cursor_->end().hints;
    if (hints_sent_ || hints.empty()) return std::optional<base::PinnedBytes>();
    hints_sent_ = true;
    return std::optional<base::PinnedBytes>(wire::EncodeHintsFrame(hints));
  }

  void Count(const SeriesBatch& batch) {
    series_ += batch.series().size();
    for (const SeriesView& series : batch.series()) chunks_ += series.chunks.size();
  }

  CallContext context_;
  std::unique_ptr<SeriesCursor> cursor_;
  ServerMetrics metrics_;
  const size_t frame_series_;
  const bool batched_, abort_;
  SeriesBatchRef batch_;
  size_t at_ = 0;
  std::deque<std::string> warnings_;
  bool started_ = false, ended_ = false, hints_sent_ = false;
  uint64_t series_ = 0, chunks_ = 0;
};

class StoreServer : public rpc::StoreService {
 public:
  StoreServer(std::shared_ptr<SeriesSource> source, StoreServerOptions options,
              metrics::Registry* registry)
      : source_(std::move(source)), options_(std::move(options)) {
    metrics_.series = registry->AddHistogram("thanos_store_server_series_requested",
                                             "Number of series requested for Series calls",
                                             {1, 10, 100, 1000, 10000, 100000, 1000000});
    metrics_.chunks = registry->AddHistogram(
        "thanos_store_server_chunks_requested", "Number of requested chunks for Series calls",
        {1, 100, 1000, 10000, 100000, 10000000, 100000000, 1000000000});
    metrics_.pending = registry->AddGauge("thanos_store_server_pending_series_requests",
                                          "Number of pending series requests");
  }

  Result<std::unique_ptr<rpc::FrameStream>> Series(const CallContext& context,
                                                   const SelectRequest& request) override {
    SelectRequest inner = request;
    // Whole frames: a batch that is no multiple of the frame would leave short ones in the middle.
    const uint32_t frame = std::clamp<uint32_t>(request.batch_series, 1, kBatchSeriesMax);
    constexpr uint32_t kReadSeries = 64;
    inner.batch_series = (kReadSeries + frame - 1) / frame * frame;
    const CallContext call = options_.budget
                                 ? context.WithBudget(Budget::Make("call", 0, "", options_.budget))
                                 : context;
    THANOS_ASSIGN_OR_RETURN(std::unique_ptr<SeriesCursor> cursor, source_->Select(call, inner));
    return std::unique_ptr<rpc::FrameStream>(
        std::make_unique<SeriesStream>(call, std::move(cursor), request, metrics_));
  }
  Result<LabelsResult> LabelNames(const CallContext& context,
                                  const LabelsRequest& request) override {
    return source_->LabelNames(context, request);
  }
  Result<LabelsResult> LabelValues(const CallContext& context, const std::string& label,
                                   const LabelsRequest& request) override {
    if (label.empty()) return InvalidArgumentError("label name parameter cannot be empty");
    const auto& without = request.without_labels;
    if (std::find(without.begin(), without.end(), label) != without.end()) return LabelsResult();
    return source_->LabelValues(context, label, request);
  }

 private:
  std::shared_ptr<SeriesSource> source_;
  StoreServerOptions options_;
  ServerMetrics metrics_;
};

class InfoServer : public rpc::InfoService {
 public:
  InfoServer(std::shared_ptr<SeriesSource> source, InfoServiceOptions options,
             std::function<bool()> ready)
      : source_(std::move(source)), options_(std::move(options)), ready_(std::move(ready)) {}

  Result<wire::InfoResponse> Info(const CallContext&) override {
    if (!ready_()) return UnknownError("Not ready");
    const SourceInfo source = source_->Info();
    wire::InfoResponse info;
    info.component = options_.component;
    info.label_sets = source.label_sets;
    info.store = wire::StoreInfo{.min_ms = source.min_ms,
                                 .max_ms = source.max_ms,
                                 .supports_sharding = true,
                                 .supports_without_replica_labels = true,
                                 .supports_projections = false,
                                 .tsdbs = source.tsdbs};
    info.rules = options_.rules;
    info.targets = options_.targets;
    info.metric_metadata = options_.metric_metadata;
    info.exemplars = options_.exemplars;
    info.query = options_.query;
    info.status = options_.status;
    return info;
  }

 private:
  std::shared_ptr<SeriesSource> source_;
  InfoServiceOptions options_;
  std::function<bool()> ready_;
};

}  // namespace

std::shared_ptr<rpc::StoreService> MakeStoreService(std::shared_ptr<SeriesSource> source,
                                                    StoreServerOptions options,
                                                    metrics::Registry* registry) {
  return std::make_shared<StoreServer>(std::move(source), std::move(options), registry);
}

std::shared_ptr<rpc::InfoService> MakeInfoService(std::shared_ptr<SeriesSource> source,
                                                  InfoServiceOptions options,
                                                  std::function<bool()> ready) {
  return std::make_shared<InfoServer>(std::move(source), std::move(options), std::move(ready));
}

}  // namespace thanos::fanout
