#include "compaction/series_merge.h"

#include <algorithm>

#include "chunk/aggregate.h"
#include "chunk/decode.h"
#include "chunk/transcode.h"
#include "codec/byte_reader.h"

namespace thanos::compaction {
namespace {

using block::ChunkMeta;
using block::MergeChunk;
using Chunks = std::vector<HeldChunk>;

bool SameChunk(const HeldChunk& a, const HeldChunk& b) {
  return a.min_ms == b.min_ms && a.max_ms == b.max_ms && a.encoding == b.encoding &&
         a.data.size() == b.data.size() && std::equal(a.data.begin(), a.data.end(), b.data.begin());
}

bool InOrder(const HeldChunk& a, const HeldChunk& b) { return a.max_ms < b.min_ms; }

bool AllFloats(std::span<const Chunks> lists) {
  return std::all_of(lists.begin(), lists.end(), [](const Chunks& list) {
    return std::all_of(list.begin(), list.end(), [](const HeldChunk& chunk) {
      return chunk.encoding == ChunkEncoding::kXor;
    });
  });
}

// A copy of its own, in an encoding that every reader knows: what overlaps is merged in those only.
Result<MergeChunk> Owned(const HeldChunk& chunk) {
  MergeChunk out{chunk.min_ms, chunk.max_ms, chunk.encoding, ""};
  if (chunk::NeedsTranscoding(chunk.encoding)) {
    THANOS_ASSIGN_OR_RETURN(out.data, chunk::Transcode(chunk.encoding, chunk.data));
    out.encoding = chunk::TranscodedEncoding(chunk.encoding);
  } else {
    out.data = codec::AsText(chunk.data);
  }
  return out;
}

}  // namespace

Result<uint32_t> CountSamples(ChunkEncoding encoding, std::span<const std::byte> data) {
  if (encoding == ChunkEncoding::kAggregate) return chunk::AggregateSampleCount(data);
  return chunk::SampleCount(encoding, data);
}

Status SeriesMerger::Write(const CallContext& context, std::span<BlockInput* const> inputs,
                           std::vector<ChunkMeta>* metas) {
  writer_->chunks().BeginSeries();
  THANOS_RETURN_IF_ERROR(IsPlain(inputs) ? CopyAll(context, inputs) : MergeAll(context, inputs));
  const size_t before = metas->size();
  writer_->chunks().EndSeries(metas);
  writer_->CountChunks(metas->size() - before);
  return OkStatus();
}

// One after the other in time, nothing deleted, nothing behind the end of its block.
bool SeriesMerger::IsPlain(std::span<BlockInput* const> inputs) const {
  int64_t last_ms = INT64_MIN;
  bool first = true;
  for (const BlockInput* input : inputs) {
    if (!input->deleted().empty()) return false;
    for (const ChunkMeta& chunk : input->chunks()) {
      if ((!first && chunk.min_ms <= last_ms) || chunk.min_ms >= input->meta().max_ms) return false;
      last_ms = chunk.max_ms;
      first = false;
    }
  }
  return true;
}

Status SeriesMerger::CopyAll(const CallContext& context, std::span<BlockInput* const> inputs) {
  for (BlockInput* input : inputs) {
    for (const ChunkMeta& chunk : input->chunks()) {
      THANOS_ASSIGN_OR_RETURN(const auto frame, input->chunk_stream().Read(context, chunk.ref));
      const auto samples = CountSamples(frame.chunk.encoding, frame.chunk.data);
      if (!samples.ok()) return samples.status().WithContext(input->directory());
      counts_.samples_read += *samples;
      writer_->CountSamples(frame.chunk.encoding, *samples);
      THANOS_RETURN_IF_ERROR(writer_->chunks().CopyChunk(chunk.min_ms, chunk.max_ms, frame.bytes,
                                                         frame.chunk.data.size()));
    }
  }
  return OkStatus();
}

Status SeriesMerger::MergeAll(const CallContext& context, std::span<BlockInput* const> inputs) {
  THANOS_ASSIGN_OR_RETURN(BudgetLease lease, BudgetLease::Take(context.budget(), 0));
  arena_.Reset();
  lists_.resize(inputs.size());
  size_t filled = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    lists_[i].clear();
    Status status = LoadInput(context, *inputs[i], &lease, &lists_[i]);
    if (status.ok()) status = Repair(&lists_[i]);
    THANOS_RETURN_IF_ERROR(status.WithContext(inputs[i]->directory()));
    filled += !lists_[i].empty();
  }
  if (rule_ == OverlapRule::kIdentical) THANOS_RETURN_IF_ERROR(CheckIdentical(inputs, lists_));
  Chunks merged;
  if (filled > 1) {
    counts_.series_merged += rule_ != OverlapRule::kIdentical;
    THANOS_RETURN_IF_ERROR(MergeLists(lists_, MergeOf(rule_), &merged));
  } else {
    for (const Chunks& list : lists_) merged.insert(merged.end(), list.begin(), list.end());
  }
  for (const HeldChunk& chunk : merged) {
    THANOS_ASSIGN_OR_RETURN(const uint32_t samples, CountSamples(chunk.encoding, chunk.data));
    writer_->CountSamples(chunk.encoding, samples);
    THANOS_RETURN_IF_ERROR(
        writer_->chunks().AddChunk({chunk.min_ms, chunk.max_ms, chunk.encoding, chunk.data}));
  }
  return OkStatus();
}

