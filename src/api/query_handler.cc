#include <algorithm>

#include <nlohmann/json.hpp>

#include "api/plan_json.h"
#include "api/query_handlers.h"
#include "base/json_text.h"
#include "base/number_text.h"
#include "base/time_text.h"
#include "promapi/params.h"
#include "query/texts.h"

namespace thanos::api {
namespace {

using promapi::ErrorKind;

constexpr int64_t kPointsMax = 11000;

// The parameters of a query.
struct ParsedQuery {
  promql::QueryParams params;
  std::chrono::nanoseconds timeout{0};
  uint64_t limit = 0;
  Warnings notes;
};

Status ParseTimeout(const net::HttpRequest& request, ParsedQuery* query) {
  const std::string_view text = request.form.Get("timeout");
  if (text.empty()) return OkStatus();
  auto ns = promapi::ParseDurationParam(text);
  if (!ns.ok()) return ns.status();
  query->timeout = std::chrono::nanoseconds(*ns);
  // A timeout that is over already ends the query at once.
  if (query->timeout.count() <= 0) query->timeout = std::chrono::nanoseconds(1);
  return OkStatus();
}

Status ParseResolution(const QueryApiState& state, const net::HttpRequest& request,
                       int64_t default_ms, ParsedQuery* query) {
  const std::string_view text = request.form.Get("max_source_resolution");
  int64_t ms = state.options.auto_downsampling ? default_ms : 0;
  if (text == "auto") {
    ms = default_ms;
  } else if (!text.empty()) {
    auto ns = promapi::ParseDurationParam(text);
    if (!ns.ok()) return ns.status().WithContext("'max_source_resolution' parameter");
    ms = *ns / 1000000;
  }
  if (ms < 0) {
    return InvalidArgumentError(
        "negative 'max_source_resolution' is not accepted. Try a positive integer");
  }
  query->params.select.max_resolution_ms = ms;
  return OkStatus();
}

Status ParsePartial(const QueryApiState& state, const net::HttpRequest& request,
                    ParsedQuery* query) {
  THANOS_ASSIGN_OR_RETURN(const bool partial,
                          BoolParam(request, "partial_response", state.options.partial_response));
  query->params.select.partial = partial ? PartialStrategy::kWarn : PartialStrategy::kAbort;
  return OkStatus();
}

Status ParseDedup(const QueryApiState& state, const net::HttpRequest& request, ParsedQuery* query) {
  THANOS_ASSIGN_OR_RETURN(const bool dedup, BoolParam(request, "dedup", true));
  std::vector<std::string> labels = request.form.GetAll("replicaLabels[]");
  if (labels.empty()) labels = state.options.replica_labels;
  if (dedup && !labels.empty()) {
    query->params.select.dedup = state.options.dedup;
    query->params.select.replica_labels = std::move(labels);
  }
  auto store_match = SelectorParams(request, "storeMatch[]");
  if (!store_match.ok()) return store_match.status();
  query->params.select.store_match = *std::move(store_match);
  return OkStatus();
}

Status ParseShard(const net::HttpRequest& request, ParsedQuery* query) {
  const std::string_view text = request.form.Get("shard_info");
  if (text.empty()) return OkStatus();
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto bad = [] {
    return InvalidArgumentError("could not unmarshal parameter shard_info: not a ShardInfo object");
  };
  if (!json.is_object()) return bad();
  Shard shard;
  const auto integer = [&](const char* key, int64_t* out) {
    const auto it = json.find(key);
    if (it == json.end() || it->is_null()) return true;
    if (!it->is_number_integer()) return false;
    *out = it->get<int64_t>();
    return true;
  };
  if (!integer("shard_index", &shard.index) || !integer("total_shards", &shard.total)) return bad();
  if (const auto by = json.find("by"); by != json.end()) {
    if (!by->is_boolean()) return bad();
    shard.by = by->get<bool>();
  }
  if (const auto labels = json.find("labels"); labels != json.end() && !labels->is_null()) {
    if (!labels->is_array()) return bad();
    for (const auto& label : *labels) {
      if (!label.is_string()) return bad();
      shard.labels.push_back(label.get<std::string>());
    }
  }
  if (shard.total >= 1) query->params.select.shard = std::move(shard);
  return OkStatus();
}

Status ParseEngine(const QueryApiState& state, const net::HttpRequest& request,
                   ParsedQuery* query) {
  std::string engine(request.form.Get("engine"));
  if (engine.empty()) engine = state.options.default_engine;
  if (engine != "prometheus" && engine != "thanos") {
    return InvalidArgumentError("'" + engine + "' bad engine");
  }
  query->params.select.hints =
      engine == "thanos" ? promql::HintStyle::kThanos : promql::HintStyle::kPrometheus;
  const std::string_view analyze = request.form.Get("analyze");
  query->params.analyze = analyze == "true" || analyze == "1";
  if (query->params.analyze && engine != "thanos") {
    query->params.analyze = false;
    query->notes.push_back("Query not analyzable; change engine to 'thanos'.");
  }
  return OkStatus();
}

Status ParseLookback(const net::HttpRequest& request, ParsedQuery* query) {
  const std::string_view text = request.form.Get("lookback_delta");
  if (text.empty()) return OkStatus();
  auto ns = promapi::ParseDurationParam(text);
  if (!ns.ok()) return ns.status();
  if (*ns > 0) query->params.lookback_ms = std::max<int64_t>(*ns / 1000000, 1);
  return OkStatus();
}

// What instant and range queries share, in the order in which errors are reported.
Status ParseShared(const QueryApiState& state, const net::HttpRequest& request,
                   int64_t default_resolution_ms, bool range, ParsedQuery* query) {
  THANOS_RETURN_IF_ERROR(ParseTimeout(request, query));
  THANOS_RETURN_IF_ERROR(ParseDedup(state, request, query));
  if (!range) THANOS_RETURN_IF_ERROR(ParsePartial(state, request, query));
  THANOS_RETURN_IF_ERROR(ParseResolution(state, request, default_resolution_ms, query));
  if (range) THANOS_RETURN_IF_ERROR(ParsePartial(state, request, query));
  THANOS_RETURN_IF_ERROR(ParseShard(request, query));
  THANOS_RETURN_IF_ERROR(ParseEngine(state, request, query));
  THANOS_RETURN_IF_ERROR(ParseLookback(request, query));
  THANOS_ASSIGN_OR_RETURN(query->limit, promapi::ParseLimitParam(request.form.Get("limit")));
  query->params.text = std::string(request.form.Get("query"));
  query->params.select.counter_always_adjusted = state.options.counter_always_adjusted;
  return OkStatus();
}

Status ParseInstant(const QueryApiState& state, const net::HttpRequest& request,
                    ParsedQuery* query) {
  THANOS_RETURN_IF_ERROR(request.form_error);
  auto time = TimeParam(request, "time", base::NowMs());
  if (!time.ok()) {
    return InvalidArgumentError("Invalid time value for 'time': " +
                                std::string(time.status().message()));
  }
  query->params.start_ms = query->params.end_ms = *time;
  return ParseShared(state, request, state.options.instant_resolution_ms, false, query);
}

Status ParseRange(const QueryApiState& state, const net::HttpRequest& request, ParsedQuery* query) {
  THANOS_RETURN_IF_ERROR(request.form_error);
  THANOS_ASSIGN_OR_RETURN(const int64_t start, TimeParam(request, "start", std::nullopt));
  THANOS_ASSIGN_OR_RETURN(const int64_t end, TimeParam(request, "end", std::nullopt));
  if (end < start) return InvalidArgumentError("end timestamp must not be before start time");
  int64_t step_ms = std::max(
      static_cast<int64_t>((static_cast<double>(end) - static_cast<double>(start)) / 1000 / 250) *
          1000,
      state.options.default_step_ms);
  if (const std::string_view text = request.form.Get("step"); !text.empty()) {
    auto ns = promapi::ParseDurationParam(text);
    if (!ns.ok()) return ns.status().WithContext("param step");
    step_ms = *ns / 1000000;
    if (*ns > 0 && step_ms == 0) step_ms = 1;  // Below our resolution: the least there is.
  }
  if (step_ms <= 0) {
    return InvalidArgumentError(
        "zero or negative query resolution step widths are not accepted. Try a positive integer");
  }
  if ((static_cast<double>(end) - static_cast<double>(start)) / static_cast<double>(step_ms) >
      kPointsMax) {
    return InvalidArgumentError(
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
        "resolution (?step=XX)");
  }
  query->params.start_ms = start;
  query->params.end_ms = end;
  query->params.step_ms = step_ms;
  return ParseShared(state, request, step_ms / 5, true, query);
}

net::HttpResponse AnswerFailure(const query::QueryFailure& failure) {
  const Status& status = failure.status;
  const StatusCode code = status.code();
  if (failure.phase == query::Phase::kPrepare) {
    return Failure(code == StatusCode::kUnimplemented ? ErrorKind::kExecution : ErrorKind::kBadData,
                   status.message());
  }
  if (code == StatusCode::kCancelled) return Failure(ErrorKind::kCanceled, status.message());
  if (failure.phase == query::Phase::kWait) {
    return Failure(ErrorKind::kExecution, status.message());
  }
  if (code == StatusCode::kDeadlineExceeded) {
    return Failure(ErrorKind::kTimeout, "query timed out in expression evaluation");
  }
  return Failure(ErrorKind::kExecution, query::SelectErrorText(status));
}

Warnings AllWarnings(const promql::QueryResult& result, const Warnings& notes) {
  Warnings all = result.warnings;
  for (const auto* list : {&result.promql_warnings, &result.promql_infos}) {
    for (const std::string& text : *list) all.push_back(query::WithoutPosition(text));
  }
  all.insert(all.end(), notes.begin(), notes.end());
  // Several selectors of a query may meet the same failing store.
  Warnings unique;
  for (std::string& warning : all) {
    if (std::find(unique.begin(), unique.end(), warning) == unique.end()) {
      unique.push_back(std::move(warning));
    }
  }
  return unique;
}

// What a native histogram takes as text, in floats.
constexpr size_t kPointsOfHistogram = 16;
constexpr size_t kPieceBytes = 256 << 10;

// The head of `data` and its result. With `to`, the text goes there in pieces.
Status WriteMatrix(const promql::QueryResult& result, std::string* out, net::BodyWriter* to) {
  *out += "{\"resultType\":\"matrix\",\"result\":";
  std::vector<int64_t> grid_times(result.grid.count);
  for (size_t i = 0; i < grid_times.size(); ++i) grid_times[i] = result.grid.At(i);
  promapi::MatrixWriter writer(out, to == nullptr ? result.series.size() : 0);
  for (const promql::ResultSeries& series : result.series) {
    const bool own_times = !series.times.empty() || !series.histogram_times.empty();
    writer.AddSeries(series.labels, own_times ? series.times : std::span<const int64_t>(grid_times),
                     series.values, own_times ? nullptr : series.present,
                     own_times ? series.histogram_times : std::span<const int64_t>(grid_times),
                     series.histograms);
    if (to == nullptr || out->size() < kPieceBytes) continue;
    THANOS_RETURN_IF_ERROR(to->Write(*out));
    out->clear();
  }
  writer.Finish();
  return OkStatus();
}

void AppendResult(const promql::QueryResult& result, std::string* out) {
  switch (result.type) {
    case promql::ValueType::kScalar:
      *out += "{\"resultType\":\"scalar\",\"result\":";
      promapi::AppendScalarJson(result.grid.start_ms, result.scalar, out);
      return;
    case promql::ValueType::kString:
      *out += "{\"resultType\":\"string\",\"result\":";
      promapi::AppendStringResultJson(result.grid.start_ms, result.text, out);
      return;
    case promql::ValueType::kVector:
      *out += "{\"resultType\":\"vector\",\"result\":[";
      for (const promql::ResultSeries& series : result.series) {
        const bool histogram = !series.histograms.empty() && series.histograms[0] != nullptr;
        if (!series.Has(0) && !histogram) continue;
        if (out->back() != '[') *out += ',';
        if (histogram) {
          promapi::AppendVectorHistogramJson(series.labels, result.grid.start_ms,
                                             *series.histograms[0], out);
        } else {
          promapi::AppendVectorSampleJson(series.labels, result.grid.start_ms, series.values[0],
                                          out);
        }
      }
      *out += ']';
      return;
    default:
      break;
  }
  const Status status = WriteMatrix(result, out, nullptr);
  THANOS_CHECK(status.ok());  // Nothing is written anywhere.
}

// Of a large result the text is never there as a whole.
bool IsLarge(const promql::QueryResult& result) {
  if (result.type != promql::ValueType::kMatrix) return false;
  constexpr size_t kPoints = 256 << 10;  // 5 to 10 MB of text.
  size_t points = 0;
  for (const promql::ResultSeries& series : result.series) {
    points += series.values.size() + kPointsOfHistogram * series.histograms.size();
  }
  return points > kPoints;
}

// The least bound that is not below the value, as a label.
std::string LessOrEqual(uint64_t value, const std::vector<double>& bounds) {
  const auto number = static_cast<double>(value);
  if (bounds.empty() || number >= bounds.back()) return "+Inf";
  return base::FormatFloatF(*std::lower_bound(bounds.begin(), bounds.end(), number));
}

void ObserveQuery(const QueryApiState& state, const CallContext& context,
                  const promql::QueryResult& result) {
  if (result.stats.series == 0 || result.stats.samples_decoded == 0) return;
  state.store_seconds
      .With({{"series_le", LessOrEqual(result.stats.series, state.options.telemetry.series_bounds)},
             {"samples_le",
              LessOrEqual(result.stats.samples_decoded, state.options.telemetry.samples_bounds)},
             {"tenant", context.tenant()}})
      .Observe(static_cast<double>(result.stats.run_ns) / 1e9);
}

void AppendStats(const promql::QueryStats& stats, std::string* out) {
  const auto seconds = [out](std::string_view name, int64_t ns, bool last = false) {
    out->append("\"").append(name).append("\":");
    base::AppendFloatApi(static_cast<double>(ns) / 1e9, out);
    if (!last) *out += ',';
  };
  *out += ",\"stats\":{\"timings\":{";
  seconds("evalTotalTime", stats.run_ns);
  seconds("resultSortTime", 0);
  seconds("queryPreparationTime", stats.prepare_ns);
  seconds("innerEvalTime", stats.run_ns);
  seconds("execQueueTime", 0);
  seconds("execTotalTime", stats.prepare_ns + stats.run_ns, true);
  *out += "},\"samples\":{\"totalQueryableSamples\":" + std::to_string(stats.samples_queryable) +
          ",\"peakSamples\":" + std::to_string(stats.samples_peak) + "}}";
}

// What follows the result in `data`.
void AppendEnd(const promql::QueryResult& result, bool stats, std::string* out) {
  if (stats) AppendStats(result.stats, out);
  *out += ",\"analysis\":";
  if (result.analysis) {
    AppendAnalysisJson(*result.analysis, out);
  } else {
    *out += "{}";
  }
  *out += '}';
}

net::HttpResponse RunAndAnswer(const QueryApiState& state, const CallContext& context,
                               const net::HttpRequest& request, ParsedQuery query) {
  query::QueryFailure failure;
  auto result = state.driver->Run(context, std::move(query.params), query.timeout, &failure,
                                  state.BindingOf(context));
  if (!result.ok()) return AnswerFailure(failure);
  ObserveQuery(state, context, *result);
  if (query.limit != 0 && result->series.size() > query.limit) {
    result->series.resize(query.limit);
    query.notes.emplace_back("results truncated due to limit");
  }
  const bool stats = !request.form.Get("stats").empty();
  Warnings warnings = AllWarnings(*result, query.notes);
  if (IsLarge(*result)) {
    const auto held = std::make_shared<const promql::QueryResult>(*std::move(result));
    return StreamedSuccess(
        [held, stats](net::BodyWriter& to) -> Status {
          std::string text;
          THANOS_RETURN_IF_ERROR(WriteMatrix(*held, &text, &to));
          AppendEnd(*held, stats, &text);
          return to.Write(text);
        },
        std::move(warnings));
  }
  std::string data;
  AppendResult(*result, &data);
  AppendEnd(*result, stats, &data);
  return Success(std::move(data), warnings);
}

}  // namespace

net::HttpResponse HandleInstantQuery(const QueryApiState& state, const CallContext& context,
                                     const net::HttpRequest& request) {
  ParsedQuery query;
  if (Status status = ParseInstant(state, request, &query); !status.ok()) {
    return Failure(ErrorKind::kBadData, status.message());
  }
  return RunAndAnswer(state, context, request, std::move(query));
}

net::HttpResponse HandleRangeQuery(const QueryApiState& state, const CallContext& context,
                                   const net::HttpRequest& request) {
  ParsedQuery query;
  if (Status status = ParseRange(state, request, &query); !status.ok()) {
    return Failure(ErrorKind::kBadData, status.message());
  }
  state.range_seconds.Observe(static_cast<double>(query.params.end_ms - query.params.start_ms) /
                              1000);
  return RunAndAnswer(state, context, request, std::move(query));
}

net::HttpResponse HandleExplain(const QueryApiState& state, const net::HttpRequest& request,
                                bool range) {
  ParsedQuery query;
  Status status = range ? ParseRange(state, request, &query) : ParseInstant(state, request, &query);
  if (status.ok() && query.params.select.hints != promql::HintStyle::kThanos) {
    status = InvalidArgumentError("engine type must be 'thanos'");
  }
  if (!status.ok()) return Failure(ErrorKind::kBadData, status.message());
  auto plan = state.driver->Explain(query.params);
  if (!plan.ok()) return Failure(ErrorKind::kBadData, plan.status().message());
  std::string data;
  AppendPlanJson(*plan, &data);
  return Success(std::move(data), {});
}

}  // namespace thanos::api
