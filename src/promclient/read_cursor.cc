#include "promclient/read_cursor.h"

#include <condition_variable>
#include <deque>
#include <mutex>

#include "chunk/transcode.h"
#include "chunk/xor.h"
#include "codec/byte_reader.h"
#include "codec/compression.h"
#include "series/filter.h"

namespace thanos::promclient {
namespace {

using base::PinnedBytes;

constexpr size_t kSamplesPerChunk = 120;
constexpr size_t kSampledBytesMax = 512 << 20;  // Of an answer of samples, packed and unpacked.
constexpr size_t kBatchBytes = 1 << 20;         // A batch is handed on when it holds this much.
constexpr std::string_view kUnordered = "series carry labels that external labels replace";
constexpr std::string_view kSampledType = "application/x-protobuf";
constexpr std::string_view kStreamedType =
    "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

// Errors of a remote read are kUnknown, as Go's: but for what the caller itself has to know.
Status ReadError(const Status& status) {
  const std::string text = "query Prometheus: " + std::string(status.message());
  switch (status.code()) {
    case StatusCode::kCancelled:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kResourceExhausted:
    case StatusCode::kDataLoss:
    case StatusCode::kFailedPrecondition:
      return Status(status.code(), text);
    default:
      return UnknownError(text);
  }
}

// The reading half: runs on the pool, one task at a time, and stops between two frames while the
// window is full.
class Reading : public std::enable_shared_from_this<Reading> {
 public:
  Reading(const CallContext& context, base::Executor* pool, ReadPlan plan)
      : context_(context.WithCancel()),
        pool_(pool),
        plan_(std::move(plan)),
        change_(plan_.external, plan_.without) {}

  void Submit() {
    if (pool_->TrySubmit([self = shared_from_this()] { self->Run(); })) return;
    End(ResourceExhaustedError("too many reads of " + plan_.client->url() + " are waiting"));
  }
  Result<SeriesBatchRef> Next();
  void Cancel();
  Warnings TakeWarnings() {
    std::lock_guard lock(mutex_);
    return std::exchange(warnings_, {});
  }
  SelectEnd TakeEnd() {
    std::lock_guard lock(mutex_);
    return totals_;
  }

 private:
  void Run();
  Status Open();
  /// One frame, or all samples. *ended at the end of the body.
  Status Step(bool* ended);
  Status ReadSamples();
  Status TakeFrame(const PinnedBytes& payload);
  Status TakeSampled(const wire::SampledSeries& series);
  Status AddChunk(const ChunkView& chunk, const PinnedBytes& payload);
  Status BeginSeries(LabelsView labels);
  Status FinishSeries();
  Status Emit(std::vector<PendingSeries> ready);
  Status BuildBatch();
  void Deliver(SeriesBatchRef batch);
  void End(Status status);
  bool LimitReached() const { return plan_.ordered && plan_.limit > 0 && emitted_ >= plan_.limit; }

  const CallContext context_;
  base::Executor* const pool_;
  const ReadPlan plan_;

