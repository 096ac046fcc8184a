#include "compaction/block_merge.h"

#include <algorithm>
#include <memory>
#include <mutex>

#include "block/block_writer.h"
#include "compaction/batch_reader.h"
#include "compaction/ordered_stages.h"
#include "compaction/series_coarsener.h"
#include "downsampling/coarse_block_writer.h"

namespace thanos::compaction {
namespace {

using downsampling::CoarseBlockWriter;

// Charged at once, since a charge costs more than a symbol.
constexpr size_t kLeaseStep = 64 << 10;

// The blocks that come out, and what was counted. One thread at a time.
class Outputs {
 public:
  static Result<std::unique_ptr<Outputs>> Create(const CallContext& context,
                                                 const MergeRequest& request);
  Status AddSymbol(std::string_view text);
  /// The series of a batch, in order.
  Status Write(const MergeBatch& batch);
  Result<MergedBlock> Finish(block::BlockMeta meta);

 private:
  explicit Outputs(const MergeRequest& request) : request_(request) {}
  Status WriteSeries(std::span<const block::SymbolPair> labels,
                     std::span<const ResultChunk> chunks);
  Status WriteCoarser(const MergeBatch& batch);
  void DropCoarser(Status why);
  Status Lease(size_t bytes);

  const MergeRequest& request_;
  std::unique_ptr<block::BlockWriter> writer_;
  std::vector<std::unique_ptr<CoarseBlockWriter>> coarser_;
  std::vector<block::ChunkMeta> metas_;
  uint64_t series_ = 0;
  MergedBlock out_;
  BudgetLease lease_;  // Of what the writers keep.
  size_t unleased_ = 0;
};

Result<std::unique_ptr<Outputs>> Outputs::Create(const CallContext& context,
                                                 const MergeRequest& request) {
  std::unique_ptr<Outputs> outputs(new Outputs(request));
  THANOS_ASSIGN_OR_RETURN(outputs->lease_, BudgetLease::Take(context.budget(), 0));
  THANOS_ASSIGN_OR_RETURN(
      outputs->writer_,
      block::BlockWriter::Create(
          request.parent, request.id,
          {.write_tombstones = false, .index_limits = request.limits, .durable = false}));
  for (const CoarserBlock& coarser : request.coarser) {
    THANOS_ASSIGN_OR_RETURN(
        auto writer, CoarseBlockWriter::Create(request.parent, coarser.id, block::kSegmentBytesMax,
                                               /*durable=*/false));
    outputs->coarser_.push_back(std::move(writer));
  }
  return outputs;
}

Status Outputs::Lease(size_t bytes) {
  unleased_ += bytes * (1 + coarser_.size());
  if (unleased_ < kLeaseStep) return OkStatus();
  return lease_.Grow(std::exchange(unleased_, 0));
}

Status Outputs::AddSymbol(std::string_view text) {
  THANOS_RETURN_IF_ERROR(Lease(text.size() + 2 * sizeof(uint32_t)));
  THANOS_RETURN_IF_ERROR(writer_->AddSymbol(text));
  for (const auto& coarser : coarser_) THANOS_RETURN_IF_ERROR(coarser->AddSymbol(text));
  return OkStatus();
}

Status Outputs::WriteSeries(std::span<const block::SymbolPair> labels,
                            std::span<const ResultChunk> chunks) {
  block::ChunkWriter& to = writer_->chunks();
  to.BeginSeries();
  for (const ResultChunk& one : chunks) {
    const block::NewChunk& chunk = one.chunk;
    writer_->CountSamples(chunk.encoding, one.samples);
    THANOS_RETURN_IF_ERROR(
        one.frame.empty() ? to.AddChunk(chunk)
                          : to.CopyChunk(chunk.min_ms, chunk.max_ms, one.frame, chunk.data.size()));
  }
  metas_.clear();
  to.EndSeries(&metas_);
  writer_->CountChunks(metas_.size());
  if (metas_.empty()) return OkStatus();
  ++series_;
  THANOS_RETURN_IF_ERROR(Lease(labels.size() * sizeof(uint32_t)));
  return writer_->index().AddSeries(labels, metas_);
}

Status Outputs::WriteCoarser(const MergeBatch& batch) {
  for (size_t k = 0; k < coarser_.size(); ++k) {
    const CoarserSeries& from = batch.coarser[k];
    for (size_t i = 0; i < batch.size(); ++i) {
      THANOS_RETURN_IF_ERROR(
          coarser_[k]->AddSeries(batch.labels[i], from.chunks[i], from.samples[i]));
    }
  }
  return OkStatus();
}

// The merge goes on without: a downsampling is done anew where it did not come of itself.
void Outputs::DropCoarser(Status why) {
  out_.coarser_status = std::move(why);
  coarser_.clear();
}

Status Outputs::Write(const MergeBatch& batch) {
  for (size_t i = 0; i < batch.size(); ++i) {
    THANOS_RETURN_IF_ERROR(WriteSeries(batch.labels[i], batch.result[i]));
  }
  out_.counts += batch.counts;
  if (coarser_.empty()) return OkStatus();
  Status status = batch.coarser_status.ok() ? WriteCoarser(batch) : batch.coarser_status;
  if (!status.ok()) DropCoarser(std::move(status));
  return OkStatus();
}

Result<MergedBlock> Outputs::Finish(block::BlockMeta meta) {
  if (series_ == 0) {
    coarser_.clear();
    return std::move(out_);
  }
  meta.thanos = request_.thanos;
  THANOS_ASSIGN_OR_RETURN(out_.meta, writer_->Finish(std::move(meta)));
  const block::BlockMeta* source = &*out_.meta;
  out_.coarser.reserve(coarser_.size());
  for (size_t k = 0; k < coarser_.size(); ++k) {
    auto made = coarser_[k]->Finish(*source, request_.coarser[k].resolution_ms);
    if (!made.ok()) {
      out_.coarser.clear();
      DropCoarser(made.status());
      break;
    }
    source = &out_.coarser.emplace_back(*std::move(made));
  }
  return std::move(out_);
}

// Writes the union of all symbols and tells each input what number its symbols have there.
Status MergeSymbols(const CallContext& context, const Inputs& inputs, Outputs& outputs) {
  std::vector<uint32_t> next(inputs.size());
  std::vector<std::vector<uint32_t>> numbers(inputs.size());
  InputHeap heap([&](size_t a, size_t b) {
    return inputs[a]->symbols().At(next[a]) <=> inputs[b]->symbols().At(next[b]);
  });
  for (size_t i = 0; i < inputs.size(); ++i) {
    numbers[i].reserve(inputs[i]->symbols().size());
    if (inputs[i]->symbols().size() > 0) heap.Push(i);
  }
  constexpr uint32_t kCheckEvery = 1 << 16;
  for (uint32_t number = 0; !heap.empty(); ++number) {
    if (number % kCheckEvery == 0) THANOS_RETURN_IF_ERROR(context.Check());
    const std::string_view text = inputs[heap.top()]->symbols().At(next[heap.top()]);
    THANOS_RETURN_IF_ERROR(outputs.AddSymbol(text));
    while (!heap.empty() && inputs[heap.top()]->symbols().At(next[heap.top()]) == text) {
      const size_t input = heap.Pop();
      numbers[input].push_back(number);
      if (++next[input] < inputs[input]->symbols().size()) heap.Push(input);
    }
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    THANOS_RETURN_IF_ERROR(inputs[i]->TranslateSymbols(context, std::move(numbers[i])));
  }
  return OkStatus();
}

// What one thread needs to work on a batch.
struct Worker {
  Worker(const MergeRequest& request, std::span<const int64_t> coarser)
      : merger(request.rule), coarsener(request.thanos.resolution_ms, coarser) {}
  SeriesMerger merger;
  SeriesCoarsener coarsener;
};

// Lends workers, as many as are used at once. Thread-safe.
class WorkerPool {
 public:
  explicit WorkerPool(const MergeRequest& request) : request_(request) {
    for (const CoarserBlock& one : request.coarser) coarser_.push_back(one.resolution_ms);
  }
  Status Work(const CallContext& context, MergeBatch* batch) {
    std::unique_ptr<Worker> worker = Take();
    const Status status = worker->merger.Merge(context, batch);
    if (status.ok() && !coarser_.empty()) worker->coarsener.Run(context, batch);
    std::lock_guard lock(mutex_);
    idle_.push_back(std::move(worker));
    return status;
  }

