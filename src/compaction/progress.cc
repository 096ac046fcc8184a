#include "compaction/progress.h"

#include <algorithm>
#include <memory>

#include "downsampling/plan.h"

namespace thanos::compaction {
namespace {

// What a plan would give: only what planning looks at.
MetaRef Simulated(const MetaList& plan) {
  auto made = std::make_shared<block::BlockMeta>(*plan.front());
  made->stats.tombstones = 0;
  for (const MetaRef& meta : plan) {
    made->min_ms = std::min(made->min_ms, meta->min_ms);
    made->max_ms = std::max(made->max_ms, meta->max_ms);
  }
  return made;
}

void Simulate(const ProgressInput& input, MetaList metas, Progress* progress) {
  while (metas.size() > 1) {
    const MetaList plan = PlanCompaction(input.ranges_ms, metas, input.no_compact);
    if (plan.empty()) return;
    ++progress->compactions;
    progress->compaction_blocks += plan.size();
    std::erase_if(metas, [&](const MetaRef& meta) {
      return std::find(plan.begin(), plan.end(), meta) != plan.end();
    });
    MetaRef made = Simulated(plan);
    const auto after =
        std::upper_bound(metas.begin(), metas.end(), made,
                         [](const MetaRef& a, const MetaRef& b) { return a->min_ms < b->min_ms; });
    metas.insert(after, std::move(made));
  }
}

}  // namespace

Result<Progress> EstimateProgress(const ProgressInput& input, int64_t now_ms) {
  Progress progress;
  for (Group& group : MakeGroups(*input.metas)) {
    Simulate(input, std::move(group.metas), &progress);
  }
  if (input.downsample) {
    THANOS_ASSIGN_OR_RETURN(const auto tasks,
                            downsampling::DownsamplePlan(*input.metas, input.no_downsample));
    progress.downsample_blocks = tasks.size();
  }
  progress.deletion_blocks =
      FindExpired(*input.metas, input.retention, now_ms, input.downsample, input.no_downsample)
          .expired.size();
  return progress;
}

}  // namespace thanos::compaction
