#include "compaction/plan.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace thanos::compaction {
namespace {

// One sample in twenty deleted is worth a rewrite.
constexpr double kTombstonesShareMin = 0.05;

int64_t FloorTo(int64_t t, int64_t unit) {
  const int64_t quotient = t / unit - (t % unit < 0 ? 1 : 0);
  return quotient * unit;
}

// Nobody nests extensions like this; writing them again takes stack for each level.
bool IsNestedDeeply(std::string_view json) {
  constexpr int kDepthMax = 500;
  int depth = 0;
  for (const char c : json) {
    depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    if (depth > kDepthMax) return true;
  }
  return false;
}

// Runs of blocks that lie in one aligned window each. Blocks across a border are in none.
std::vector<MetaList> SplitByRange(std::span<const MetaRef> metas, int64_t range_ms) {
  std::vector<MetaList> parts;
  for (size_t i = 0; i < metas.size();) {
    const int64_t end = FloorTo(metas[i]->min_ms, range_ms) + range_ms;
    if (metas[i]->max_ms > end) {
      ++i;
      continue;
    }
    MetaList part;
    for (; i < metas.size() && metas[i]->max_ms <= end; ++i) part.push_back(metas[i]);
    parts.push_back(std::move(part));
  }
  return parts;
}

// The first run of two or more without an excluded block.
MetaList FirstRun(const MetaList& part, const UlidSet& no_compact) {
  MetaList run;
  for (const MetaRef& meta : part) {
    if (!no_compact.contains(meta->ulid)) {
      run.push_back(meta);
      continue;
    }
    if (run.size() > 1) return run;
    run.clear();
  }
  return run.size() > 1 ? run : MetaList();
}

MetaList SelectByRange(std::span<const int64_t> ranges_ms, std::span<const MetaRef> metas,
                       const UlidSet& no_compact) {
  if (ranges_ms.size() < 2 || metas.empty()) return {};
  const int64_t newest_begins = metas.back()->min_ms;
  for (const int64_t range : ranges_ms.subspan(1)) {
    for (const MetaList& part : SplitByRange(metas, range)) {
      const bool failed = std::any_of(part.begin(), part.end(),
                                      [](const MetaRef& meta) { return meta->compaction.failed; });
      if (failed || part.size() < 2) continue;
      const int64_t begin = part.front()->min_ms, end = part.back()->max_ms;
      // What does not fill its window waits for more, unless newer blocks are there already.
      if (end - begin != range && end > newest_begins) continue;
      if (MetaList run = FirstRun(part, no_compact); !run.empty()) return run;
    }
  }
  return {};
}

// A single long block with many deletions, the newest first.
MetaList SelectByTombstones(std::span<const int64_t> ranges_ms, const MetaList& candidates) {
  for (auto it = candidates.rbegin(); it != candidates.rend(); ++it) {
    const block::BlockMeta& meta = **it;
    if (meta.max_ms - meta.min_ms < ranges_ms[ranges_ms.size() / 2]) break;
    const double share =
        static_cast<double>(meta.stats.tombstones) / static_cast<double>(meta.stats.series + 1);
    if (share > kTombstonesShareMin) return {*it};
  }
  return {};
}

}  // namespace

std::vector<Group> MakeGroups(const MetaMap& metas) {
  std::map<std::string, Group> by_key;
  for (const auto& [ulid, meta] : metas) {
    std::string key = meta->GroupKey();
    Group& group = by_key[key];
    if (group.metas.empty()) {
      group.key = std::move(key);
      group.labels = meta->ExternalLabels();
      group.resolution_ms = meta->thanos.resolution_ms;
    }
    group.metas.push_back(meta);
  }
  std::vector<Group> groups;
  for (auto& [key, group] : by_key) {
    std::stable_sort(group.metas.begin(), group.metas.end(),
                     [](const MetaRef& a, const MetaRef& b) { return a->min_ms < b->min_ms; });
    groups.push_back(std::move(group));
  }
  return groups;
}

// By position, as Prometheus has it: the block before the first overlapping one comes along even
// where an earlier, longer one is what is overlapped.
MetaList FindOverlap(const MetaList& metas) {
  MetaList run;
  if (metas.empty()) return run;
  int64_t max_ms = metas[0]->max_ms;
  for (size_t i = 1; i < metas.size(); ++i) {
    if (metas[i]->min_ms < max_ms) {
      if (run.empty()) run.push_back(metas[i - 1]);
      run.push_back(metas[i]);
    } else if (!run.empty()) {
      break;
    }
    max_ms = std::max(max_ms, metas[i]->max_ms);
  }
  return run;
}

MetaList PlanCompaction(std::span<const int64_t> ranges_ms, const MetaList& metas,
                        const UlidSet& no_compact) {
  if (metas.empty() || ranges_ms.empty()) return {};
  MetaList candidates;
  for (const MetaRef& meta : metas) {
    if (!no_compact.contains(meta->ulid)) candidates.push_back(meta);
  }
  if (MetaList overlap = FindOverlap(candidates); !overlap.empty()) return overlap;
  // The newest block may still get neighbours: it is never touched.
  if (!no_compact.contains(metas.back()->ulid)) candidates.pop_back();
  const auto settled = std::span(metas).first(metas.size() - 1);
  if (MetaList run = SelectByRange(ranges_ms, settled, no_compact); !run.empty()) return run;
  return SelectByTombstones(ranges_ms, candidates);
}

std::vector<MetaList> SmallerPlans(const MetaList& plan) {
  const bool overlapping = !FindOverlap(plan).empty();
  std::vector<MetaList> plans;
  for (size_t length = plan.size(); length-- > 2 && 2 * length > plan.size();) {
    for (size_t begin = 0; begin + length <= plan.size(); ++begin) {
      const auto first = plan.begin() + static_cast<ptrdiff_t>(begin);
      MetaList part(first, first + static_cast<ptrdiff_t>(length));
      if (overlapping && (begin > 0 || FindOverlap(part).size() != length)) break;
      plans.push_back(std::move(part));
    }
  }
  return plans;
}

void ReplacePlanned(const MetaList& plan, MetaRef made, MetaList* metas) {
  std::erase_if(*metas, [&](const MetaRef& meta) {
    return std::find(plan.begin(), plan.end(), meta) != plan.end();
  });
  const auto after =
      std::upper_bound(metas->begin(), metas->end(), made,
                       [](const MetaRef& a, const MetaRef& b) { return a->min_ms < b->min_ms; });
  metas->insert(after, std::move(made));
}

MetaRef SimulateResult(const MetaList& plan) {
  auto made = std::make_shared<block::BlockMeta>(*plan.front());
  made->stats.tombstones = 0;
  for (const MetaRef& meta : plan) {
    made->min_ms = std::min(made->min_ms, meta->min_ms);
    made->max_ms = std::max(made->max_ms, meta->max_ms);
  }
  return made;
}

std::string CommonExtensions(const MetaList& metas) {
  nlohmann::json common;
  for (size_t i = 0; i < metas.size(); ++i) {
    const std::string& text = metas[i]->thanos.extensions_json;
    if (IsNestedDeeply(text)) return "";
    auto one = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!one.is_object()) return "";
    if (i == 0) {
      common = std::move(one);
      continue;
    }
    for (auto it = common.begin(); it != common.end();) {
      it = one.contains(it.key()) ? std::next(it) : common.erase(it);
    }
  }
  return common.empty() ? "" : common.dump();
}

}  // namespace thanos::compaction
