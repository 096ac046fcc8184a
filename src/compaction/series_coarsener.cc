#include "compaction/series_coarsener.h"

namespace thanos::compaction {

SeriesCoarsener::SeriesCoarsener(int64_t from_ms, std::span<const int64_t> resolutions_ms) {
  for (const int64_t to_ms : resolutions_ms) {
    stages_.push_back(std::make_unique<downsampling::SeriesDownsampler>(from_ms, to_ms));
    from_ms = to_ms;
  }
}

void SeriesCoarsener::Run(const CallContext& context, MergeBatch* batch) {
  batch->coarser.resize(stages_.size());
  for (size_t i = 0; i < batch->size() && batch->coarser_status.ok(); ++i) {
    batch->coarser_status = context.Check();
    if (batch->coarser_status.ok()) batch->coarser_status = OneSeries(context, i, batch);
  }
}

Status SeriesCoarsener::OneSeries(const CallContext& context, size_t series, MergeBatch* batch) {
  inputs_.clear();
  for (const ResultChunk& one : batch->result[series]) {
    const block::NewChunk& chunk = one.chunk;
    inputs_.push_back({chunk.min_ms, chunk.max_ms, chunk.encoding, chunk.data});
  }
  for (size_t i = 0; i < stages_.size(); ++i) {
    CoarserSeries& out = batch->coarser[i];
    uint64_t samples = 0;
    if (!inputs_.empty()) {
      THANOS_RETURN_IF_ERROR(stages_[i]->Run(inputs_, {}));
      inputs_.clear();
      samples = stages_[i]->sample_count();
      for (block::NewChunk chunk : stages_[i]->chunks()) {
        THANOS_RETURN_IF_ERROR(batch->lease.Grow(chunk.data.size()));
        chunk.data = batch->arena.Copy(chunk.data);
        out.chunks.Add(chunk);
        inputs_.push_back({chunk.min_ms, chunk.max_ms, chunk.encoding, chunk.data});
      }
    }
    out.chunks.End();
    out.samples.push_back(samples);
  }
  return LeaseMemory(context);
}

// What the largest series so far needed stays charged: the buffers stay.
Status SeriesCoarsener::LeaseMemory(const CallContext& context) {
  size_t held = 0;
  for (const auto& stage : stages_) held += stage->held_bytes();
  if (held <= lease_.bytes()) return OkStatus();
  if (lease_.bytes() > 0) return lease_.Grow(held - lease_.bytes());
  THANOS_ASSIGN_OR_RETURN(lease_, BudgetLease::Take(context.budget(), held));
  return OkStatus();
}

}  // namespace thanos::compaction
