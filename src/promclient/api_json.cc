#include "promclient/api_json.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "base/number_text.h"
#include "base/time_text.h"

namespace thanos::promclient {
namespace {

using Json = nlohmann::json;

constexpr int kDepthMax = 32;
constexpr size_t kQuotedBytesMax = 200;
constexpr int64_t kNanosecondsPerMs = 1'000'000;

// Access that never throws: what is missing or of another type reads as nothing.
const Json& At(const Json& object, const char* key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}
std::string Text(const Json& object, const char* key) {
  const Json& value = At(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}
double Number(const Json& object, const char* key) {
  const Json& value = At(object, key);
  return value.is_number() ? value.get<double>() : 0;
}
int64_t Integer(const Json& object, const char* key) {
  const Json& value = At(object, key);
  return value.is_number_integer() ? value.get<int64_t>() : 0;
}
uint64_t Unsigned(const Json& object, const char* key) {
  const Json& value = At(object, key);
  return value.is_number_unsigned() ? value.get<uint64_t>() : 0;
}
const Json& List(const Json& object, const char* key) {
  static const Json kEmpty = Json::array();
  const Json& value = At(object, key);
  return value.is_array() ? value : kEmpty;
}

Labels LabelsIn(const Json& object) {
  std::vector<std::pair<std::string, std::string>> labels;
  if (object.is_object()) {
    for (const auto& [name, value] : object.items()) {
      if (value.is_string()) labels.emplace_back(name, value.get<std::string>());
    }
  }
  return Labels::Of(std::move(labels));
}

// Prometheus' "0001-01-01T00:00:00Z" is never.
wire::MaybeTime Time(const Json& object, const char* key) {
  const std::string text = Text(object, key);
  if (text.empty() || text.starts_with("0001-")) return std::nullopt;
  Result<int64_t> ms = base::ParseRfc3339Ms(text);
  if (!ms.ok()) return std::nullopt;
  return *ms * kNanosecondsPerMs;
}

// The `data` of a successful answer.
Result<Json> DataOf(std::string_view body) {
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= kDepthMax; };
  Json root = Json::parse(body, shallow, /*allow_exceptions=*/false);
  if (root.is_discarded() || !root.is_object()) {
    return InternalError("answer of Prometheus is no JSON object: " +
                         std::string(body.substr(0, kQuotedBytesMax)));
  }
  if (Text(root, "status") != "success") {
    return InternalError("error: " + Text(root, "error") + ", type: " + Text(root, "errorType") +
                         ", warning: " + At(root, "warnings").dump());
  }
  return At(root, "data");
}

wire::AlertState AlertStateOf(const std::string& text) {
  if (text == "firing") return wire::AlertState::kFiring;
  if (text == "pending") return wire::AlertState::kPending;
  if (text == "inactive") return wire::AlertState::kInactive;
  return wire::AlertState::kUnknown;
}

wire::AlertInstance AlertOf(const Json& from) {
  wire::AlertInstance alert;
  alert.labels = LabelsIn(At(from, "labels"));
  alert.annotations = LabelsIn(At(from, "annotations"));
  alert.state = AlertStateOf(Text(from, "state"));
  alert.active_at = Time(from, "activeAt");
  alert.value = Text(from, "value");
  return alert;
}

wire::Rule RuleOf(const Json& from) {
  if (Text(from, "type") != "alerting") {
    wire::RecordingRule rule;
    rule.name = Text(from, "name");
    rule.query = Text(from, "query");
    rule.labels = LabelsIn(At(from, "labels"));
    rule.health = Text(from, "health");
    rule.last_error = Text(from, "lastError");
    rule.evaluation_seconds = Number(from, "evaluationTime");
    rule.last_evaluation = Time(from, "lastEvaluation");
    return rule;
  }
  wire::AlertingRule rule;
  rule.state = AlertStateOf(Text(from, "state"));
  rule.name = Text(from, "name");
  rule.query = Text(from, "query");
  rule.duration_seconds = Number(from, "duration");
  rule.keep_firing_for_seconds = Number(from, "keepFiringFor");
  rule.labels = LabelsIn(At(from, "labels"));
  rule.annotations = LabelsIn(At(from, "annotations"));
  for (const Json& alert : List(from, "alerts")) rule.alerts.push_back(AlertOf(alert));
  rule.health = Text(from, "health");
  rule.last_error = Text(from, "lastError");
  rule.evaluation_seconds = Number(from, "evaluationTime");
  rule.last_evaluation = Time(from, "lastEvaluation");
  return rule;
}

wire::ActiveTarget TargetOf(const Json& from) {
  wire::ActiveTarget target;
  target.discovered_labels = LabelsIn(At(from, "discoveredLabels"));
  target.labels = LabelsIn(At(from, "labels"));
  target.scrape_pool = Text(from, "scrapePool");
  target.scrape_url = Text(from, "scrapeUrl");
  target.global_url = Text(from, "globalUrl");
  target.last_error = Text(from, "lastError");
  target.last_scrape = Time(from, "lastScrape");
  target.last_scrape_seconds = Number(from, "lastScrapeDuration");
  const std::string health = Text(from, "health");
  target.health = health == "up"     ? wire::TargetHealth::kUp
                  : health == "down" ? wire::TargetHealth::kDown
                                     : wire::TargetHealth::kUnknown;
  return target;
}

std::vector<wire::Statistic> StatisticsOf(const Json& list) {
  std::vector<wire::Statistic> out;
  for (const Json& row : list) out.push_back({Text(row, "name"), Unsigned(row, "value")});
  return out;
}

}  // namespace

Result<std::string> ConfigOf(std::string_view body) {
  THANOS_ASSIGN_OR_RETURN(Json data, DataOf(body));
  return Text(data, "yaml");
}

Result<std::string> VersionOf(std::string_view body) {
  THANOS_ASSIGN_OR_RETURN(Json data, DataOf(body));
  return Text(data, "version");
}

Result<std::string> ConfigStateOf(std::string_view body, bool* successful) {
  THANOS_ASSIGN_OR_RETURN(Json data, DataOf(body));
  *successful = data.is_object() && data.contains("reloadConfigSuccess") &&
                data["reloadConfigSuccess"] == true;
  return Text(data, "lastConfigTime");
}

Result<std::map<std::string, std::string>> FlagsOf(std::string_view body) {
  THANOS_ASSIGN_OR_RETURN(Json data, DataOf(body));
  std::map<std::string, std::string> flags;
  if (!data.is_object()) return flags;
  for (const auto& [name, value] : data.items()) {
    if (value.is_string()) flags[name] = value.get<std::string>();
  }
  return flags;
}

Result<std::vector<Labels>> SeriesOf(std::string_view body) {
  THANOS_ASSIGN_OR_RETURN(Json data, DataOf(body));
  std::vector<Labels> series;
  if (!data.is_array()) return series;
  for (const Json& labels : data) series.push_back(LabelsIn(labels));
  return series;
}

Result<std::vector<std::string>> TextsOf(std::string_view body) {
  THANOS_ASSIGN_OR_RETURN(Json data, DataOf(body));
  std::vector<std::string> texts;
  if (!data.is_array()) return texts;
  for (const Json& text : data) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

Result<wire::RulesResponse> RulesOf(std::string_view body) {
  THANOS_ASSIGN_OR_RETURN(Json data, DataOf(body));
  wire::RulesResponse response;
  for (const Json& from : List(data, "groups")) {
    wire::RuleGroup group;
    group.name = Text(from, "name");
    group.file = Text(from, "file");
    for (const Json& rule : List(from, "rules")) group.rules.push_back(RuleOf(rule));
    group.interval_seconds = Number(from, "interval");
    group.evaluation_seconds = Number(from, "evaluationTime");
    group.last_evaluation = Time(from, "lastEvaluation");
    group.limit = Integer(from, "limit");
    response.groups.push_back(std::move(group));
  }
  return response;
}

Result<wire::TargetsResponse> TargetsOf(std::string_view body) {
  THANOS_ASSIGN_OR_RETURN(Json data, DataOf(body));
  wire::TargetsResponse response;
  for (const Json& target : List(data, "activeTargets")) {
    response.active.push_back(TargetOf(target));
  }
  for (const Json& target : List(data, "droppedTargets")) {
    response.dropped.push_back(LabelsIn(At(target, "discoveredLabels")));
  }
  return response;
}

Result<wire::MetadataResponse> MetadataOf(std::string_view body) {
  THANOS_ASSIGN_OR_RETURN(Json data, DataOf(body));
  wire::MetadataResponse response;
  if (!data.is_object()) return response;
  for (const auto& [metric, metas] : data.items()) {
    std::vector<wire::MetricMeta>& out = response.metadata[metric];
    if (!metas.is_array()) continue;
    for (const Json& meta : metas) {
      out.push_back({Text(meta, "type"), Text(meta, "help"), Text(meta, "unit")});
    }
  }
  return response;
}

Result<wire::ExemplarsResponse> ExemplarsOf(std::string_view body) {
  THANOS_ASSIGN_OR_RETURN(Json data, DataOf(body));
  wire::ExemplarsResponse response;
  if (!data.is_array()) return response;
  for (const Json& row : data) {
    wire::ExemplarData series{LabelsIn(At(row, "seriesLabels")), {}};
    for (const Json& from : List(row, "exemplars")) {
      Result<double> value = base::ParseGoFloat(Text(from, "value"));
      const double seconds = Number(from, "timestamp");
      series.exemplars.push_back({LabelsIn(At(from, "labels")), value.ok() ? *value : 0,
                                  static_cast<int64_t>(std::llround(seconds * 1000))});
    }
    response.data.push_back(std::move(series));
  }
  return response;
}

Result<wire::TsdbStatistics> TsdbStatisticsOf(std::string_view body) {
  THANOS_ASSIGN_OR_RETURN(Json data, DataOf(body));
  const Json& head = At(data, "headStats");
  wire::TsdbStatistics out;
  out.series = Unsigned(head, "numSeries");
  out.label_pairs = Integer(head, "numLabelPairs");
  out.chunks = Integer(head, "chunkCount");
  out.min_ms = Integer(head, "minTime");
  out.max_ms = Integer(head, "maxTime");
  out.series_by_metric = StatisticsOf(List(data, "seriesCountByMetricName"));
  out.values_by_label = StatisticsOf(List(data, "labelValueCountByLabelName"));
  out.bytes_by_label = StatisticsOf(List(data, "memoryInBytesByLabelName"));
  out.series_by_pair = StatisticsOf(List(data, "seriesCountByLabelValuePair"));
  return out;
}

}  // namespace thanos::promclient
