#include "compaction/batch_reader.h"

#include <algorithm>

namespace thanos::compaction {
namespace {

using block::ChunkMeta;

// A batch is small, since several are under way, and large enough to hide what handing it on costs.
constexpr uint64_t kBatchBytes = 128 << 10;
constexpr size_t kBatchSeries = 1024;
// Where chunks lie in no order each of them pins a piece of its file.
constexpr uint64_t kBatchPinnedBytes = 2 << 20;
constexpr uint64_t kPiecesPinned = 2;  // Of each input, where they are large.

}  // namespace

std::strong_ordering BatchReader::Order::operator()(size_t a, size_t b) const {
  const auto x = (*inputs)[a]->labels(), y = (*inputs)[b]->labels();
  return std::lexicographical_compare_three_way(
      x.begin(), x.end(), y.begin(), y.end(),
      [](const block::SymbolPair& p, const block::SymbolPair& q) {
        return p.name != q.name ? p.name <=> q.name : p.value <=> q.value;
      });
}

BatchReader::BatchReader(const Inputs& inputs) : inputs_(inputs), heap_(Order{&inputs}) {
  for (const auto& input : inputs) pinned_max_ += kPiecesPinned * input->piece_bytes();
  pinned_max_ = std::max(pinned_max_, kBatchPinnedBytes);
}

Status BatchReader::Begin(const CallContext& context) {
  for (size_t i = 0; i < inputs_.size(); ++i) THANOS_RETURN_IF_ERROR(Advance(context, i));
  return OkStatus();
}

Status BatchReader::Advance(const CallContext& context, size_t input) {
  THANOS_ASSIGN_OR_RETURN(const bool more, inputs_[input]->Next(context));
  if (more) heap_.Push(input);
  return OkStatus();
}

Result<bool> BatchReader::Fill(const CallContext& context, MergeBatch* batch) {
  THANOS_RETURN_IF_ERROR(context.Check());
  THANOS_ASSIGN_OR_RETURN(batch->lease, BudgetLease::Take(context.budget(), 0));
  pinned_.assign(inputs_.size(), nullptr);
  while (!heap_.empty() && batch->chunk_bytes < kBatchBytes && batch->size() < kBatchSeries &&
         batch->pinned_bytes < pinned_max_) {
    THANOS_RETURN_IF_ERROR(TakeSeries(context, batch));
  }
  return batch->size() > 0;
}

Status BatchReader::TakeSeries(const CallContext& context, MergeBatch* batch) {
  const Order order{&inputs_};
  equal_.assign(1, heap_.Pop());
  while (!heap_.empty() && order(heap_.top(), equal_[0]) == 0) equal_.push_back(heap_.Pop());
  for (const block::SymbolPair& label : inputs_[equal_[0]]->labels()) batch->labels.Add(label);
  batch->labels.End();
  const bool plain = IsPlain();
  batch->plain.push_back(plain);
  for (const size_t input : equal_) {
    const BlockInput& one = *inputs_[input];
    batch->sources.Add({&one.meta(), &one.directory(), one.deleted()});
    const Status status = ReadChunks(context, input, plain, batch);
    if (!status.ok()) return status.WithContext(one.directory());
  }
  batch->sources.End();
  for (const size_t input : equal_) THANOS_RETURN_IF_ERROR(Advance(context, input));
  return OkStatus();
}

// One after the other in time, nothing deleted, nothing behind the end of its block.
bool BatchReader::IsPlain() const {
  int64_t last_ms = INT64_MIN;
  bool first = true;
  for (const size_t i : equal_) {
    const BlockInput& input = *inputs_[i];
    if (!input.deleted().empty()) return false;
    for (const ChunkMeta& chunk : input.chunks()) {
      if ((!first && chunk.min_ms <= last_ms) || chunk.min_ms >= input.meta().max_ms) return false;
      last_ms = chunk.max_ms;
      first = false;
    }
  }
  return true;
}

Status BatchReader::ReadChunks(const CallContext& context, size_t index, bool plain,
                               MergeBatch* batch) {
  BlockInput& input = *inputs_[index];
  for (const ChunkMeta& meta : input.chunks()) {
    if (!plain && meta.min_ms >= input.meta().max_ms) {
      ++batch->counts.chunks_outside;
      continue;
    }
    if (!plain && block::CoversRange(input.deleted(), meta.min_ms, meta.max_ms)) {
      ++batch->counts.chunks_dropped;
      continue;
    }
    THANOS_ASSIGN_OR_RETURN(auto frame, input.chunk_stream().Read(context, meta.ref));
    batch->chunks.Add(
        {meta.min_ms, meta.max_ms, frame.chunk.encoding, frame.chunk.data, frame.bytes});
    batch->chunk_bytes += frame.bytes.size();
    if (pinned_[index] == frame.pin.owner().get()) continue;
    pinned_[index] = frame.pin.owner().get();
    batch->pinned_bytes += frame.pin.size();
    THANOS_RETURN_IF_ERROR(batch->lease.Grow(frame.pin.size()));
    batch->pins.push_back(std::move(frame.pin));
  }
  batch->chunks.End();
  return OkStatus();
}

}  // namespace thanos::compaction
