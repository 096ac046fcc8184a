#include "block/block_select.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>

namespace thanos::block {
namespace {

constexpr std::array<int64_t, 3> kResolutions = {3'600'000, 300'000, 0};

struct Group {
  LabelsView labels;
  std::vector<std::vector<size_t>> by_resolution{kResolutions.size()};
};

class Chooser {
 public:
  Chooser(std::span<const BlockCandidate> candidates, const BlockQuery& query)
      : candidates_(candidates), query_(query) {}

  // Gaps between the blocks of one level are looked for in the next finer one.
  void GetFor(const Group& group, int64_t min_ms, int64_t max_ms, size_t level,
              std::vector<size_t>* out) const {
    if (min_ms > max_ms) return;
    const bool finer = level + 1 < kResolutions.size();
    int64_t start = min_ms;
    for (const size_t index : group.by_resolution[level]) {
      const BlockMeta& meta = *candidates_[index].meta;
      if (meta.max_ms <= min_ms) continue;
      if (meta.min_ms > max_ms) break;
      if (finer && meta.min_ms != INT64_MIN) {
        GetFor(group, start, meta.min_ms - 1, level + 1, out);
      }
      if (Matches(candidates_[index])) out->push_back(index);
      start = meta.max_ms;
    }
    if (finer) GetFor(group, start, max_ms, level + 1, out);
  }

  // False when a matcher on an external label fails; such matchers are dropped.
  bool GroupMatches(const Group& group, model::Matchers* rest) const {
    for (const model::Matcher& matcher : query_.matchers) {
      const std::string_view value = group.labels.Get(matcher.name());
      if (value.empty()) {
        rest->push_back(matcher);
      } else if (!matcher.Matches(value)) {
        return false;
      }
    }
    return true;
  }

 private:
  bool Matches(const BlockCandidate& candidate) const {
    return std::all_of(query_.block_matchers.begin(), query_.block_matchers.end(),
                       [&](const model::Matcher& matcher) {
                         return matcher.name() == "__block_id"
                                    ? matcher.Matches(candidate.meta->ulid.ToString())
                                    : matcher.Matches(candidate.labels);
                       });
  }
  std::span<const BlockCandidate> candidates_;
  const BlockQuery& query_;
};

}  // namespace

std::vector<ChosenBlock> ChooseBlocks(std::span<const BlockCandidate> candidates,
                                      const BlockQuery& query) {
  std::map<std::string_view, Group> groups;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const auto level = std::find(kResolutions.begin(), kResolutions.end(),
                                 candidates[i].meta->thanos.resolution_ms);
    if (level == kResolutions.end()) continue;  // No query asks for such a resolution.
    Group& group = groups[candidates[i].labels.encoded()];
    group.labels = candidates[i].labels;
    group.by_resolution[static_cast<size_t>(level - kResolutions.begin())].push_back(i);
  }
  size_t level = 0;
  while (kResolutions[level] > std::max<int64_t>(query.max_resolution_ms, 0)) ++level;
  const Chooser chooser(candidates, query);
  std::vector<ChosenBlock> out;
  for (auto& [key, group] : groups) {
    model::Matchers rest;
    if (!chooser.GroupMatches(group, &rest)) continue;
    for (auto& list : group.by_resolution) {
      std::sort(list.begin(), list.end(), [&](size_t a, size_t b) {
        const BlockMeta& x = *candidates[a].meta;
        const BlockMeta& y = *candidates[b].meta;
        return x.min_ms != y.min_ms ? x.min_ms < y.min_ms : x.max_ms < y.max_ms;
      });
    }
    std::vector<size_t> chosen;
    chooser.GetFor(group, query.min_ms, query.max_ms, level, &chosen);
    // A gap may be bounded by one block on both sides, and ask for a finer one twice.
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    for (const size_t index : chosen) out.push_back({index, rest});
  }
  return out;
}

std::vector<BlockSelection> SelectBlocks(std::span<const BlockRef> blocks,
                                         const BlockQuery& query) {
  std::vector<BlockCandidate> candidates;
  for (const BlockRef& block : blocks) {
    candidates.push_back({&block->meta(), block->external_labels().view()});
  }
  std::vector<BlockSelection> out;
  for (ChosenBlock& chosen : ChooseBlocks(candidates, query)) {
    out.push_back({blocks[chosen.index], std::move(chosen.matchers)});
  }
  return out;
}

}  // namespace thanos::block