  // The task's.
  std::unique_ptr<net::ClientStream> stream_;
  std::optional<wire::ReadFrameReader> frames_;
  wire::ReadFrameDecoder decoder_;
  LabelChange change_;
  OrderStack stack_;
  bool sampled_ = false;
  bool open_ = false;        // current_ holds a series.
  std::string current_own_;  // Its labels as Prometheus sends them.
  PendingSeries current_;
  std::string last_emitted_;  // The final labels last emitted.
  uint64_t emitted_ = 0;
  series::BatchBuilder builder_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<SeriesBatchRef> queue_;  // Guarded by mutex_, as all below.
  size_t queued_bytes_ = 0;
  std::optional<Status> end_;
  bool cancelled_ = false;
  bool parked_ = false;
  Warnings warnings_;
  SelectEnd totals_;
};

void Reading::Run() {
  Status status = context_.Check();
  if (status.ok() && stream_ == nullptr) status = Open();
  bool ended = false;
  while (status.ok() && !ended) {
    {
      std::lock_guard lock(mutex_);
      if (cancelled_) break;
      if (queued_bytes_ >= plan_.window_bytes) {
        parked_ = true;
        return;
      }
    }
    status = Step(&ended);
  }
  if (status.ok()) status = BuildBatch();
  frames_.reset();
  stream_.reset();
  End(status.ok() ? status : ReadError(status));
}

Status Reading::Open() {
  THANOS_ASSIGN_OR_RETURN(stream_, plan_.client->RemoteRead(context_, plan_.query));
  const std::string_view type = stream_->headers().Get("Content-Type");
  sampled_ = type.starts_with(kSampledType);
  if (sampled_) return OkStatus();
  if (!type.starts_with(kStreamedType)) {
    return UnknownError("not supported remote read content type: " + std::string(type));
  }
  frames_.emplace(stream_.get());
  return OkStatus();
}

Status Reading::Step(bool* ended) {
  if (sampled_) {
    THANOS_RETURN_IF_ERROR(ReadSamples());
    *ended = true;
  } else {
    THANOS_ASSIGN_OR_RETURN(std::optional<PinnedBytes> payload, frames_->Next());
    *ended = !payload.has_value();
    if (payload) THANOS_RETURN_IF_ERROR(TakeFrame(*payload));
  }
  if (*ended) {
    THANOS_RETURN_IF_ERROR(FinishSeries());
    std::vector<PendingSeries> rest;
    stack_.Flush(&rest);
    THANOS_RETURN_IF_ERROR(Emit(std::move(rest)));
  }
  *ended |= LimitReached();
  return OkStatus();
}

Status Reading::TakeFrame(const PinnedBytes& payload) {
  return decoder_.Decode(codec::AsText(payload.bytes()),
                         [&](int64_t query, const SeriesView& series) {
                           if (query != 0)
                             return DataLossError("frame of query " + std::to_string(query));
                           THANOS_RETURN_IF_ERROR(BeginSeries(series.labels));
                           for (const ChunkView& chunk : series.chunks) {
                             THANOS_RETURN_IF_ERROR(AddChunk(chunk, payload));
                           }
                           return OkStatus();
                         });
}

// A frame that goes on with the series before it continues it.
Status Reading::BeginSeries(LabelsView labels) {
  if (open_ && LabelsView(current_own_) == labels) return OkStatus();
  THANOS_RETURN_IF_ERROR(FinishSeries());
  open_ = true;
  current_own_ = labels.encoded();
  return OkStatus();
}

Status Reading::AddChunk(const ChunkView& chunk, const PinnedBytes& payload) {
  ChunkPart part = chunk.parts[0];
  PinnedBytes owner = payload;
  if (chunk::NeedsTranscoding(part.encoding)) {
    THANOS_ASSIGN_OR_RETURN(std::string bytes, chunk::Transcode(part.encoding, part.data));
    owner = PinnedBytes::Of(std::move(bytes));
    part.encoding = chunk::TranscodedEncoding(part.encoding);
    part.data = owner.bytes();
  }
  if (current_.payloads.empty() ||
      current_.payloads.back().bytes().data() != owner.bytes().data()) {
    current_.payloads.push_back(owner);
  }
  current_.chunks.push_back({chunk.min_ms, chunk.max_ms, 0, {}});
  current_.parts.push_back(part);
  return OkStatus();
}

Status Reading::FinishSeries() {
  if (!open_) return OkStatus();
  open_ = false;
  PendingSeries series = std::exchange(current_, {});
  const LabelChange::Kind kind = change_.Apply(LabelsView(current_own_), &series.labels);
  std::vector<PendingSeries> ready;
  if (!plan_.ordered) {
    ready.push_back(std::move(series));
  } else if (kind == LabelChange::Kind::kPlain) {
    stack_.Push(std::move(series), &ready);
  } else {
    if (plan_.on_unordered) plan_.on_unordered();
    return FailedPreconditionError(std::string(kUnordered));
  }
  return Emit(std::move(ready));
}

Status Reading::Emit(std::vector<PendingSeries> ready) {
  for (const PendingSeries& series : ready) {
    const LabelsView labels(series.labels);
    if (plan_.ordered && emitted_ > 0 && Compare(LabelsView(last_emitted_), labels) >= 0) {
      if (plan_.on_unordered) plan_.on_unordered();
      return FailedPreconditionError(std::string(kUnordered));
    }
    if (plan_.shard && !series::InShard(*plan_.shard, labels)) continue;
    if (LimitReached()) return OkStatus();
    last_emitted_ = series.labels;
    ++emitted_;
    series.AppendTo(&builder_);
    {
      std::lock_guard lock(mutex_);
      ++totals_.series;
      totals_.chunks += series.chunks.size();
      for (const ChunkPart& part : series.parts) totals_.bytes += part.data.size();
    }
    if (builder_.series_count() >= plan_.batch_series || builder_.bytes() >= kBatchBytes) {
      THANOS_RETURN_IF_ERROR(BuildBatch());
    }
  }
  return OkStatus();
}

Status Reading::BuildBatch() {
  if (builder_.series_count() == 0) return OkStatus();
  THANOS_ASSIGN_OR_RETURN(SeriesBatchRef batch, builder_.Build(context_.budget()));
  Deliver(std::move(batch));
  return OkStatus();
}

Status Reading::ReadSamples() {
  // Charged before they are unpacked: twice the packed size is there while they are.
  THANOS_ASSIGN_OR_RETURN(std::string packed, stream_->ReadAll(kSampledBytesMax));
  THANOS_ASSIGN_OR_RETURN(BudgetLease lease, BudgetLease::Take(context_.budget(), packed.size()));
  THANOS_ASSIGN_OR_RETURN(std::string bytes, codec::SnappyDecompress(packed, kSampledBytesMax));
  THANOS_RETURN_IF_ERROR(lease.Grow(2 * bytes.size()));
  THANOS_ASSIGN_OR_RETURN(auto results, wire::DecodeReadResponse(bytes));
  if (results.size() != 1) {
    return DataLossError("unexpected result size " + std::to_string(results.size()));
  }
  for (const wire::SampledSeries& series : results[0]) {
    THANOS_RETURN_IF_ERROR(context_.Check());
    THANOS_RETURN_IF_ERROR(TakeSampled(series));
  }
  return OkStatus();
}

Status Reading::TakeSampled(const wire::SampledSeries& series) {
  // Prometheus has streamed chunks, histograms among them, since 2.13: this is for what is older.
  if (series.t.empty() || !series.histograms.empty()) {
    std::lock_guard lock(mutex_);
    warnings_.push_back(
        "series " + series.labels.ToString() +
        (series.t.empty() ? " without float samples is" : ": its native histograms are") +
        " left out of an answer of samples");
  }
  if (series.t.empty()) return OkStatus();
  THANOS_RETURN_IF_ERROR(BeginSeries(series.labels));
  for (size_t at = 0; at < series.t.size(); at += kSamplesPerChunk) {
    const size_t count = std::min(kSamplesPerChunk, series.t.size() - at);
    std::string bytes(chunk::XorBytesMax(count), '\0');
    bytes.resize(chunk::EncodeXor(series.t.data() + at, series.v.data() + at, count,
                                  reinterpret_cast<std::byte*>(bytes.data())));
    const PinnedBytes owner = PinnedBytes::Of(std::move(bytes));
    const ChunkPart part{Aggr::kRaw, ChunkEncoding::kXor, 0, owner.bytes()};
    THANOS_RETURN_IF_ERROR(
        AddChunk({series.t[at], series.t[at + count - 1], 0, {&part, 1}}, owner));
  }
  return OkStatus();
}

void Reading::Deliver(SeriesBatchRef batch) {
  std::lock_guard lock(mutex_);
  queued_bytes_ += batch->charged_bytes();
  queue_.push_back(std::move(batch));
  changed_.notify_all();
}

void Reading::End(Status status) {
  std::lock_guard lock(mutex_);
  if (!end_) end_ = std::move(status);
  changed_.notify_all();
}

Result<SeriesBatchRef> Reading::Next() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (Status own = context_.Check(); !own.ok()) return ReadError(own);
    if (!queue_.empty()) {
      SeriesBatchRef batch = std::move(queue_.front());
      queue_.pop_front();
      queued_bytes_ -= batch->charged_bytes();
      const bool resume = parked_ && queued_bytes_ < plan_.window_bytes;
      if (resume) parked_ = false;
      lock.unlock();
      if (resume) Submit();
      return batch;
    }
    if (end_) return end_->ok() ? Result<SeriesBatchRef>(SeriesBatchRef()) : *end_;
    if (context_.deadline() == SteadyTime::max()) {
      changed_.wait(lock);
    } else {
      changed_.wait_until(lock, context_.deadline());
    }
  }
}

