// The chunks of one series from several blocks, written as one series.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "block/chunk_merge.h"
#include "compaction/float_merge.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::compaction {

struct MergeBatch;
struct ResultChunk;
struct SeriesSource;
struct SourceChunk;

enum class OverlapRule : uint8_t {
  kIdentical,  // Where blocks overlap, all must have the same chunks: kFailedPrecondition else.
  kChain,      // Every sample once; of equal times one is kept.
  kPenalty,    // Replicas of one series: penalty deduplication.
};

/// What was not simply copied.
struct MergeCounts {
  uint64_t samples_read = 0;
  uint64_t chunks_outside = 0;   // Begin at the end of their block: dropped.
  uint64_t chunks_dropped = 0;   // All deleted by tombstones.
  uint64_t series_repaired = 0;  // Chunks of one block out of order, or overlapping.
  uint64_t series_merged = 0;    // Chunks of several blocks overlap.

  MergeCounts& operator+=(const MergeCounts& other);
};

/// Chunks that overlap nothing and are not touched by deletions are passed on byte for byte; the
/// rest is decoded, put right and encoded anew, in the batch's memory. One thread; its own memory
/// is that of one series' columns where it has to be merged, charged to the context's budget.
class SeriesMerger {
 public:
  explicit SeriesMerger(OverlapRule rule) : rule_(rule), floats_(MergeOf(rule)) {}

  /// From what was read of the batch to its result, series by series; of a series of which nothing
  /// is left there are no chunks.
  Status Merge(const CallContext& context, MergeBatch* batch);

 private:
  using Chunks = std::vector<HeldChunk>;
  static block::OverlapMerge MergeOf(OverlapRule rule) {
    return rule == OverlapRule::kPenalty ? block::OverlapMerge::kPenalty
                                         : block::OverlapMerge::kChain;
  }
  Status CopyAll(size_t first_source, std::span<const SeriesSource> sources, MergeBatch* batch);
  Status MergeAll(const CallContext& context, size_t first_source,
                  std::span<const SeriesSource> sources, MergeBatch* batch);
  Status LoadSource(const SeriesSource& source, std::span<const SourceChunk> chunks,
                    BudgetLease* columns, MergeBatch* batch, Chunks* out);
  Result<bool> ApplyDeletions(const SeriesSource& source, MergeBatch* batch, HeldChunk* chunk);
  Status Repair(MergeBatch* batch, Chunks* chunks);
  Status CheckIdentical(std::span<const SeriesSource> sources) const;
  Status MergeLists(std::span<const Chunks> lists, block::OverlapMerge merge, ChunkArena* arena,
                    Chunks* out);

  const OverlapRule rule_;
  FloatMerger floats_;
  FloatMerger repairs_{block::OverlapMerge::kChain};
  std::vector<Chunks> lists_;  // Of the series being merged, by source.
};

/// Samples that a chunk says it holds, aggregate chunks included.
Result<uint32_t> CountSamples(ChunkEncoding encoding, std::span<const std::byte> data);

}  // namespace thanos::compaction
