// Which blocks are due to be downsampled. Rules: formats/thanos-block §7.1.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "base/ulid.h"
#include "bucketblocks/fetcher.h"

namespace thanos::downsampling {

inline constexpr int64_t kResolution5mMs = 5 * 60 * 1000;
inline constexpr int64_t kResolution1hMs = 60 * 60 * 1000;
/// A block must be this long: about two chunks come out of each dense series then.
inline constexpr int64_t kRawRangeMinMs = 40LL * 60 * 60 * 1000;
inline constexpr int64_t k5mRangeMinMs = 10LL * 24 * 60 * 60 * 1000;

struct DownsampleTask {
  base::Ulid ulid;
  int64_t resolution_ms = 0;  // Of the block to be made.
  friend bool operator==(const DownsampleTask&, const DownsampleTask&) = default;
};

/// What stands in the way of downsampling a block, or that nothing does.
enum class DownsampleState : uint8_t {
  kDue,
  kCoarsest,  // It has the coarsest resolution there is.
  kCovered,   // Blocks of the next resolution have all of its sources.
  kTooShort,  // Not long enough yet.
  kMarked,    // It has a no-downsample mark.
};

/// The next coarser resolution; 0 for the coarsest. kInvalidArgument for one that is not known.
Result<int64_t> NextResolution(int64_t resolution_ms);

/// Who has which sources at which resolution. Marked blocks cover nothing.
class DownsampleCoverage {
 public:
  DownsampleCoverage(const bucketblocks::MetaMap& metas, const std::set<base::Ulid>& marked);
  DownsampleState StateOf(const block::BlockMeta& meta) const;

 private:
  std::set<base::Ulid> marked_;
  std::set<base::Ulid> sources_5m_, sources_1h_;
};

/// The blocks that are due, in the order of their ids. `marked`: those with a no-downsample mark.
/// kInvalidArgument names a block of an unknown resolution.
Result<std::vector<DownsampleTask>> DownsamplePlan(const bucketblocks::MetaMap& metas,
                                                   const std::set<base::Ulid>& marked);

}  // namespace thanos::downsampling