void Reading::Cancel() {
  bool resume = false;
  {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    resume = parked_;  // So that a task lets the connection go.
    parked_ = false;
    changed_.notify_all();
  }
  context_.Cancel();
  if (resume) Submit();
}

class ReadCursor : public SeriesCursor {
 public:
  ReadCursor(const CallContext& context, base::Executor* pool, ReadPlan plan)
      : reading_(std::make_shared<Reading>(context, pool, std::move(plan))),
        registration_(context.OnCancel([reading = reading_] { reading->Cancel(); })) {}
  ~ReadCursor() override { reading_->Cancel(); }

  void Start() override {
    if (!std::exchange(started_, true)) reading_->Submit();
  }
  Result<SeriesBatchRef> Next() override {
    Start();
    Result<SeriesBatchRef> batch = reading_->Next();
    if (batch.ok() && !*batch) end_ = reading_->TakeEnd();
    return batch;
  }
  Warnings TakeWarnings() override { return reading_->TakeWarnings(); }
  const SelectEnd& end() const override { return end_; }

 private:
  const std::shared_ptr<Reading> reading_;
  const CallContext::Registration registration_;
  bool started_ = false;
  SelectEnd end_;
};

}  // namespace

bool IsUnorderedRead(const Status& status) {
  return status.code() == StatusCode::kFailedPrecondition &&
         status.message().find(kUnordered) != std::string_view::npos;
}

std::unique_ptr<SeriesCursor> MakeReadCursor(const CallContext& context, base::Executor* pool,
                                             ReadPlan plan) {
  return std::make_unique<ReadCursor>(context, pool, std::move(plan));
}

}  // namespace thanos::promclient
