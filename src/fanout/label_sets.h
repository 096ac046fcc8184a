// Announced label sets against matchers.
#pragma once

#include <vector>

#include "model/matcher.h"
#include "thanos/labels.h"

namespace thanos::fanout {

/// False when the set contradicts a matcher: it has the label, and the value does not match.
bool LabelSetMatches(const Labels& set, const std::vector<model::Matcher>& matchers);
/// True when one of the sets does not contradict, or when there is none.
bool AnySetMatches(const std::vector<Labels>& sets, const std::vector<model::Matcher>& matchers);
/// Puts the matchers that are not on `selector_labels` into *rest. False when one of the others
/// does not match.
bool StripSelectorLabels(const Labels& selector_labels, const std::vector<model::Matcher>& matchers,
                         std::vector<model::Matcher>* rest);

}  // namespace thanos::fanout
