#include "block/block_cursor.h"

#include <algorithm>
#include <deque>

#include "block/chunk_loader.h"
#include "chunk/aggregate.h"
#include "chunk/transcode.h"
#include "codec/byte_reader.h"
#include "codec/hash.h"
#include "series/batch_builder.h"
#include "series/filter.h"
#include "thanos/trace.h"

namespace thanos::block {
namespace {

constexpr Aggr kAscending[] = {Aggr::kCount, Aggr::kSum, Aggr::kMin, Aggr::kMax, Aggr::kCounter};
constexpr uint32_t kBatchMin = 128;
// Loaded at once from quick storage: what stays in a core's own cache until it is sent.
constexpr size_t kQuickFillBytes = 1 << 20;
// Chunks are copied out of reads that hold more than so many times their bytes, gaps mostly: these
// would stay alive with the batches.
constexpr uint64_t kSparseReads = 2;
constexpr const char* kAggrNames[] = {"raw", "count", "sum", "min", "max", "counter"};

struct Input {
  explicit Input(std::unique_ptr<SeriesStream> opened) : stream(std::move(opened)) {}
  std::unique_ptr<SeriesStream> stream;
  SeriesHead* head = nullptr;
  bool failed = false;
};

// What the batches of a fill borrow from.
struct HeldReads {
  std::vector<base::PinnedBytes> pieces;
  BudgetLease lease;
};

// One output series: where its chunks stand among the tasks of the fill.
struct Pending {
  std::string_view labels;
  std::shared_ptr<series::Arena> memory;  // What they lie in.
  size_t first_task = 0;
  size_t task_count = 0;
};

StreamRequest RequestFor(const BlockSelection& selection, const SelectRequest& request,
                         bool external_labels) {
  StreamRequest out;
  out.matchers = selection.matchers;
  out.min_ms = request.min_ms;
  out.max_ms = request.max_ms;
  out.remove = request.without_labels;
  out.limit = request.shard ? 0 : request.limit;  // A shard's share is not known beforehand.
  out.skip_chunks = request.skip_chunks;
  if (external_labels) {
    LabelsBuilder builder(selection.block->external_labels().view());
    for (const std::string& name : request.without_labels) builder.Remove(name);
    out.add = builder.Build();
  }
  return out;
}

class BlockCursor : public SeriesCursor {
 public:
  BlockCursor(const CallContext& context, std::vector<BlockSelection> selections,
              const SelectRequest& request, const BlockCursorOptions& options,
              std::shared_ptr<ReadLimiter> limiter)
      : span_(context, "bucket_store_merge_all"),
        context_(span_.Enter(context).WithCancel()),
        options_(options),
        limiter_(std::move(limiter)),
        aggregates_(request.aggregates),
        skip_chunks_(request.skip_chunks),
        limit_(request.limit),
        shard_(request.shard),
        batch_series_(std::max(request.batch_series, 1u)),
        window_bytes_(std::max<size_t>(request.window_bytes, 1)) {
    options_.read.limiter = limiter_.get();
    failure_ = options_.already_failed;
    options_.fill_series = std::max(options_.fill_series, batch_series_);
    // Entries held are a share of each block in what one would hold alone.
    const auto share =
        static_cast<uint32_t>(options_.read.batch_max / std::max<size_t>(selections.size(), 1));
    options_.read.batch_max =
        std::clamp(share, kBatchMin, std::max(options_.read.batch_max, kBatchMin));
    options_.read.batch_first = std::min(options_.read.batch_first, options_.read.batch_max);
    for (const BlockSelection& selection : selections) {
      // What the block's writer measured is mostly enough, and less than the general guess.
      const ThanosMeta& thanos = selection.block->meta().thanos;
      BlockReadOptions read = options_.read;
      if (thanos.series_size_max > 0) {
        read.series_bytes =
            std::min(read.series_bytes, static_cast<uint64_t>(thanos.series_size_max));
      }
      if (thanos.chunk_size_max > 0) {
        read.chunk_bytes = std::min(read.chunk_bytes, static_cast<uint64_t>(thanos.chunk_size_max));
      }
      inputs_.emplace_back(std::make_unique<SeriesStream>(
          context_, selection.block, RequestFor(selection, request, options_.external_labels),
          read));
    }
  }
  ~BlockCursor() override { context_.Cancel(); }

  void Start() override {}

  Result<SeriesBatchRef> Next() override {
    if (ready_.empty() && status_.ok() && !ended_) {
      status_ = Fill();
      if (!status_.ok()) ready_.clear();
    }
    if (!status_.ok()) return status_;
    if (ready_.empty()) return SeriesBatchRef();
    SeriesBatchRef batch = std::move(ready_.front());
    ready_.pop_front();
    return batch;
  }

