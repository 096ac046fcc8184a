#include "block/block_labels.h"

#include <algorithm>
#include <functional>
#include <set>

namespace thanos::block {
namespace {

using Texts = std::set<std::string, std::less<>>;

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

LabelsResult Finish(Texts texts, uint64_t limit) {
  LabelsResult out;
  out.values.assign(std::make_move_iterator(texts.begin()), std::make_move_iterator(texts.end()));
  if (limit != 0 && out.values.size() > limit) out.values.resize(limit);
  return out;
}

// Visits the series of the selections, without chunks.
Status VisitSeries(const CallContext& context, std::vector<BlockSelection> selections,
                   const LabelsRequest& request, const BlockCursorOptions& options,
                   std::shared_ptr<ReadLimiter> limiter,
                   const std::function<void(LabelsView)>& visit, LabelsResult* result) {
  if (selections.empty()) return OkStatus();
  SelectRequest select;
  select.min_ms = request.min_ms;
  select.max_ms = request.max_ms;
  select.skip_chunks = true;
  select.without_labels = request.without_labels;
  select.batch_series = 1024;
  const auto cursor =
      MakeBlockCursor(context, std::move(selections), select, options, std::move(limiter));
  cursor->Start();
  while (true) {
    THANOS_ASSIGN_OR_RETURN(const SeriesBatchRef batch, cursor->Next());
    if (!batch) break;
    for (const SeriesView& series : batch->series()) visit(series.labels);
  }
  result->warnings = cursor->TakeWarnings();
  result->partial = cursor->end().partial;
  return OkStatus();
}

// Splits off the blocks for which no matcher is left: their tables answer.
std::vector<BlockSelection> TakeUnmatched(std::vector<BlockSelection>* selections) {
  std::vector<BlockSelection> plain;
  std::erase_if(*selections, [&](BlockSelection& selection) {
    if (!selection.matchers.empty()) return false;
    plain.push_back(std::move(selection));
    return true;
  });
  return plain;
}

LabelsResult Combine(LabelsResult read, Texts texts, uint64_t limit) {
  LabelsResult out = Finish(std::move(texts), limit);
  out.warnings = std::move(read.warnings);
  out.partial = read.partial;
  return out;
}

}  // namespace

Result<LabelsResult> BlockLabelNames(const CallContext& context,
                                     std::vector<BlockSelection> selections,
                                     const LabelsRequest& request,
                                     const BlockCursorOptions& options,
                                     std::shared_ptr<ReadLimiter> limiter) {
  Texts names;
  const auto add = [&](std::string_view name) {
    if (!Contains(request.without_labels, name)) names.emplace(name);
  };
  for (const BlockSelection& selection : TakeUnmatched(&selections)) {
    THANOS_RETURN_IF_ERROR(context.Check());
    for (const std::string& name : selection.block->postings().LabelNames()) add(name);
    if (!options.external_labels) continue;
    for (const Label& label : selection.block->external_labels()) add(label.name);
  }
  LabelsResult read;
  THANOS_RETURN_IF_ERROR(VisitSeries(
      context, std::move(selections), request, options, std::move(limiter),
      [&](LabelsView labels) {
        for (const Label& label : labels) {
          if (!names.contains(label.name)) add(label.name);
        }
      },
      &read));
  return Combine(std::move(read), std::move(names), request.limit);
}

Result<LabelsResult> BlockLabelValues(const CallContext& context,
                                      std::vector<BlockSelection> selections,
                                      const std::string& name, const LabelsRequest& request,
                                      const BlockCursorOptions& options,
                                      std::shared_ptr<ReadLimiter> limiter) {
  Texts values;
  if (Contains(request.without_labels, name)) return LabelsResult();
  for (const BlockSelection& selection : TakeUnmatched(&selections)) {
    THANOS_RETURN_IF_ERROR(context.Check());
    const std::string_view external =
        options.external_labels ? selection.block->external_labels().Get(name) : "";
    if (!external.empty()) {
      values.emplace(external);
      continue;
    }
    selection.block->postings().VisitValues(name, "", [&](std::string_view value, const auto&) {
      values.emplace(value);
      return true;
    });
  }
  LabelsResult read;
  THANOS_RETURN_IF_ERROR(VisitSeries(
      context, std::move(selections), request, options, std::move(limiter),
      [&](LabelsView labels) {
        const std::string_view value = labels.Get(name);
        if (!value.empty() && !values.contains(value)) values.emplace(value);
      },
      &read));
  values.erase("");
  return Combine(std::move(read), std::move(values), request.limit);
}

}  // namespace thanos::block
