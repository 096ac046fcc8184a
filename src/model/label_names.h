// Label names: validity under both schemes, escapes of UTF-8 names, and subsets of a label set.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::model {

/// `U__…` form: plain names stay as they are; else `_` is doubled and each other rune that is not
/// allowed becomes `_<hex>_`.
std::string EscapeNameAsValues(std::string_view name);
std::string EscapeNameAsUnderscores(std::string_view name);
/// `.` becomes `_dot_`, `_` is doubled, any other rune that is not allowed becomes `__`.
std::string EscapeNameAsDots(std::string_view name);
/// Undoes EscapeNameAsValues; text that is not of that form comes back unchanged.
std::string UnescapeName(std::string_view name);
/// Undoes EscapeNameAsDots as far as it can be undone.
std::string UnescapeDotsName(std::string_view name);

/// XXH64 over the labels whose names are in `names` (sorted).
uint64_t HashFor(LabelsView labels, std::span<const std::string> names);
/// … over those that are not, `__name__` left out too.
uint64_t HashWithout(LabelsView labels, std::span<const std::string> names);
Labels KeepLabels(LabelsView labels, std::span<const std::string> names);
/// `__name__` goes too.
Labels DropLabels(LabelsView labels, std::span<const std::string> names);

/// The external-label rule of Thanos: sorted, no duplicates, no empty name or value, not empty.
Status ValidateExternalLabels(std::span<const Label> labels);

/// `<resolution>@<hash of external labels>`: blocks of one group are compacted together.
std::string GroupKey(int64_t resolution_ms, LabelsView external_labels);

}  // namespace thanos::model
