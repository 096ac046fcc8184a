// Deduplication of replicas, sample by sample. formats/algorithms §2 and §3.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "chunk/decode.h"
#include "thanos/chunk.h"

namespace thanos::series {

/// What happens to a counter's values where the merge changes from one replica to another.
enum class CounterAdjust : uint8_t {
  kNone,
  /// A replica that is behind is lifted to the value last seen, for good (Go's reading; its
  /// leaves have their resets taken out before).
  kLift,
  /// As kLift, but a true reset of the replica is left visible, and ends the lift.
  kLiftKeepResets,
};

/// How far the penalty merge skips into the replica that was not taken: so much at first, then
/// twice the distance of the last two samples. Wraps for impossible times, as Go.
inline constexpr int64_t kInitialPenaltyMs = 5000;
inline int64_t PenaltyMs(int64_t before_ms, int64_t t_ms) {
  return static_cast<int64_t>(2 * (static_cast<uint64_t>(t_ms) - static_cast<uint64_t>(before_ms)));
}

/// Merges replicas, in this order, to *out (cleared first): penalty of §3.1, folded from the left.
/// Replicas must be ascending in time.
void PenaltyMerge(std::span<const chunk::Columns* const> replicas, CounterAdjust adjust,
                  chunk::Columns* out);

/// Merges replicas by time, dropping equal times: §3.3.
void ChainMerge(std::span<const chunk::Columns* const> replicas, chunk::Columns* out);

/// Merges replicas, by name, to *out (cleared first): one replica is followed until a sample of it
/// is missing by its own interval, then the one whose sample is next takes over. Every sample is
/// one of a replica, unaltered; with `counter`, samples that would show a fall which no replica
/// shows are left out. A stale marker is kept unless another replica goes on.
void SteadyMerge(std::span<const chunk::Columns* const> replicas, bool counter,
                 chunk::Columns* out);

/// Splits chunks, sorted by time, into lists without overlap, first fit: the pseudo-replicas of
/// §2. `lists` keeps its inner vectors' memory; the first `returned` of them are in use.
size_t SplitOverlaps(std::span<const ChunkView> chunks,
                     std::vector<std::vector<const ChunkView*>>* lists);

}  // namespace thanos::series
