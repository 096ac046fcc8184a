// What can be said of a regular expression without running it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thanos::model {

struct RegexShape {
  enum class Kind : uint8_t {
    kGeneral,      // Only the prefix is known.
    kAll,          // .*
    kAllButEmpty,  // .+
    kLiterals,     // A finite set.
    kAffixes,      // prefix MIDDLE suffix, where MIDDLE is gaps of .* or .+ around literals.
  };
  Kind kind = Kind::kGeneral;
  bool exact = false;  // The shape decides without RE2.
  std::string prefix;
  std::optional<std::vector<std::string>> literals;  // Sorted, unique.
  // kAffixes: the literals in order, and whether the gap in front of each, and the last gap, needs
  // at least one byte. The first literal is anchored when prefix_anchored, the last likewise.
  std::vector<std::string> pieces;
  std::vector<bool> gap_nonempty;
  bool prefix_anchored = false, suffix_anchored = false;

  bool MatchesAffixes(std::string_view text) const;
};

/// Recognises literals, alternations of literals (nested groups and small classes multiplied out
/// up to 1,000 literals), and literals separated by `.*` and `.+`. All else is kGeneral.
RegexShape AnalyseRegex(std::string_view pattern);

}  // namespace thanos::model
