#include "promql/label_sets.h"

#include <algorithm>

namespace thanos::promql {

bool IsMetadataLabel(std::string_view name) {
  return name == "__name__" || name == "__type__" || name == "__unit__";
}

LabelsView WithoutMetadata(LabelsView labels, std::string* scratch) {
  bool found = false;
  for (const Label& label : labels) {
    if (IsMetadataLabel(label.name)) found = true;
    // Sorted: nothing to find behind.
    if (found || label.name > "__unit__") break;
  }
  if (!found) return labels;
  scratch->clear();
  LabelsEncoder encoder(scratch);
  for (const Label& label : labels) {
    if (!IsMetadataLabel(label.name)) encoder.Add(label.name, label.value);
  }
  return LabelsView(*scratch);
}

LabelKeyer::LabelKeyer(std::vector<std::string> names, bool by)
    : names_(std::move(names)), by_(by) {
  std::sort(names_.begin(), names_.end());
  names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
}

void LabelKeyer::KeyOf(LabelsView labels, std::string* out) const {
  out->clear();
  LabelsEncoder encoder(out);
  auto name = names_.begin();
  for (const Label& label : labels) {
    while (name != names_.end() && *name < label.name) ++name;
    const bool listed = name != names_.end() && *name == label.name;
    const bool wanted = by_ ? listed : !listed && label.name != kMetricName;
    if (wanted && !label.value.empty()) encoder.Add(label.name, label.value);
  }
}

DuplicateGuard::DuplicateGuard(std::shared_ptr<Budget> budget, const Grid& grid, bool whole_series)
    : budget_(std::move(budget)), grid_(grid), whole_series_(whole_series) {}

Status DuplicateLabelsError() {
  return FailedPreconditionError("vector cannot contain metrics with the same labelset");
}

Status DuplicateGuard::Add(LabelsView labels, const Row& row) {
  if (row.histograms == nullptr) return Add(labels, row.present);
  std::vector<uint64_t> points(grid_.words());
  for (size_t w = 0; w < points.size(); ++w) points[w] = row.PointsWord(w);
  return Add(labels, points.data());
}

Status DuplicateGuard::Add(LabelsView labels, const uint64_t* present) {
  const auto found = seen_.find(labels.encoded());
  const size_t words = grid_.words();
  if (found != seen_.end()) {
    if (whole_series_) return DuplicateLabelsError();
    for (size_t w = 0; w < words; ++w) {
      if ((found->second[w] & present[w]) != 0) return DuplicateLabelsError();
      found->second[w] |= present[w];
    }
    return OkStatus();
  }
  if (budget_ != nullptr) {
    const size_t bytes = labels.encoded().size() + words * 8 + 96;
    if (lease_.bytes() == 0) {
      THANOS_ASSIGN_OR_RETURN(lease_, BudgetLease::Take(budget_, bytes));
    } else {
      THANOS_RETURN_IF_ERROR(lease_.Grow(bytes));
    }
  }
  seen_.emplace(labels.encoded(), whole_series_ ? std::vector<uint64_t>()
                                                : std::vector<uint64_t>(present, present + words));
  return OkStatus();
}

}  // namespace thanos::promql
