// Which blocks of a group become one next: a pure function of their metas. formats/algorithms §10.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/ulid.h"
#include "bucketblocks/fetcher.h"
#include "thanos/labels.h"

namespace thanos::compaction {

using bucketblocks::MetaMap;
using bucketblocks::MetaRef;
using MetaList = std::vector<MetaRef>;
using UlidSet = std::set<base::Ulid>;

/// 1h, 2h, 8h, 2d, 14d in milliseconds. The first one is only what windows are cut by.
inline constexpr int64_t kRangesMs[] = {3'600'000, 7'200'000, 28'800'000, 172'800'000,
                                        1'209'600'000};

/// Blocks that may become one: equal external labels, equal resolution.
struct Group {
  std::string key;  // BlockMeta::GroupKey(); also the name of its work directory.
  Labels labels;
  int64_t resolution_ms = 0;
  MetaList metas;  // By min time, then ULID.
};

/// Sorted by key.
std::vector<Group> MakeGroups(const MetaMap& metas);

/// The blocks to compact, in order of min time; empty when there is nothing to do. `metas` are
/// sorted by min time, `no_compact` are left out and split their windows. `ranges_ms` ascend.
MetaList PlanCompaction(std::span<const int64_t> ranges_ms, const MetaList& metas,
                        const UlidSet& no_compact);

/// What may be compacted instead of a plan that is too large, the most blocks first, of equally
/// many the earliest: neighbours in the plan, more than half of it and at least two, so that no
/// data is rewritten for little and each leaves fewer blocks than there were. Of blocks that
/// overlap only the first ones, and only when they still overlap.
std::vector<MetaList> SmallerPlans(const MetaList& plan);

/// Puts `made` into `metas`, which are sorted, in the place of the blocks of `plan`.
void ReplacePlanned(const MetaList& plan, MetaRef made, MetaList* metas);

/// What a plan gives, as far as planning looks at it.
MetaRef SimulateResult(const MetaList& plan);

/// The first run of blocks that overlap each other, empty when none do.
MetaList FindOverlap(const MetaList& metas);

/// The JSON object of thanos.extensions with the fields that all have (values of the first); ""
/// when there is none, or one is nested more than 500 deep.
std::string CommonExtensions(const MetaList& metas);

}  // namespace thanos::compaction
