// Which blocks of coarser resolution a compaction may make at once, of the series it has in memory.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "block/meta.h"
#include "compaction/plan.h"
#include "downsampling/plan.h"

namespace thanos::compaction {

/// Immutable, thread-safe. Looks at the metas of one sync.
class DownsampleOutlook {
 public:
  /// `ranges_ms` and the marks are those of planning.
  DownsampleOutlook(const MetaMap& metas, std::vector<int64_t> ranges_ms, UlidSet no_compact,
                    const UlidSet& no_downsample);

  /// The resolutions, ascending, that downsampling would bring `made` to once it has taken the
  /// place of `plan` in the bucket: it is due, and no further compaction is planned that it would
  /// be a source of. Each next one is due by the block of the one before. What is left out here is
  /// found due, if it is, after all compactions.
  std::vector<int64_t> ResolutionsOf(const block::BlockMeta& made, const MetaList& plan) const;

 private:
  bool Grows(const block::BlockMeta& made, const MetaList& plan) const;

  const std::vector<int64_t> ranges_ms_;
  const UlidSet no_compact_;
  const downsampling::DownsampleCoverage coverage_;
  std::map<std::string, MetaList> groups_;  // By key.
};

}  // namespace thanos::compaction
