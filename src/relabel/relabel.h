// Relabelling rules. Format and meaning: components/common §4.7.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::relabel {

enum class Action : uint8_t {
  kReplace,
  kKeep,
  kDrop,
  kKeepEqual,
  kDropEqual,
  kHashMod,
  kLabelMap,
  kLabelDrop,
  kLabelKeep,
  kLowercase,
  kUppercase,
};

struct ParseOptions {
  /// Empty: all.
  std::vector<Action> actions;
  /// Unknown keys are errors: as Prometheus has it, while Thanos' own flags let them pass.
  bool strict = false;
};

/// keep, drop, hashmod: what a selector of blocks takes.
ParseOptions SelectorOptions();

struct Rule;

/// Immutable, thread-safe, cheap to copy.
class Rules {
 public:
  Rules();
  /// A YAML list of rules; an empty text is none. kInvalidArgument in Go's words.
  static Result<Rules> Parse(std::string_view yaml, const ParseOptions& options);

  bool empty() const { return rules_->empty(); }
  /// Nothing: a rule dropped the set, or emptied it.
  std::optional<Labels> Apply(LabelsView labels) const;

 private:
  std::shared_ptr<const std::vector<Rule>> rules_;
};

}  // namespace thanos::relabel
