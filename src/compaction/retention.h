// What may go: blocks past their retention, aborted uploads. components/compact §4.8, §4.9.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "compaction/plan.h"

namespace thanos::compaction {

/// Milliseconds by resolution; 0 keeps for ever.
struct Retention {
  int64_t raw_ms = 0, five_minutes_ms = 0, one_hour_ms = 0;
  int64_t Of(int64_t resolution_ms) const;
};

struct ExpiredBlocks {
  MetaList expired;  // To be marked.
  /// Past their retention, kept: the block of the next resolution that would still be kept, and
  /// should hold their samples, is not there.
  MetaList held_back;
};

/// A pure function. `downsampled`: blocks are to be followed by downsampled ones; those in
/// `no_downsample` are not. Only the end of a block counts.
ExpiredBlocks FindExpired(const MetaMap& metas, const Retention& retention, int64_t now_ms,
                          bool downsampled, const UlidSet& no_downsample);

/// "block exceeding retention of 50h0m0s".
std::string RetentionReason(int64_t retention_ms);

}  // namespace thanos::compaction
