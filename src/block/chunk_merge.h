// The chunks of one series from several blocks to one list: what does not overlap stays as it is,
// byte for byte; what overlaps is decoded, merged and encoded anew. formats/algorithms §11.1.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "thanos/chunk.h"
#include "thanos/status.h"

namespace thanos::block {

struct MergeChunk {
  int64_t min_ms = 0, max_ms = 0;
  ChunkEncoding encoding = ChunkEncoding::kXor;
  std::string data;
};

enum class OverlapMerge : uint8_t {
  kChain,    // Every sample once; of equal times one is kept.
  kPenalty,  // Replicas of one series: penalty deduplication, without adjusting counters.
};

/// Samples of a re-encoded chunk.
inline constexpr size_t kMergedChunkSamples = 120;

/// Each input is sorted by time and free of overlaps. Encodings 1 to 3; aggregate chunks only with
/// kPenalty, kFailedPrecondition otherwise. Where chunks of several encodings overlap, kPenalty
/// merges as kChain does: no sample is lost. kDataLoss for a malformed chunk, and for an
/// overlapping one whose samples do not ascend.
Result<std::vector<MergeChunk>> MergeSeriesChunks(
    const std::vector<std::vector<MergeChunk>>& inputs, OverlapMerge merge);

/// kDataLoss unless the times of a chunk's samples ascend: of others no merge comes to an end.
Status CheckAscending(std::span<const int64_t> t_ms);

}  // namespace thanos::block