 private:
  std::unique_ptr<Worker> Take() {
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto worker = std::move(idle_.back());
        idle_.pop_back();
        return worker;
      }
    }
    return std::make_unique<Worker>(request_, coarser_);
  }
  const MergeRequest& request_;
  std::vector<int64_t> coarser_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> idle_;  // Guarded by mutex_.
};

// kOutOfRange says that the result does not fit its format, never that an input ends too early.
Status OfInput(const Status& status) {
  if (status.code() != StatusCode::kOutOfRange) return status;
  return DataLossError(std::string(status.message()));
}

// Reads on this thread, merges on this and the helpers, writes in order.
Status MergeSeries(const CallContext& context, const MergeRequest& request, const Inputs& inputs,
                   Outputs& outputs) {
  BatchReader reader(inputs);
  THANOS_RETURN_IF_ERROR(OfInput(reader.Begin(context)));
  WorkerPool workers(request);
  const size_t helpers = request.helpers == nullptr ? 0 : request.helpers->threads();
  OrderedStages<MergeBatch> stages(
      request.helpers, 1 + 2 * helpers,
      [&](MergeBatch& batch) { return workers.Work(context, &batch); },
      [&](MergeBatch& batch) { return outputs.Write(batch); });
  while (true) {
    THANOS_ASSIGN_OR_RETURN(auto batch, stages.Next());
    const auto more = reader.Fill(context, batch.get());
    if (!more.ok()) {
      THANOS_RETURN_IF_ERROR(stages.Finish());  // What was read before has its errors first.
      return OfInput(more.status());
    }
    if (!*more) return stages.Finish();
    stages.Push(std::move(batch));
  }
}

}  // namespace

