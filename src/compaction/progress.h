// How much there is to do: compactions, downsampling, deletions, worked out on metas alone.
#pragma once

#include <cstdint>
#include <vector>

#include "compaction/plan.h"
#include "compaction/retention.h"

namespace thanos::compaction {

struct Progress {
  uint64_t compactions = 0;
  uint64_t compaction_blocks = 0;  // That go into these compactions, results of them included.
  uint64_t downsample_blocks = 0;
  uint64_t deletion_blocks = 0;
};

struct ProgressInput {
  const MetaMap* metas = nullptr;
  UlidSet no_compact, no_downsample;
  std::vector<int64_t> ranges_ms;
  Retention retention;
  bool downsample = true;
};

/// Plans until there is no plan, taking each result for made. kInvalidArgument for a block of an
/// unknown resolution.
Result<Progress> EstimateProgress(const ProgressInput& input, int64_t now_ms);

}  // namespace thanos::compaction
