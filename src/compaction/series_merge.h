// The chunks of one series from several blocks, written as one series.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "block/block_writer.h"
#include "block/chunk_merge.h"
#include "compaction/block_input.h"
#include "compaction/float_merge.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::compaction {

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
};

/// Chunks that overlap nothing and are not touched by deletions are copied byte for byte, their
/// checksums verified; the rest is decoded, put right and encoded anew. One thread; memory is that
/// of one series' chunks where it has to be merged, charged to the context's budget.
class SeriesMerger {
 public:
  SeriesMerger(OverlapRule rule, block::BlockWriter* writer)
      : rule_(rule), writer_(writer), floats_(MergeOf(rule)) {}

  /// `inputs` stand at series of equal labels. Appends nothing to `metas` when nothing is left.
  Status Write(const CallContext& context, std::span<BlockInput* const> inputs,
               std::vector<block::ChunkMeta>* metas);
  const MergeCounts& counts() const { return counts_; }

 private:
  using Chunks = std::vector<HeldChunk>;
  static block::OverlapMerge MergeOf(OverlapRule rule) {
    return rule == OverlapRule::kPenalty ? block::OverlapMerge::kPenalty
                                         : block::OverlapMerge::kChain;
  }
  bool IsPlain(std::span<BlockInput* const> inputs) const;
  Status CopyAll(const CallContext& context, std::span<BlockInput* const> inputs);
  Status MergeAll(const CallContext& context, std::span<BlockInput* const> inputs);
  Status LoadInput(const CallContext& context, BlockInput& input, BudgetLease* lease, Chunks* out);
  Result<bool> ApplyDeletions(BlockInput& input, HeldChunk* chunk);
  Status Repair(Chunks* chunks);
  Status CheckIdentical(std::span<BlockInput* const> inputs,
                        const std::vector<Chunks>& lists) const;
  Status MergeLists(std::span<const Chunks> lists, block::OverlapMerge merge, Chunks* out);

  const OverlapRule rule_;
  block::BlockWriter* const writer_;
  MergeCounts counts_;
  ChunkArena arena_;  // Of the series being merged.
  FloatMerger floats_;
  FloatMerger repairs_{block::OverlapMerge::kChain};
  std::vector<Chunks> lists_;
};

/// Samples that a chunk says it holds, aggregate chunks included.
Result<uint32_t> CountSamples(ChunkEncoding encoding, std::span<const std::byte> data);

}  // namespace thanos::compaction