  Warnings TakeWarnings() override { return std::exchange(warnings_, {}); }
  const SelectEnd& end() const override { return end_; }
  bool HasReady() const override { return !ready_.empty(); }

 private:
  Status Fill();
  void LoadAhead();
  Status Advance(Input& input);
  Status Fail(Input& input, const Status& status);
  Status CheckAnswered() const;
  size_t FillBytes() const;
  Status CollectFill(size_t* bytes);
  Result<bool> CollectSeries(size_t* bytes);
  Status LoadAndBuild(size_t bytes);
  Status Build(std::span<const Pending> pending, std::span<ChunkTask> tasks);
  Status AddChunk(series::BatchBuilder& builder, const Pending& series, ChunkTask& task);
  Status TransformPart(series::BatchBuilder& builder, const ChunkTask& task, ChunkPart* part,
                       chunk::FilteredChunk* filtered);

  Span span_;
  CallContext context_;
  BlockCursorOptions options_;
  std::shared_ptr<ReadLimiter> limiter_;
  const AggrSet aggregates_;
  const bool skip_chunks_;
  const uint64_t limit_;
  const std::optional<Shard> shard_;
  const uint32_t batch_series_;
  const size_t window_bytes_;
  std::vector<Input> inputs_;
  bool begun_ = false, ended_ = false;
  std::vector<Pending> pending_;  // Of a fill; they keep their memory for the next.
  std::vector<ChunkTask> tasks_;
  std::shared_ptr<HeldReads> held_;  // Of a fill whose chunks are not copied.
  Status status_;
  Status failure_;  // The last that was told in a warning only.
  std::deque<SeriesBatchRef> ready_;
  Warnings warnings_;
  SelectEnd end_;
};

Status BlockCursor::Fail(Input& input, const Status& status) {
  switch (status.code()) {
    case StatusCode::kCancelled:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kResourceExhausted:
      return status;
    default:
      break;
  }
  input.head = nullptr;
  if (input.failed) return OkStatus();
  input.failed = true;
  if (!options_.on_failure || !options_.on_failure(input.stream->block(), status)) return status;
  failure_ = status;
  warnings_.emplace_back(status.message());
  end_.partial = true;
  return OkStatus();
}

Status BlockCursor::Advance(Input& input) {
  input.head = nullptr;
  if (input.failed) return OkStatus();
  if (begun_ && input.stream->RunsLow()) LoadAhead();
  const auto head = input.stream->Next();
  if (!head.ok()) return Fail(input, head.status());
  input.head = *head;
  return OkStatus();
}

// Blocks of one query run out of entries at about the same time: what they need next is asked for
// at once, not one block after the other.
void BlockCursor::LoadAhead() {
  if (options_.read.executor == nullptr) return;
  std::vector<SeriesStream*> low;
  for (Input& input : inputs_) {
    if (!input.failed && input.stream->RunsLow()) low.push_back(input.stream.get());
  }
  if (low.size() < 2) return;
  (void)base::ParallelFor(options_.read.executor, low.size(), [&](size_t i) -> Status {
    low[i]->LoadAhead();
    return OkStatus();
  }).ok();
}

// The smallest label set of all inputs, with the chunks of every input that has it. A plain scan:
// blocks of one query are few, and those of one time range hold the same series.
Result<bool> BlockCursor::CollectSeries(size_t* bytes) {
  SeriesHead* smallest = nullptr;
  for (const Input& input : inputs_) {
    if (input.head == nullptr) continue;
    // Mostly all blocks have the same series next: equal bytes are equal sets.
    if (smallest == nullptr ||
        (input.head->labels != smallest->labels &&
         Compare(LabelsView(input.head->labels), LabelsView(smallest->labels)) < 0)) {
      smallest = input.head;
    }
  }
  if (smallest == nullptr) return false;
  Pending series;
  series.labels = smallest->labels;
  series.memory = smallest->memory;
  series.first_task = tasks_.size();
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    while (input.head != nullptr && input.head->labels == series.labels) {
      for (const WantedChunk& chunk : input.head->chunks) {
        if (skip_chunks_) break;
        ChunkTask& task = tasks_.emplace_back();
        task.stream = static_cast<uint32_t>(i);
        task.block = &input.stream->block();
        task.wanted = chunk;
        task.reference = input.head->reference;
        *bytes += chunk.bytes_guess;
      }
      THANOS_RETURN_IF_ERROR(Advance(input));
    }
  }
  series.task_count = tasks_.size() - series.first_task;
  if (shard_ && !series::InShard(*shard_, LabelsView(series.labels))) {
    tasks_.resize(series.first_task);
    return true;
  }
  pending_.push_back(std::move(series));
  return true;
}

size_t BlockCursor::FillBytes() const {
  const ReadPace* pace = options_.read.pace;
  if (pace != nullptr && pace->IsQuick()) return std::min(window_bytes_, kQuickFillBytes);
  if (pace != nullptr && pace->IsSlow()) return std::max(window_bytes_, options_.far_fill_bytes);
  return window_bytes_;  // Nothing is known yet.
}

// The series of one fill; `bytes` is what their chunks take.
Status BlockCursor::CollectFill(size_t* bytes) {
  const size_t window = FillBytes();
  while (pending_.size() < options_.fill_series && *bytes < window) {
    ended_ = limit_ != 0 && end_.series + pending_.size() >= limit_;
    if (ended_) return OkStatus();
    THANOS_ASSIGN_OR_RETURN(const bool more, CollectSeries(bytes));
    ended_ = !more;
    if (ended_) return OkStatus();
  }
  return OkStatus();
}

Status BlockCursor::Fill() {
  THANOS_RETURN_IF_ERROR(context_.Check());
  LoadAhead();
  if (!begun_) {
    begun_ = true;
    const Span span(context_, "bucket_store_preload_all");
    for (Input& input : inputs_) THANOS_RETURN_IF_ERROR(Advance(input));
  }
  while (ready_.empty() && !ended_) {
    pending_.clear();
    tasks_.clear();
    size_t bytes = 0;
    THANOS_RETURN_IF_ERROR(CollectFill(&bytes));
    if (ended_) THANOS_RETURN_IF_ERROR(CheckAnswered());
    if (pending_.empty()) break;
    THANOS_RETURN_IF_ERROR(LoadAndBuild(bytes));
    if (ended_) THANOS_RETURN_IF_ERROR(CheckAnswered());
  }
  return OkStatus();
}

// `bytes`: of the chunks, as far as it is known.
Status BlockCursor::LoadAndBuild(size_t bytes) {
  // The reads are charged while they are held.
  THANOS_ASSIGN_OR_RETURN(
      auto lease, BudgetLease::Take(context_.budget(), bytes + tasks_.size() * sizeof(ChunkTask)));
  std::vector<StreamFailure> failures;
  const Span span(context_, "bucket_store_load_chunks");
  span.Set("chunks", static_cast<int64_t>(tasks_.size()));
  THANOS_ASSIGN_OR_RETURN(ChunkReads reads,
                          LoadChunks(span.Enter(context_), tasks_, options_.read, &failures));
  for (const StreamFailure& failure : failures) {
    THANOS_RETURN_IF_ERROR(Fail(inputs_[failure.stream], failure.status));
  }
  if (reads.piece_bytes > bytes) THANOS_RETURN_IF_ERROR(lease.Grow(reads.piece_bytes - bytes));
  const bool dense = reads.piece_bytes <= kSparseReads * reads.chunk_bytes;
  if (dense) {
    held_ = std::make_shared<HeldReads>(HeldReads{std::move(reads.pieces), std::move(lease)});
  }
  const Status status = Build(pending_, tasks_);
  held_.reset();
  tasks_.clear();
  return status;
}

// Where every block that has such series failed, warnings alone would look like an answer that
// knows there is nothing.
Status BlockCursor::CheckAnswered() const {
  if (failure_.ok()) return OkStatus();
  const bool answered = std::any_of(inputs_.begin(), inputs_.end(), [](const Input& input) {
    return !input.failed && input.stream->postings_count() > 0;
  });
  return answered ? OkStatus() : failure_;
}

// Deleted samples are taken out, new encodings rewritten; the result is the batch's own.
Status BlockCursor::TransformPart(series::BatchBuilder& builder, const ChunkTask& task,
                                  ChunkPart* part, chunk::FilteredChunk* filtered) {
  if (task.wanted.touched) {
    const auto deleted = task.block->tombstones().Of(task.reference);
    THANOS_ASSIGN_OR_RETURN(
        *filtered, chunk::FilterSamples(part->encoding, part->data,
                                        [&](int64_t t) { return !TouchesRange(deleted, t, t); }));
    part->data = builder.CopyBytes(codec::AsBytes(filtered->data));
    part->encoding = chunk::TranscodedEncoding(part->encoding);
  } else if (options_.transcode && chunk::NeedsTranscoding(part->encoding)) {
    THANOS_ASSIGN_OR_RETURN(const std::string data, chunk::Transcode(part->encoding, part->data));
    part->data = builder.CopyBytes(codec::AsBytes(data));
    part->encoding = chunk::TranscodedEncoding(part->encoding);
  } else if (!held_) {
    part->data = builder.CopyBytes(part->data);
  }
  if (options_.chunk_hashes) part->hash = codec::Xxh64(part->data);
  return OkStatus();
}

Status BlockCursor::AddChunk(series::BatchBuilder& builder, const Pending& series,
                             ChunkTask& task) {
  ChunkPart parts[5];
  size_t count = 0;
  if (task.encoding != ChunkEncoding::kAggregate) {
    parts[count++] = {Aggr::kRaw, task.encoding, 0, task.data};
  } else {
    for (const Aggr aggregate : kAscending) {
      if (!aggregates_.Has(aggregate)) continue;
      THANOS_ASSIGN_OR_RETURN(const chunk::AggregatePart part,
                              chunk::ReadAggregate(task.data, aggregate));
      if (!part.present()) {
        return FailedPreconditionError(
            std::string("aggregate ") + kAggrNames[static_cast<int>(aggregate)] +
            " does not exist in the chunks of series " + LabelsView(series.labels).ToString());
      }
      parts[count++] = {aggregate, part.encoding, 0, part.data};
    }
  }
  int64_t min_ms = task.wanted.meta.min_ms, max_ms = task.wanted.meta.max_ms;
  for (size_t i = 0; i < count; ++i) {
    chunk::FilteredChunk filtered;
    THANOS_RETURN_IF_ERROR(TransformPart(builder, task, &parts[i], &filtered));
    if (task.wanted.touched && parts[i].aggr == Aggr::kRaw) {
      if (filtered.samples == 0) return OkStatus();
      min_ms = filtered.min_ms;
      max_ms = filtered.max_ms;
    }
    end_.bytes += parts[i].data.size();
  }
  builder.AddChunk(min_ms, max_ms, task.stream, std::span(parts, count));
  ++end_.chunks;
  return OkStatus();
}

namespace {

// Blocks that overlap may hold the same chunk: sorted by time, copies stand close together.
void SortAcrossBlocks(std::span<ChunkTask> tasks) {
  if (tasks.empty() || tasks.front().stream == tasks.back().stream) return;
  const auto before = [](const ChunkTask& a, const ChunkTask& b) {
    const auto &x = a.wanted.meta, &y = b.wanted.meta;
    return x.min_ms != y.min_ms ? x.min_ms < y.min_ms : x.max_ms < y.max_ms;
  };
  if (std::is_sorted(tasks.begin(), tasks.end(), before)) return;
  std::stable_sort(tasks.begin(), tasks.end(), before);
}

bool IsCopy(std::span<const ChunkTask> tasks, size_t at) {
  const ChunkTask& task = tasks[at];
  for (size_t i = at; i-- > 0;) {
    const ChunkTask& other = tasks[i];
    if (other.wanted.meta.min_ms != task.wanted.meta.min_ms ||
        other.wanted.meta.max_ms != task.wanted.meta.max_ms) {
      return false;
    }
    if (other.stream != task.stream && other.encoding == task.encoding && !other.wanted.touched &&
        !task.wanted.touched && codec::AsText(other.data) == codec::AsText(task.data)) {
      return true;
    }
  }
  return false;
}

}  // namespace

Status BlockCursor::Build(std::span<const Pending> pending, std::span<ChunkTask> tasks) {
  series::BatchBuilder builder;
  for (size_t i = 0; i < pending.size(); ++i) {
    const Pending& series = pending[i];
    builder.BeginSeries(LabelsView(series.labels));
    bool any = skip_chunks_;
    const std::span<ChunkTask> own = tasks.subspan(series.first_task, series.task_count);
    SortAcrossBlocks(own);
    for (size_t at = 0; at < own.size(); ++at) {
      ChunkTask& task = own[at];
      if (task.encoding == ChunkEncoding::kNone) continue;  // Its block failed.
      any = true;
      if (IsCopy(own, at)) continue;
      Status status = AddChunk(builder, series, task);
      if (status.code() == StatusCode::kDataLoss) {
        // Written wrong, for its checksum holds: a fault of the block, as any other.
        THANOS_RETURN_IF_ERROR(
            Fail(inputs_[task.stream], status.WithContext("block " + task.block->id())));
        continue;
      }
      if (!status.ok()) {
        return status.WithContext("block " + task.block->id() + ", series " +
                                  LabelsView(series.labels).ToString());
      }
    }
    if (any) {
      builder.EndSeries();
      ++end_.series;
      end_.bytes += series.labels.size();
    }
    if (builder.series_count() >= batch_series_ ||
        (i + 1 == pending.size() && builder.series_count() > 0)) {
      if (held_) builder.Pin(held_, 0);  // Charged once, for all batches.
      THANOS_ASSIGN_OR_RETURN(SeriesBatchRef batch, builder.Build(context_.budget()));
      ready_.push_back(std::move(batch));
    }
  }
  return OkStatus();
}

}  // namespace

std::unique_ptr<SeriesCursor> MakeBlockCursor(const CallContext& context,
                                              std::vector<BlockSelection> selections,
                                              const SelectRequest& request,
                                              const BlockCursorOptions& options,
                                              std::shared_ptr<ReadLimiter> limiter) {
  return std::make_unique<BlockCursor>(context, std::move(selections), request, options,
                                       std::move(limiter));
}

}  // namespace thanos::block
