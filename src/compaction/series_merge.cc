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

std::span<const std::byte> BytesOf(const MergeChunk& chunk) { return codec::AsBytes(chunk.data); }

bool SameChunk(const MergeChunk& a, const MergeChunk& b) {
  return a.min_ms == b.min_ms && a.max_ms == b.max_ms && a.encoding == b.encoding &&
         a.data == b.data;
}

// Overlapping samples are merged in the encodings that every reader knows.
Status ToKnownEncoding(MergeChunk* chunk) {
  if (!chunk::NeedsTranscoding(chunk->encoding)) return OkStatus();
  THANOS_ASSIGN_OR_RETURN(chunk->data, chunk::Transcode(chunk->encoding, BytesOf(*chunk)));
  chunk->encoding = chunk::TranscodedEncoding(chunk->encoding);
  return OkStatus();
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
      THANOS_ASSIGN_OR_RETURN(const StoredFrame frame, input->source().Read(context, chunk.ref));
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
  std::vector<Chunks> lists;
  for (BlockInput* input : inputs) {
    auto chunks = LoadInput(context, *input, &lease);
    if (chunks.ok()) chunks = Repair(std::move(*chunks));
    if (!chunks.ok()) return chunks.status().WithContext(input->directory());
    lists.push_back(std::move(*chunks));
  }
  THANOS_ASSIGN_OR_RETURN(const Chunks merged, MergeInputs(inputs, std::move(lists)));
  for (const MergeChunk& chunk : merged) {
    THANOS_ASSIGN_OR_RETURN(const uint32_t samples, CountSamples(chunk.encoding, BytesOf(chunk)));
    writer_->CountSamples(chunk.encoding, samples);
    THANOS_RETURN_IF_ERROR(
        writer_->chunks().AddChunk({chunk.min_ms, chunk.max_ms, chunk.encoding, BytesOf(chunk)}));
  }
  return OkStatus();
}

Result<SeriesMerger::Chunks> SeriesMerger::LoadInput(const CallContext& context, BlockInput& input,
                                                     BudgetLease* lease) {
  Chunks chunks;
  chunks.reserve(input.chunks().size());
  for (const ChunkMeta& meta : input.chunks()) {
    if (meta.min_ms >= input.meta().max_ms) {
      ++counts_.chunks_outside;
      continue;
    }
    if (CoversRange(input.deleted(), meta.min_ms, meta.max_ms)) {
      ++counts_.chunks_dropped;
      continue;
    }
    THANOS_ASSIGN_OR_RETURN(const StoredFrame frame, input.source().Read(context, meta.ref));
    // Unknown encodings are refused here.
    THANOS_ASSIGN_OR_RETURN(const uint32_t samples,
                            CountSamples(frame.chunk.encoding, frame.chunk.data));
    counts_.samples_read += samples;
    // Twice: what is merged has as much room again.
    THANOS_RETURN_IF_ERROR(lease->Grow(2 * (frame.chunk.data.size() + sizeof(MergeChunk))));
    MergeChunk chunk{meta.min_ms, meta.max_ms, frame.chunk.encoding,
                     std::string(codec::AsText(frame.chunk.data))};
    THANOS_RETURN_IF_ERROR(ApplyDeletions(input, &chunk));
    if (!chunk.data.empty()) chunks.push_back(std::move(chunk));
  }
  return chunks;
}

// Leaves no data when nothing is left.
Status SeriesMerger::ApplyDeletions(BlockInput& input, MergeChunk* chunk) {
  const auto deleted = input.deleted();
  if (!TouchesRange(deleted, chunk->min_ms, chunk->max_ms)) return OkStatus();
  if (chunk->encoding == ChunkEncoding::kAggregate) {
    return FailedPreconditionError("a deletion touches a downsampled chunk");
  }
  THANOS_ASSIGN_OR_RETURN(chunk::FilteredChunk kept,
                          chunk::FilterSamples(chunk->encoding, BytesOf(*chunk), [&](int64_t t) {
                            return !CoversRange(deleted, t, t);
                          }));
  if (kept.samples == 0) {
    ++counts_.chunks_dropped;
    chunk->data.clear();
    return OkStatus();
  }
  *chunk = {kept.min_ms, kept.max_ms, chunk::TranscodedEncoding(chunk->encoding),
            std::move(kept.data)};
  return OkStatus();
}

