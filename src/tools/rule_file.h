// Rule files of Prometheus with Thanos' partial_response_strategy: are they well-formed?
// components/rule §4.1.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace thanos::tools {

struct RuleFileCheck {
  size_t rules = 0;
  std::vector<std::string> errors;  // Empty: the file is good. In Thanos' words where it is ours.
};

/// Keys are strict; expressions, names, durations and templates are parsed.
RuleFileCheck CheckRuleFile(std::string_view yaml);

}  // namespace thanos::tools