Status SeriesMerger::LoadInput(const CallContext& context, BlockInput& input, BudgetLease* lease,
                               Chunks* out) {
  size_t charged = 0;
  for (const ChunkMeta& meta : input.chunks()) {
    if (meta.min_ms >= input.meta().max_ms) {
      ++counts_.chunks_outside;
      continue;
    }
    if (CoversRange(input.deleted(), meta.min_ms, meta.max_ms)) {
      ++counts_.chunks_dropped;
      continue;
    }
    THANOS_ASSIGN_OR_RETURN(const auto frame, input.chunk_stream().Read(context, meta.ref));
    // Unknown encodings are refused here.
    THANOS_ASSIGN_OR_RETURN(const uint32_t samples,
                            CountSamples(frame.chunk.encoding, frame.chunk.data));
    counts_.samples_read += samples;
    // Its bytes twice, since what is merged has as much room again, and columns of its samples.
    charged += 2 * frame.chunk.data.size() + 3 * sizeof(int64_t) * samples;
    if (charged > lease->bytes()) THANOS_RETURN_IF_ERROR(lease->Grow(charged + (64 << 10)));
    HeldChunk chunk{meta.min_ms, meta.max_ms, frame.chunk.encoding, arena_.Copy(frame.chunk.data)};
    THANOS_ASSIGN_OR_RETURN(const bool left, ApplyDeletions(input, &chunk));
    if (left) out->push_back(chunk);
  }
  return OkStatus();
}

// False: nothing is left.
Result<bool> SeriesMerger::ApplyDeletions(BlockInput& input, HeldChunk* chunk) {
  const auto deleted = input.deleted();
  if (!TouchesRange(deleted, chunk->min_ms, chunk->max_ms)) return true;
  if (chunk->encoding == ChunkEncoding::kAggregate) {
    return FailedPreconditionError("a deletion touches a downsampled chunk");
  }
  THANOS_ASSIGN_OR_RETURN(const chunk::FilteredChunk kept,
                          chunk::FilterSamples(chunk->encoding, chunk->data, [&](int64_t t) {
                            return !CoversRange(deleted, t, t);
                          }));
  if (kept.samples == 0) {
    ++counts_.chunks_dropped;
    return false;
  }
  *chunk = {kept.min_ms, kept.max_ms, chunk::TranscodedEncoding(chunk->encoding),
            arena_.Copy(codec::AsBytes(kept.data))};
  return true;
}

// Chunks of one block, as old or broken writers leave them: sorted, each once, overlaps merged.
Status SeriesMerger::Repair(Chunks* chunks) {
  const auto disorder = [](const HeldChunk& a, const HeldChunk& b) { return !InOrder(a, b); };
  if (std::adjacent_find(chunks->begin(), chunks->end(), disorder) == chunks->end()) {
    return OkStatus();
  }
  ++counts_.series_repaired;
  std::stable_sort(chunks->begin(), chunks->end(), [](const HeldChunk& a, const HeldChunk& b) {
    return a.min_ms != b.min_ms ? a.min_ms < b.min_ms : a.max_ms < b.max_ms;
  });
  std::vector<Chunks> lists;
  for (const HeldChunk& chunk : *chunks) {
    const auto fits = std::find_if(lists.begin(), lists.end(), [&](const Chunks& list) {
      return InOrder(list.back(), chunk) || SameChunk(list.back(), chunk);
    });
    if (fits == lists.end()) {
      lists.emplace_back().push_back(chunk);
    } else if (!SameChunk(fits->back(), chunk)) {
      fits->push_back(chunk);
    }
  }
  chunks->clear();
  return MergeLists(lists, block::OverlapMerge::kChain, chunks);
}

// A chunk in the common time of two blocks must be in both. The lists are in order.
Status SeriesMerger::CheckIdentical(std::span<BlockInput* const> inputs,
                                    const std::vector<Chunks>& lists) const {
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (size_t j = 0; j < inputs.size(); ++j) {
      if (i == j) continue;
      const block::BlockMeta& other = inputs[j]->meta();
      for (const HeldChunk& chunk : lists[i]) {
        if (chunk.max_ms < other.min_ms || chunk.min_ms >= other.max_ms) continue;
        const auto twin = std::lower_bound(
            lists[j].begin(), lists[j].end(), chunk.min_ms,
            [](const HeldChunk& one, int64_t min_ms) { return one.min_ms < min_ms; });
        if (twin != lists[j].end() && SameChunk(*twin, chunk)) continue;
        return FailedPreconditionError(
            "blocks " + inputs[i]->meta().ulid.ToString() + " and " + other.ulid.ToString() +
            " overlap and have different samples between " + std::to_string(chunk.min_ms) +
            " and " + std::to_string(chunk.max_ms));
      }
    }
  }
  return OkStatus();
}

// Appends to `out`. Each list is in order.
Status SeriesMerger::MergeLists(std::span<const Chunks> lists, block::OverlapMerge merge,
                                Chunks* out) {
  if (AllFloats(lists)) {
    FloatMerger& merger = merge == MergeOf(rule_) ? floats_ : repairs_;
    return merger.Merge(lists, &arena_, out);
  }
  std::vector<std::vector<MergeChunk>> owned;
  for (const Chunks& list : lists) {
    if (list.empty()) continue;
    auto& to = owned.emplace_back();
    for (const HeldChunk& chunk : list) {
      THANOS_ASSIGN_OR_RETURN(MergeChunk one, Owned(chunk));
      to.push_back(std::move(one));
    }
  }
  THANOS_ASSIGN_OR_RETURN(const auto merged, block::MergeSeriesChunks(owned, merge));
  for (const MergeChunk& chunk : merged) {
    out->push_back(
        {chunk.min_ms, chunk.max_ms, chunk.encoding, arena_.Copy(codec::AsBytes(chunk.data))});
  }
  return OkStatus();
}

}  // namespace thanos::compaction
