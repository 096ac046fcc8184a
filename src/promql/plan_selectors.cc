// Selectors and what they ask of their source.
#include <algorithm>
#include <utility>

#include "promql/planner.h"
#include "promql/printer.h"

namespace thanos::promql {
namespace {

bool IsOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool HintsCounter(std::string_view function) {
  return IsOneOf(function, {"increase", "rate", "irate", "resets", "xincrease", "xrate"});
}

// What to read of downsampled data. formats/algorithms §4.1.
AggrSet AggregatesOf(std::string_view function) {
  AggrSet set;
  if (function == "min" || function.starts_with("min_")) {
    set.Add(Aggr::kMin);
  } else if (function == "max" || function.starts_with("max_")) {
    set.Add(Aggr::kMax);
  } else if (function == "count" || function.starts_with("count_")) {
    set.Add(Aggr::kCount);
  } else if (function.starts_with("sum_")) {
    set.Add(Aggr::kSum);
  } else if (HintsCounter(function)) {
    set.Add(Aggr::kCounter);
  } else {
    set.Add(Aggr::kCount);
    set.Add(Aggr::kSum);
  }
  return set;
}

// Functions that need several samples in a window: half of it is the coarsest resolution.
bool NeedsFineResolution(std::string_view function) {
  return IsOneOf(function, {"rate", "irate", "increase", "delta", "idelta", "deriv",
                            "predict_linear", "holt_winters", "double_exponential_smoothing"});
}

bool NameIsFixed(const model::Matchers& matchers) {
  return std::any_of(matchers.begin(), matchers.end(), [](const model::Matcher& matcher) {
    return matcher.name() == kMetricName && matcher.type() == model::MatchType::kEqual;
  });
}

}  // namespace

ScanSpec Planner::Scan(const VectorSelector& selector, WindowFunction::Spec function,
                       int64_t hint_range, const SelectorHint& hint) {
  const SelectOptions& select = state_->params.select;
  function.explicit_hints = explicit_hints_;
  ScanSpec spec;
  spec.text = Print(selector);
  if (hint_range > 0) spec.text += "[" + std::to_string(hint_range) + "ms]";
  spec.name_is_fixed = NameIsFixed(selector.matchers);
  const WindowSpec& window = function.window;
  SelectRequest& request = spec.request;
  request.matchers = selector.matchers;
  if (window.grid.count > 0) {
    // Windows are open on the left.
    request.min_ms = window.End(0) - window.range_ms + 1;
    // Where replicas are merged or counters joined, values depend on where reading begins.
    const bool from_start = select.dedup != series::DedupAlgorithm::kNone ||
                            select.max_resolution_ms > 0 || select.counter_always_adjusted;
    if (from_start && !window.at_ms) request.min_ms -= window.grid.lead_ms;
    request.max_ms = window.End(window.grid.count - 1);
  }
  request.hints = {window.grid.step_ms, hint_range, hint.function, hint.grouping, hint.by};
  request.max_resolution_ms = select.max_resolution_ms;
  if (hint_range > 0 && NeedsFineResolution(hint.function)) {
    request.max_resolution_ms = std::min(request.max_resolution_ms, hint_range / 2);
  }
  if (select.aggregates_by_function) {
    request.aggregates = AggregatesOf(hint.function);
  } else {
    request.aggregates.Add(Aggr::kRaw);
  }
  request.partial = select.partial;
  request.store_match = select.store_match;
  request.shard = select.shard;
  request.batch_series = state_->options.batch_series;
  if (select.dedup != series::DedupAlgorithm::kNone) {
    request.without_labels = select.replica_labels;
  }
  spec.read.min_ms = request.min_ms;
  spec.read.max_ms = request.max_ms;
  spec.read.aggregates = request.aggregates;
  spec.read.dedup = select.dedup;
  spec.read.counter = HintsCounter(hint.function);
  spec.read.counter_always_adjusted = select.counter_always_adjusted;
  spec.function = std::move(function);
  return spec;
}

OperatorPtr Planner::LatestScan(const VectorSelector& selector, const Grid& grid,
                                const SelectorHint& hint, WindowKind kind, std::string_view name) {
  WindowFunction::Spec function;
  function.kind = kind;
  function.name = name;
  function.window = {grid, state_->lookback_ms, selector.time.offset_ms, selector.time.at_ms};
  function.place = selector.range;
  if (selector.extension == Extension::kSmoothed && kind == WindowKind::kLatest) {
    function.window.range_ms = 0;
    Extend(selector.extension, &function);
    function.window.range_ms = 2 * state_->lookback_ms;
  }
  ScanSpec spec = Scan(selector, std::move(function), 0, hint);
  if (kind != WindowKind::kLatest && name != "info") {
    spec.drop_metadata = !delayed();
    spec.mark_drop = delayed();
  }
  return MakeScan(std::move(spec), state_);
}

ScanSpec Planner::PlanRange(const MatrixSelector& matrix, const Grid& grid) {
  const TimeModifiers& time = matrix.selector->time;
  WindowFunction::Spec function;
  function.window = {grid, matrix.window_ms, time.offset_ms, time.at_ms};
  Extend(matrix.selector->extension, &function);
  return Scan(*matrix.selector, std::move(function), matrix.window_ms, {});
}

// First point: the smallest multiple of the step behind the start of the first window.
Grid Planner::SubqueryGrid(const Subquery& subquery, const Grid& grid) const {
  Grid inner;
  inner.step_ms =
      subquery.step_ms > 0 ? subquery.step_ms : state_->options.default_subquery_step_ms;
  inner.count = 0;
  if (grid.count == 0) return inner;
  const WindowSpec window{grid, subquery.window_ms, subquery.time.offset_ms, subquery.time.at_ms};
  const auto first_behind = [step = inner.step_ms](int64_t behind) {
    int64_t start = behind / step * step;
    if (start <= behind) start += step;
    return start - step > behind ? start - step : start;
  };
  const int64_t behind = window.End(0) - subquery.window_ms;
  const int64_t last = window.End(grid.count - 1);
  const int64_t start = first_behind(behind);
  inner.start_ms = start;
  if (!window.at_ms) inner.lead_ms = start - first_behind(behind - grid.lead_ms);
  if (start <= last) inner.count = static_cast<size_t>((last - start) / inner.step_ms) + 1;
  return inner;
}

OperatorPtr Planner::PlanSubqueryPoints(const Subquery& subquery, const Grid& grid) {
  return Vector(*subquery.inner, SubqueryGrid(subquery, grid), {});
}

// What anchored and smoothed read beyond the window.
void Planner::Extend(Extension extension, WindowFunction::Spec* function) const {
  function->extension = extension;
  if (extension == Extension::kNone) return;
  WindowSpec& window = function->window;
  function->inner_range_ms = window.range_ms;
  window.range_ms += state_->lookback_ms;
  if (extension == Extension::kAnchored) return;
  window.range_ms += state_->lookback_ms;
  window.offset_ms -= state_->lookback_ms;
  function->window_past_end_ms = state_->lookback_ms;
}

}  // namespace thanos::promql