// Chunks of one block, as old or broken writers leave them: sorted, each once, overlaps merged.
Result<SeriesMerger::Chunks> SeriesMerger::Repair(Chunks chunks) {
  const auto ordered = [](const MergeChunk& a, const MergeChunk& b) { return a.max_ms < b.min_ms; };
  if (std::adjacent_find(chunks.begin(), chunks.end(), [&](const auto& a, const auto& b) {
        return !ordered(a, b);
      }) == chunks.end()) {
    return chunks;
  }
  ++counts_.series_repaired;
  std::stable_sort(chunks.begin(), chunks.end(), [](const MergeChunk& a, const MergeChunk& b) {
    return a.min_ms != b.min_ms ? a.min_ms < b.min_ms : a.max_ms < b.max_ms;
  });
  std::vector<Chunks> lists;
  for (MergeChunk& chunk : chunks) {
    const auto fits = std::find_if(lists.begin(), lists.end(), [&](const Chunks& list) {
      return ordered(list.back(), chunk) || SameChunk(list.back(), chunk);
    });
    if (fits == lists.end()) {
      lists.emplace_back().push_back(std::move(chunk));
    } else if (!SameChunk(fits->back(), chunk)) {
      fits->push_back(std::move(chunk));
    }
  }
  if (lists.size() == 1) return std::move(lists[0]);
  for (Chunks& list : lists) {
    for (MergeChunk& chunk : list) THANOS_RETURN_IF_ERROR(ToKnownEncoding(&chunk));
  }
  return block::MergeSeriesChunks(lists, block::OverlapMerge::kChain);
}

// A chunk in the common time of two blocks must be in both.
Status SeriesMerger::CheckIdentical(std::span<BlockInput* const> inputs,
                                    const std::vector<Chunks>& lists) const {
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (size_t j = 0; j < inputs.size(); ++j) {
      if (i == j) continue;
      const block::BlockMeta& other = inputs[j]->meta();
      for (const MergeChunk& chunk : lists[i]) {
        if (chunk.max_ms < other.min_ms || chunk.min_ms >= other.max_ms) continue;
        const auto twin = std::find_if(lists[j].begin(), lists[j].end(),
                                       [&](const auto& one) { return SameChunk(one, chunk); });
        if (twin != lists[j].end()) continue;
        return FailedPreconditionError(
            "blocks " + inputs[i]->meta().ulid.ToString() + " and " + other.ulid.ToString() +
            " overlap and have different samples between " + std::to_string(chunk.min_ms) +
            " and " + std::to_string(chunk.max_ms));
      }
    }
  }
  return OkStatus();
}

Result<SeriesMerger::Chunks> SeriesMerger::MergeInputs(std::span<BlockInput* const> inputs,
                                                       std::vector<Chunks> lists) {
  if (rule_ == OverlapRule::kIdentical) {
    THANOS_RETURN_IF_ERROR(CheckIdentical(inputs, lists));
  }
  std::erase_if(lists, [](const Chunks& list) { return list.empty(); });
  if (lists.empty()) return Chunks();
  if (lists.size() == 1) return std::move(lists[0]);
  if (rule_ != OverlapRule::kIdentical) {
    ++counts_.series_merged;
    for (Chunks& list : lists) {
      for (MergeChunk& chunk : list) THANOS_RETURN_IF_ERROR(ToKnownEncoding(&chunk));
    }
  }
  return block::MergeSeriesChunks(lists, rule_ == OverlapRule::kPenalty
                                             ? block::OverlapMerge::kPenalty
                                             : block::OverlapMerge::kChain);
}

}  // namespace thanos::compaction
