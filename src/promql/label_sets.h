// Label sets as keys, and what operators do to labels.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "promql/grid.h"
#include "promql/row.h"
#include "thanos/call_context.h"
#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::promql {

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
/// By encoded label set or group key.
template <typename T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

/// __name__, __type__, __unit__.
bool IsMetadataLabel(std::string_view name);
/// The set without them; `*scratch` holds it when something was removed.
LabelsView WithoutMetadata(LabelsView labels, std::string* scratch);

/// Values of some labels, as the key of a group or a match.
class LabelKeyer {
 public:
  /// `by`: the labels named. Otherwise all but those and the metric name.
  LabelKeyer(std::vector<std::string> names, bool by);
  /// The key is itself an encoded label set: the group's labels. `*out` is replaced.
  void KeyOf(LabelsView labels, std::string* out) const;
  bool by() const { return by_; }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;  // Sorted, unique.
  const bool by_;
};

/// Refuses a second row of the same label set. One thread.
class DuplicateGuard {
 public:
  /// `whole_series`: also when the steps do not overlap.
  DuplicateGuard(std::shared_ptr<Budget> budget, const Grid& grid, bool whole_series);
  /// "vector cannot contain metrics with the same labelset".
  Status Add(LabelsView labels, const uint64_t* present);
  /// The row's points of both kinds, under other labels.
  Status Add(LabelsView labels, const Row& row);

 private:
  const std::shared_ptr<Budget> budget_;
  const Grid grid_;
  const bool whole_series_;
  BudgetLease lease_;
  TextMap<std::vector<uint64_t>> seen_;
};

Status DuplicateLabelsError();

}  // namespace thanos::promql
