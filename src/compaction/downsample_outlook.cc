#include "compaction/downsample_outlook.h"

#include <algorithm>
#include <memory>

namespace thanos::compaction {

using downsampling::DownsampleState;

DownsampleOutlook::DownsampleOutlook(const MetaMap& metas, std::vector<int64_t> ranges_ms,
                                     UlidSet no_compact, const UlidSet& no_downsample)
    : ranges_ms_(std::move(ranges_ms)),
      no_compact_(std::move(no_compact)),
      coverage_(metas, no_downsample) {
  for (Group& group : MakeGroups(metas)) groups_[group.key] = std::move(group.metas);
}

std::vector<int64_t> DownsampleOutlook::ResolutionsOf(const block::BlockMeta& made,
                                                      const MetaList& plan) const {
  std::vector<int64_t> resolutions;
  block::BlockMeta one = made;
  MetaList replaced = plan;
  while (coverage_.StateOf(one) == DownsampleState::kDue && !Grows(one, replaced)) {
    const auto next = downsampling::NextResolution(one.thanos.resolution_ms);
    if (!next.ok()) break;
    resolutions.push_back(*next);
    one.thanos.resolution_ms = *next;
    replaced.clear();  // Of the coarser group nothing goes.
  }
  return resolutions;
}

// Plays through what would be planned with the new block in its group.
bool DownsampleOutlook::Grows(const block::BlockMeta& made, const MetaList& plan) const {
  MetaList metas;
  if (const auto group = groups_.find(made.GroupKey()); group != groups_.end()) {
    metas = group->second;
  }
  const auto result = std::make_shared<const block::BlockMeta>(made);
  ReplacePlanned(plan, result, &metas);
  while (metas.size() > 1) {
    const MetaList next = PlanCompaction(ranges_ms_, metas, no_compact_);
    if (next.empty()) return false;
    if (std::find(next.begin(), next.end(), result) != next.end()) return true;
    ReplacePlanned(next, SimulateResult(next), &metas);
  }
  return false;
}

}  // namespace thanos::compaction
