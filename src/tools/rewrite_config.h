// What `tools bucket rewrite` is to change, and how that is told in meta.json. components/tools.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ulid.h"
#include "block/tombstones.h"
#include "model/matcher.h"
#include "relabel/relabel.h"
#include "thanos/status.h"

namespace thanos::tools {

/// Of series that all matchers match: the samples in the intervals, or all when there are none.
struct Deletion {
  model::Matchers matchers;
  std::vector<block::Interval> intervals;  // Sorted, disjoint.
  std::string request_id;
};

/// A YAML list of {matchers: '<selector>', intervals: [{mint, maxt}], request_id}.
/// kInvalidArgument names the line.
Result<std::vector<Deletion>> ParseDeletions(std::string_view yaml);

/// The rules that a block's series go through, in this order.
struct RewriteRules {
  relabel::Rules relabel;
  std::string relabel_yaml;  // What relabel was made of.
  std::vector<Deletion> deletions;
};

/// `rewrites_json` of a meta with one more entry: the sources of the block and what was applied.
Result<std::string> AppendRewrite(const std::string& rewrites_json,
                                  const std::vector<base::Ulid>& sources,
                                  const RewriteRules& rules);

}  // namespace thanos::tools
