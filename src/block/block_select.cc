#include "block/block_select.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>

namespace thanos::block {
namespace {

constexpr std::array<int64_t, 3> kResolutions = {3'600'000, 300'000, 0};

struct Group {
  Labels labels;
  std::vector<std::vector<BlockRef>> by_resolution{kResolutions.size()};
};

bool BlockMatches(const Block& block, std::span<const model::Matcher> matchers) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const model::Matcher& matcher) {
    return matcher.name() == "__block_id" ? matcher.Matches(block.id())
                                          : matcher.Matches(block.external_labels().view());
  });
}

// Gaps between the blocks of one level are looked for in the next finer one.
void GetFor(const Group& group, const BlockQuery& query, int64_t min_ms, int64_t max_ms,
            size_t level, std::vector<BlockRef>* out) {
  if (min_ms > max_ms) return;
  int64_t start = min_ms;
  for (const BlockRef& block : group.by_resolution[level]) {
    const BlockMeta& meta = block->meta();
    if (meta.max_ms <= min_ms) continue;
    if (meta.min_ms > max_ms) break;
    if (level + 1 < kResolutions.size() && meta.min_ms != INT64_MIN) {
      GetFor(group, query, start, meta.min_ms - 1, level + 1, out);
    }
    if (BlockMatches(*block, query.block_matchers)) out->push_back(block);
    start = meta.max_ms;
  }
  if (level + 1 < kResolutions.size()) GetFor(group, query, start, max_ms, level + 1, out);
}

// Nothing when a matcher on an external label fails; such matchers are dropped.
bool GroupMatches(const Group& group, std::span<const model::Matcher> matchers,
                  model::Matchers* rest) {
  for (const model::Matcher& matcher : matchers) {
    const std::string_view value = group.labels.Get(matcher.name());
    if (value.empty()) {
      rest->push_back(matcher);
    } else if (!matcher.Matches(value)) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::vector<BlockSelection> SelectBlocks(std::span<const BlockRef> blocks,
                                         const BlockQuery& query) {
  std::map<std::string, Group> groups;
  for (const BlockRef& block : blocks) {
    Group& group = groups[block->external_labels().encoded()];
    group.labels = block->external_labels();
    const auto level = std::find(kResolutions.begin(), kResolutions.end(),
                                 block->meta().thanos.resolution_ms);
    if (level == kResolutions.end()) continue;
    group.by_resolution[static_cast<size_t>(level - kResolutions.begin())].push_back(block);
  }
  size_t level = 0;
  while (kResolutions[level] > std::max<int64_t>(query.max_resolution_ms, 0)) ++level;
  std::vector<BlockSelection> out;
  for (auto& [key, group] : groups) {
    model::Matchers rest;
    if (!GroupMatches(group, query.matchers, &rest)) continue;
    for (auto& list : group.by_resolution) {
      std::sort(list.begin(), list.end(), [](const BlockRef& a, const BlockRef& b) {
        return a->meta().min_ms != b->meta().min_ms ? a->meta().min_ms < b->meta().min_ms
                                                    : a->meta().max_ms < b->meta().max_ms;
      });
    }
    std::vector<BlockRef> chosen;
    GetFor(group, query, query.min_ms, query.max_ms, level, &chosen);
    for (BlockRef& block : chosen) {
      const bool taken = std::any_of(out.begin(), out.end(), [&](const BlockSelection& other) {
        return other.block == block;
      });
      if (!taken) out.push_back({std::move(block), rest});
    }
  }
  return out;
}

}  // namespace thanos::block
