#include "compaction/progress.h"

#include "downsampling/plan.h"

namespace thanos::compaction {
namespace {

void Simulate(const ProgressInput& input, MetaList metas, Progress* progress) {
  while (metas.size() > 1) {
    const MetaList plan = PlanCompaction(input.ranges_ms, metas, input.no_compact);
    if (plan.empty()) return;
    ++progress->compactions;
    progress->compaction_blocks += plan.size();
    ReplacePlanned(plan, SimulateResult(plan), &metas);
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
