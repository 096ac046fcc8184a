#include "compaction/series_merge.h"

#include <algorithm>

#include "chunk/aggregate.h"
#include "chunk/decode.h"
#include "chunk/transcode.h"
#include "codec/byte_reader.h"
#include "compaction/merge_batch.h"

namespace thanos::compaction {
namespace {

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

MergeCounts& MergeCounts::operator+=(const MergeCounts& other) {
  samples_read += other.samples_read;
  chunks_outside += other.chunks_outside;
  chunks_dropped += other.chunks_dropped;
  series_repaired += other.series_repaired;
  series_merged += other.series_merged;
  return *this;
}

Status SeriesMerger::Merge(const CallContext& context, MergeBatch* batch) {
  size_t first_source = 0;
  for (size_t i = 0; i < batch->size(); ++i) {
    THANOS_RETURN_IF_ERROR(context.Check());
    const auto sources = batch->sources[i];
    THANOS_RETURN_IF_ERROR(batch->plain[i] ? CopyAll(first_source, sources, batch)
                                           : MergeAll(context, first_source, sources, batch));
    batch->result.End();
    first_source += sources.size();
  }
  return OkStatus();
}

Status SeriesMerger::CopyAll(size_t first_source, std::span<const SeriesSource> sources,
                             MergeBatch* batch) {
  for (size_t i = 0; i < sources.size(); ++i) {
    for (const SourceChunk& chunk : batch->chunks[first_source + i]) {
      const auto samples = CountSamples(chunk.encoding, chunk.data);
      if (!samples.ok()) return samples.status().WithContext(*sources[i].directory);
      batch->counts.samples_read += *samples;
      batch->result.Add(
          {{chunk.min_ms, chunk.max_ms, chunk.encoding, chunk.data}, chunk.frame, *samples});
    }
  }
  return OkStatus();
}

Status SeriesMerger::MergeAll(const CallContext& context, size_t first_source,
                              std::span<const SeriesSource> sources, MergeBatch* batch) {
  THANOS_ASSIGN_OR_RETURN(BudgetLease columns, BudgetLease::Take(context.budget(), 0));
  lists_.resize(sources.size());
  size_t filled = 0;
  for (size_t i = 0; i < sources.size(); ++i) {
    lists_[i].clear();
    Status status =
        LoadSource(sources[i], batch->chunks[first_source + i], &columns, batch, &lists_[i]);
    if (status.ok()) status = Repair(batch, &lists_[i]);
    THANOS_RETURN_IF_ERROR(status.WithContext(*sources[i].directory));
    filled += !lists_[i].empty();
  }
  if (rule_ == OverlapRule::kIdentical) THANOS_RETURN_IF_ERROR(CheckIdentical(sources));
  Chunks merged;
  if (filled > 1) {
    batch->counts.series_merged += rule_ != OverlapRule::kIdentical;
    THANOS_RETURN_IF_ERROR(MergeLists(lists_, MergeOf(rule_), &batch->arena, &merged));
  } else {
    for (const Chunks& list : lists_) merged.insert(merged.end(), list.begin(), list.end());
  }
  for (const HeldChunk& chunk : merged) {
    THANOS_ASSIGN_OR_RETURN(const uint32_t samples, CountSamples(chunk.encoding, chunk.data));
    batch->result.Add({{chunk.min_ms, chunk.max_ms, chunk.encoding, chunk.data}, {}, samples});
  }
  return OkStatus();
}

Status SeriesMerger::LoadSource(const SeriesSource& source, std::span<const SourceChunk> chunks,
                                BudgetLease* columns, MergeBatch* batch, Chunks* out) {
  for (const SourceChunk& one : chunks) {
    // Unknown encodings are refused here.
    THANOS_ASSIGN_OR_RETURN(const uint32_t samples, CountSamples(one.encoding, one.data));
    batch->counts.samples_read += samples;
    THANOS_RETURN_IF_ERROR(columns->Grow(3 * sizeof(int64_t) * samples));
    // What is merged has as much room again.
    THANOS_RETURN_IF_ERROR(batch->lease.Grow(one.data.size()));
    HeldChunk chunk{one.min_ms, one.max_ms, one.encoding, one.data};
    THANOS_ASSIGN_OR_RETURN(const bool left, ApplyDeletions(source, batch, &chunk));
    if (left) out->push_back(chunk);
  }
  return OkStatus();
}

// False: nothing is left.
Result<bool> SeriesMerger::ApplyDeletions(const SeriesSource& source, MergeBatch* batch,
                                          HeldChunk* chunk) {
  const auto deleted = source.deleted;
  if (!TouchesRange(deleted, chunk->min_ms, chunk->max_ms)) return true;
  if (chunk->encoding == ChunkEncoding::kAggregate) {
    return FailedPreconditionError("a deletion touches a downsampled chunk");
  }
  THANOS_ASSIGN_OR_RETURN(const chunk::FilteredChunk kept,
                          chunk::FilterSamples(chunk->encoding, chunk->data, [&](int64_t t) {
                            return !CoversRange(deleted, t, t);
                          }));
  if (kept.samples == 0) {
    ++batch->counts.chunks_dropped;
    return false;
  }
  *chunk = {kept.min_ms, kept.max_ms, chunk::TranscodedEncoding(chunk->encoding),
            batch->arena.Copy(codec::AsBytes(kept.data))};
  return true;
}

// Chunks of one block, as old or broken writers leave them: sorted, each once, overlaps merged.
Status SeriesMerger::Repair(MergeBatch* batch, Chunks* chunks) {
  const auto disorder = [](const HeldChunk& a, const HeldChunk& b) { return !InOrder(a, b); };
  if (std::adjacent_find(chunks->begin(), chunks->end(), disorder) == chunks->end()) {
    return OkStatus();
  }
  ++batch->counts.series_repaired;
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
  return MergeLists(lists, block::OverlapMerge::kChain, &batch->arena, chunks);
}

// A chunk in the common time of two blocks must be in both. The lists are in order.
Status SeriesMerger::CheckIdentical(std::span<const SeriesSource> sources) const {
  for (size_t i = 0; i < sources.size(); ++i) {
    for (size_t j = 0; j < sources.size(); ++j) {
      if (i == j) continue;
      const block::BlockMeta& other = *sources[j].meta;
      const Chunks& list = lists_[j];
      for (const HeldChunk& chunk : lists_[i]) {
        if (chunk.max_ms < other.min_ms || chunk.min_ms >= other.max_ms) continue;
        const auto twin = std::lower_bound(
            list.begin(), list.end(), chunk.min_ms,
            [](const HeldChunk& one, int64_t min_ms) { return one.min_ms < min_ms; });
        if (twin != list.end() && SameChunk(*twin, chunk)) continue;
        return FailedPreconditionError(
            "blocks " + sources[i].meta->ulid.ToString() + " and " + other.ulid.ToString() +
            " overlap and have different samples between " + std::to_string(chunk.min_ms) +
            " and " + std::to_string(chunk.max_ms));
      }
    }
  }
  return OkStatus();
}

// Appends to `out`. Each list is in order.
Status SeriesMerger::MergeLists(std::span<const Chunks> lists, block::OverlapMerge merge,
                                ChunkArena* arena, Chunks* out) {
  if (AllFloats(lists)) {
    FloatMerger& merger = merge == MergeOf(rule_) ? floats_ : repairs_;
    return merger.Merge(lists, arena, out);
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
        {chunk.min_ms, chunk.max_ms, chunk.encoding, arena->Copy(codec::AsBytes(chunk.data))});
  }
  return OkStatus();
}

}  // namespace thanos::compaction
