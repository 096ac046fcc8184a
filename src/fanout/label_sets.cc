#include "fanout/label_sets.h"

#include <algorithm>

namespace thanos::fanout {

bool LabelSetMatches(const Labels& set, const std::vector<model::Matcher>& matchers) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const model::Matcher& matcher) {
    const auto value = set.view().Find(matcher.name());
    return !value.has_value() || matcher.Matches(*value);
  });
}

bool AnySetMatches(const std::vector<Labels>& sets, const std::vector<model::Matcher>& matchers) {
  return sets.empty() || std::any_of(sets.begin(), sets.end(), [&](const Labels& set) {
           return LabelSetMatches(set, matchers);
         });
}

bool StripSelectorLabels(const Labels& selector_labels, const std::vector<model::Matcher>& matchers,
                         std::vector<model::Matcher>* rest) {
  for (const model::Matcher& matcher : matchers) {
    const auto value = selector_labels.view().Find(matcher.name());
    if (!value) {
      rest->push_back(matcher);
    } else if (!matcher.Matches(*value)) {
      return false;
    }
  }
  return true;
}

}  // namespace thanos::fanout