block::BlockMeta ResultMeta(const std::vector<const block::BlockMeta*>& sources, base::Ulid id) {
  block::BlockMeta meta;
  meta.ulid = id;
  meta.min_ms = INT64_MAX;
  meta.max_ms = INT64_MIN;
  for (const block::BlockMeta* one : sources) {
    meta.min_ms = std::min(meta.min_ms, one->min_ms);
    meta.max_ms = std::max(meta.max_ms, one->max_ms);
    meta.compaction.level = std::max(meta.compaction.level, one->compaction.level);
    meta.compaction.sources.insert(meta.compaction.sources.end(), one->compaction.sources.begin(),
                                   one->compaction.sources.end());
    meta.compaction.parents.push_back({one->ulid, one->min_ms, one->max_ms});
  }
  ++meta.compaction.level;
  auto& all = meta.compaction.sources;
  // The rewrite of one block has the same sources: its own id among them makes it, not the block
  // it replaces, the one that covers the other, for every reader of metas.
  if (sources.size() == 1) all.push_back(id);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return meta;
}

Result<MergedBlock> MergeBlocks(const CallContext& context, const MergeRequest& request) {
  Inputs inputs;
  std::vector<const block::BlockMeta*> metas;
  for (size_t i = 0; i < request.directories.size(); ++i) {
    const bool unsorted = i < request.unsorted_labels.size() && request.unsorted_labels[i];
    const ChunkSource chunks = i < request.chunks.size() ? request.chunks[i] : ChunkSource();
    auto input = BlockInput::Open(context, request.directories[i], unsorted, chunks);
    if (!input.ok()) return OfInput(input.status());
    inputs.push_back(*std::move(input));
    metas.push_back(&inputs.back()->meta());
  }
  THANOS_ASSIGN_OR_RETURN(const auto outputs, Outputs::Create(context, request));
  THANOS_RETURN_IF_ERROR(MergeSymbols(context, inputs, *outputs));
  THANOS_RETURN_IF_ERROR(MergeSeries(context, request, inputs, *outputs));
  return outputs->Finish(ResultMeta(metas, request.id));
}

}  // namespace thanos::compaction
