// --selector.relabel-config: which TSDBs of the endpoints a querier looks at. components/query
// §4.3.
#pragma once

#include <optional>
#include <vector>

#include "model/matcher.h"
#include "relabel/relabel.h"
#include "thanos/labels.h"

namespace thanos::fanout {

/// Immutable, thread-safe, cheap to copy. Without rules it keeps everything.
class TsdbSelector {
 public:
  TsdbSelector() = default;
  explicit TsdbSelector(relabel::Rules rules) : rules_(std::move(rules)) {}
  bool empty() const { return rules_.empty(); }

  struct Choice {
    std::vector<Labels> kept;
    /// What else a request must ask for, so that the sets that were dropped stay out; none when all
    /// were kept.
    std::vector<model::Matcher> matchers;
  };
  /// Nothing when no set is kept. Without any set everything is, as nothing is known of it.
  std::optional<Choice> Choose(const std::vector<Labels>& sets) const;

 private:
  relabel::Rules rules_;
};

}  // namespace thanos::fanout
