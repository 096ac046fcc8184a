#include "promql/query_state.h"

#include <algorithm>
#include <utility>

#include "promql/parser.h"

namespace thanos::promql {

QueryState::QueryState(const CallContext& call_context, SeriesSource* series_source,
                       const EngineOptions& engine_options, const QueryParams& query_params)
    : context(call_context),
      source(series_source),
      options(engine_options),
      params(query_params),
      lookback_ms(query_params.lookback_ms > 0 ? query_params.lookback_ms
                                               : engine_options.lookback_ms),
      cpu_share_(engine_options.cpu_shares != nullptr
                     ? engine_options.cpu_shares->Join(call_context.tenant())
                     : nullptr) {}

Status QueryState::Check() const {
  if (!context.cancelled() && context.deadline() == SteadyTime::max()) return OkStatus();
  return Translate(context.Check());
}

Status QueryState::Translate(const Status& status) const {
  switch (status.code()) {
    case StatusCode::kDeadlineExceeded:
      return DeadlineExceededError("query timed out in expression evaluation");
    case StatusCode::kCancelled:
      return CancelledError("query was canceled in expression evaluation");
    default:
      return status;
  }
}

void QueryState::Annotate(AnnotationKind kind, std::string_view text, SourceRange place) {
  const std::lock_guard lock(mutex_);
  auto& map = kind == AnnotationKind::kWarning ? warnings_ : infos_;
  const auto [at, added] = map.emplace(std::string(text), Note{place.begin, 0});
  if (!added) at->second.place = std::min(at->second.place, place.begin);
}

void QueryState::CountAnnotation(AnnotationKind kind, std::string_view text, SourceRange place) {
  Annotate(kind, text, place);
  const std::lock_guard lock(mutex_);
  ++(kind == AnnotationKind::kWarning ? warnings_ : infos_).find(text)->second.counted;
}

void QueryState::NoteMonotonicity(const std::string& suffix, SourceRange place,
                                  const MonotonicityFixes& fixes) {
  const std::lock_guard lock(mutex_);
  const auto [at, added] = fixes_.try_emplace({suffix, place.begin}, fixes);
  if (!added) at->second.Add(fixes);
}

void QueryState::AddWarnings(Warnings warnings, bool partial) {
  const std::lock_guard lock(mutex_);
  partial_ |= partial;
  for (std::string& warning : warnings) {
    const auto end = source_warnings_.end();
    if (std::find(source_warnings_.begin(), end, warning) == end) {
      source_warnings_.push_back(std::move(warning));
    }
  }
}

Status QueryState::Hold(uint64_t points) {
  const uint64_t held = held_.fetch_add(points, std::memory_order_relaxed) + points;
  uint64_t peak = peak_.load(std::memory_order_relaxed);
  while (held > peak && !peak_.compare_exchange_weak(peak, held, std::memory_order_relaxed)) {
  }
  if (options.samples_max != 0 && held > options.samples_max) {
    LetGo(points);
    return ResourceExhaustedError(
        "query processing would load too many samples into memory in query execution");
  }
  return OkStatus();
}

Status QueryState::CountSeries(uint64_t series) {
  const uint64_t total = series_.fetch_add(series, std::memory_order_relaxed) + series;
  if (options.series_max != 0 && total > options.series_max) {
    return ResourceExhaustedError("query would read more than " +
                                  std::to_string(options.series_max) + " series");
  }
  return OkStatus();
}

void QueryState::Finish(QueryResult* result) const {
  const std::lock_guard lock(mutex_);
  const auto render = [this](const auto& map, std::string_view prefix) {
    std::vector<std::string> out;
    for (const auto& [text, note] : map) {
      std::string& line = out.emplace_back(std::string(prefix) + text);
      if (note.counted > 1) line += " (" + std::to_string(note.counted) + " occurrences)";
      line += " (" + LineAndColumn(params.text, note.place) + ")";
    }
    return out;
  };
  result->promql_warnings = render(warnings_, "PromQL warning: ");
  auto infos = infos_;
  for (const auto& [key, fixes] : fixes_)
    infos.emplace(fixes.ToString(key.first), Note{key.second, 0});
  result->promql_infos = render(infos, "PromQL info: ");
  result->warnings = source_warnings_;
  result->partial = partial_;
  result->stats.series = series_.load();
  result->stats.samples_decoded = samples_decoded.load();
  result->stats.samples_queryable = samples_queryable.load();
  result->stats.samples_peak = peak_.load();
  result->stats.selects = selects.load();
  if (const auto& budget = context.budget(); budget != nullptr) {
    result->stats.peak_bytes = budget->peak_bytes();
  }
}

}  // namespace thanos::promql
