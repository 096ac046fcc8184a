#include "downsampling/plan.h"

#include <algorithm>
#include <string>

namespace thanos::downsampling {
namespace {

bool ContainsAll(const std::set<base::Ulid>& all, const std::vector<base::Ulid>& some) {
  return std::all_of(some.begin(), some.end(),
                     [&](const base::Ulid& ulid) { return all.contains(ulid); });
}

}  // namespace

Result<int64_t> NextResolution(int64_t resolution_ms) {
  switch (resolution_ms) {
    case 0:
      return kResolution5mMs;
    case kResolution5mMs:
      return kResolution1hMs;
    case kResolution1hMs:
      return int64_t{0};
    default:
      return InvalidArgumentError("unexpected downsampling resolution " +
                                  std::to_string(resolution_ms));
  }
}

DownsampleCoverage::DownsampleCoverage(const bucketblocks::MetaMap& metas,
                                       const std::set<base::Ulid>& marked)
    : marked_(marked) {
  for (const auto& [ulid, meta] : metas) {
    if (marked_.contains(ulid) || meta->thanos.resolution_ms == 0) continue;
    auto& sources = meta->thanos.resolution_ms == kResolution5mMs ? sources_5m_ : sources_1h_;
    sources.insert(meta->compaction.sources.begin(), meta->compaction.sources.end());
  }
}

DownsampleState DownsampleCoverage::StateOf(const block::BlockMeta& meta) const {
  if (marked_.contains(meta.ulid)) return DownsampleState::kMarked;
  const int64_t resolution_ms = meta.thanos.resolution_ms;
  if (resolution_ms != 0 && resolution_ms != kResolution5mMs) return DownsampleState::kCoarsest;
  const bool raw = resolution_ms == 0;
  if (ContainsAll(raw ? sources_5m_ : sources_1h_, meta.compaction.sources)) {
    return DownsampleState::kCovered;
  }
  const int64_t range_min_ms = raw ? kRawRangeMinMs : k5mRangeMinMs;
  return meta.max_ms - meta.min_ms < range_min_ms ? DownsampleState::kTooShort
                                                  : DownsampleState::kDue;
}

Result<std::vector<DownsampleTask>> DownsamplePlan(const bucketblocks::MetaMap& metas,
                                                   const std::set<base::Ulid>& marked) {
  const DownsampleCoverage coverage(metas, marked);
  std::vector<DownsampleTask> tasks;
  for (const auto& [ulid, meta] : metas) {
    if (marked.contains(ulid)) continue;
    auto next = NextResolution(meta->thanos.resolution_ms);
    if (!next.ok()) return next.status().WithContext("block " + ulid.ToString());
    if (coverage.StateOf(*meta) == DownsampleState::kDue) tasks.push_back({ulid, *next});
  }
  return tasks;
}

}  // namespace thanos::downsampling
