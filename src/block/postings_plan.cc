#include "block/postings_plan.h"

#include <algorithm>

#include "block/postings_kernels.h"

namespace thanos::block {
namespace {

using model::Matcher;
using model::MatchType;

// A list more in a fetch costs about this, whatever its length.
constexpr uint64_t kListOverheadBytes = 16;

// How one matcher is to be answered. Lists are found later, and only where they are wanted.
struct Candidate {
  const Matcher* matcher = nullptr;
  bool subtract = false;
  bool every_value = false;  // All lists of the label, none looked at.
  bool impossible = false;
  PostingsGroup group;
  uint64_t cost_bytes = 0;
};

bool MatchesEverything(const Matcher& matcher) {
  const model::Regex* regex = matcher.regex();
  return matcher.type() == MatchType::kRegex && regex->matches_all();
}

bool MatchesNothing(const Matcher& matcher) {
  const model::Regex* regex = matcher.regex();
  return matcher.type() == MatchType::kNotRegex && regex->matches_all();
}

// `=""`, `=~""`, `!~".+"`: series without the label; and the inverse of each.
bool IsAbsence(const Matcher& matcher) {
  const model::Regex* regex = matcher.regex();
  if (regex == nullptr) return matcher.value().empty();
  return regex->matches_all_but_empty() ||
         (regex->literals() && *regex->literals() == std::vector<std::string>{""});
}

void AddList(const PostingsRange& range, PostingsGroup* group) {
  group->lists.push_back(range);
  group->references += range.count();
}

void AddLiteral(const PostingsCatalog& catalog, const std::string& name, const std::string& value,
                PostingsGroup* group) {
  if (value.empty()) return;  // The index has no lists of absent labels.
  catalog.VisitValues(name, value, [&](std::string_view found, const PostingsRange& range) {
    if (found == value) AddList(range, group);
    return false;
  });
}

// Lists of the values that match, or that do not.
void AddMatching(const PostingsCatalog& catalog, const Matcher& matcher, bool wanted,
                 PostingsGroup* group) {
  // A positive regex with a prefix has its matches side by side.
  std::string_view prefix;
  if (wanted && matcher.type() == MatchType::kRegex) prefix = matcher.regex()->prefix();
  catalog.VisitValues(matcher.name(), prefix,
                      [&](std::string_view value, const PostingsRange& range) {
                        if (!value.starts_with(prefix)) return false;
                        if (matcher.Matches(value) == wanted) AddList(range, group);
                        return true;
                      });
}

void AddEveryList(const PostingsCatalog& catalog, PostingsGroup* group) {
  catalog.VisitValues(group->name, "", [&](std::string_view, const PostingsRange& range) {
    AddList(range, group);
    return true;
  });
}

const std::vector<std::string>* Literals(const Matcher& matcher) {
  const model::Regex* regex = matcher.regex();
  return regex != nullptr && regex->literals() ? &*regex->literals() : nullptr;
}

Candidate MakeCandidate(const PostingsCatalog& catalog, const Matcher& matcher) {
  Candidate out;
  out.matcher = &matcher;
  out.group.name = matcher.name();
  out.subtract = out.group.subtract = matcher.MatchesEmpty();
  const auto extent = catalog.Extent(matcher.name());
  if (!extent) {
    out.impossible = !out.subtract;
    return out;
  }
  const std::vector<std::string>* literals = Literals(matcher);
  if (IsAbsence(matcher)) {
    out.every_value = true;
    out.cost_bytes = extent->bytes + extent->values * kListOverheadBytes;
    out.group.references = extent->bytes / 4;
    return out;
  }
  const bool negative =
      matcher.type() == MatchType::kNotEqual || matcher.type() == MatchType::kNotRegex;
  if (matcher.type() == MatchType::kEqual || matcher.type() == MatchType::kNotEqual) {
    AddLiteral(catalog, matcher.name(), matcher.value(), &out.group);
  } else if (literals != nullptr && negative == out.subtract) {
    for (const std::string& value : *literals) {
      AddLiteral(catalog, matcher.name(), value, &out.group);
    }
  } else {
    AddMatching(catalog, matcher, !out.subtract, &out.group);
  }
  out.impossible = !out.subtract && out.group.lists.empty();
  out.cost_bytes = 4 * out.group.references + out.group.lists.size() * kListOverheadBytes;
  return out;
}

std::vector<Matcher> Distinct(std::span<const Matcher> matchers) {
  std::vector<Matcher> out;
  for (const Matcher& matcher : matchers) {
    if (MatchesEverything(matcher)) continue;
    if (std::find(out.begin(), out.end(), matcher) == out.end()) out.push_back(matcher);
  }
  return out;
}

PostingsGroup AllSeries(const PostingsCatalog& catalog) {
  PostingsGroup all;
  catalog.VisitValues("", "", [&](std::string_view, const PostingsRange& range) {
    AddList(range, &all);
    return false;
  });
  return all;
}

Result<Postings> Unite(std::span<Postings> lists) {
  if (lists.size() == 1) return std::move(lists[0]);
  std::vector<std::span<const uint32_t>> views(lists.begin(), lists.end());
  return UnitePostings(views);
}

}  // namespace

PostingsPlan PlanPostings(const PostingsCatalog& catalog, std::span<const Matcher> matchers,
                          const PlanOptions& options) {
  PostingsPlan plan;
  const std::vector<Matcher> distinct = Distinct(matchers);
  std::vector<Candidate> candidates;
  for (const Matcher& matcher : distinct) {
    if (MatchesNothing(matcher)) plan.empty = true;
    if (plan.empty) return plan;
    Candidate candidate = MakeCandidate(catalog, matcher);
    if (candidate.impossible) plan.empty = true;
    const bool nothing_to_subtract =
        candidate.subtract && !candidate.every_value && candidate.group.lists.empty();
    if (!nothing_to_subtract) candidates.push_back(std::move(candidate));
  }
  if (plan.empty) return plan;
  std::stable_sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
    return a.subtract != b.subtract ? !a.subtract : a.cost_bytes < b.cost_bytes;
  });

  // The most selective list drives; or all series, where that is cheaper or nothing else adds.
  PostingsGroup all = AllSeries(catalog);
  uint64_t series = all.references;
  const bool drive_with_all =
      candidates.empty() || candidates[0].subtract ||
      (candidates[0].every_value && candidates[0].cost_bytes > 8 * all.references);
  if (drive_with_all) {
    plan.references += all.references;
    plan.groups.push_back(std::move(all));
  }
  for (size_t i = 0; i < candidates.size(); ++i) {
    Candidate& candidate = candidates[i];
    const bool driver = i == 0 && !drive_with_all;
    const auto saved = static_cast<uint64_t>(static_cast<double>(series * options.series_bytes) *
                                             (1 - options.match_ratio));
    if (!driver && candidate.cost_bytes > saved) {
      plan.deferred.push_back(*candidate.matcher);
      continue;
    }
    if (candidate.every_value) {
      candidate.group.references = 0;
      AddEveryList(catalog, &candidate.group);
    }
    series = driver ? std::min(series, candidate.group.references)
                    : static_cast<uint64_t>(static_cast<double>(series) * options.match_ratio);
    plan.references += candidate.group.references;
    plan.groups.push_back(std::move(candidate.group));
  }
  return plan;
}

Result<Postings> ExecutePlan(const CallContext& context, const PostingsPlan& plan,
                             PostingsFetcher& fetcher) {
  if (plan.empty) return Postings();
  std::vector<PostingsRange> ranges;
  for (const PostingsGroup& group : plan.groups) {
    ranges.insert(ranges.end(), group.lists.begin(), group.lists.end());
  }
  THANOS_ASSIGN_OR_RETURN(std::vector<Postings> lists, fetcher.Fetch(context, ranges));
  THANOS_CHECK(lists.size() == ranges.size());
  Postings result;
  Postings scratch;
  size_t at = 0;
  bool first = true;
  for (const PostingsGroup& group : plan.groups) {
    THANOS_RETURN_IF_ERROR(context.Check());
    if (group.lists.empty()) {
      if (!group.subtract) return Postings();
      continue;
    }
    THANOS_ASSIGN_OR_RETURN(Postings united,
                            Unite(std::span(lists).subspan(at, group.lists.size())));
    at += group.lists.size();
    if (first) {
      result = std::move(united);
    } else if (group.subtract) {
      result.resize(SubtractPostings(result, united, result.data()));
    } else {
      scratch.resize(std::min(result.size(), united.size()) + kPostingsSlack);
      scratch.resize(IntersectPostings(result, united, scratch.data()));
      result.swap(scratch);
    }
    first = false;
  }
  return result;
}

}  // namespace thanos::block
