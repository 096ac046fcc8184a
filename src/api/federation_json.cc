#include "api/federation_json.h"

#include <cmath>

#include "base/json_text.h"
#include "base/number_text.h"
#include "base/time_text.h"

namespace thanos::api {
namespace {

// An object or a list under way; it ends where Close() is called.
class Json {
 public:
  explicit Json(std::string* out) : out_(out) {}

  Json& Key(std::string_view key) {
    Comma();
    base::AppendJsonString(key, out_, true);
    *out_ += ':';
    after_key_ = true;
    return *this;
  }
  Json& Open(char bracket) {
    Comma();
    *out_ += bracket;
    return *this;
  }
  Json& Close(char bracket) {
    *out_ += bracket;
    return *this;
  }
  Json& Text(std::string_view text) {
    Comma();
    base::AppendJsonString(text, out_, true);
    return *this;
  }
  /// JSON has no text for what is not finite: null then.
  Json& Number(double value) {
    Comma();
    if (std::isfinite(value)) {
      base::AppendFloatApi(value, out_);
    } else {
      *out_ += "null";
    }
    return *this;
  }
  template <typename Integer>
  Json& Integer64(Integer value) {
    Comma();
    *out_ += std::to_string(value);
    return *this;
  }
  Json& Time(const wire::MaybeTime& time) {
    constexpr int64_t kSecond = 1'000'000'000;
    if (!time) return Text("0001-01-01T00:00:00Z");
    const int64_t nanos = (*time % kSecond + kSecond) % kSecond;
    return Text(base::FormatRfc3339Nano((*time - nanos) / kSecond, nanos));
  }
  Json& LabelSet(const Labels& labels) {
    Open('{');
    for (const Label& label : labels) Key(label.name).Text(label.value);
    return Close('}');
  }

 private:
  void Comma() {
    const bool first = out_->empty() || out_->back() == '{' || out_->back() == '[';
    if (!first && !after_key_) *out_ += ',';
    after_key_ = false;
  }

  std::string* out_;
  bool after_key_ = false;
};

std::string_view StateText(wire::AlertState state) {
  constexpr std::string_view kTexts[] = {"unknown", "inactive", "pending", "firing"};
  return kTexts[static_cast<size_t>(state)];
}

std::string_view HealthText(wire::TargetHealth health) {
  constexpr std::string_view kTexts[] = {"down", "up", "unknown"};
  return kTexts[static_cast<size_t>(health)];
}

std::string_view StrategyText(PartialStrategy strategy) {
  return strategy == PartialStrategy::kWarn ? "WARN" : "ABORT";
}

void AppendAlert(const wire::AlertInstance& alert, Json* json) {
  json->Open('{');
  json->Key("labels").LabelSet(alert.labels);
  json->Key("annotations").LabelSet(alert.annotations);
  json->Key("state").Text(StateText(alert.state));
  if (alert.active_at) json->Key("activeAt").Time(alert.active_at);
  json->Key("value").Text(alert.value);
  json->Key("partialResponseStrategy").Text(StrategyText(alert.partial));
  json->Close('}');
}

// The keys that both kinds of rules end with.
template <typename Rule>
void AppendEvaluation(const Rule& rule, Json* json) {
  json->Key("health").Text(rule.health);
  if (!rule.last_error.empty()) json->Key("lastError").Text(rule.last_error);
  json->Key("evaluationTime").Number(rule.evaluation_seconds);
  json->Key("lastEvaluation").Time(rule.last_evaluation);
}

void AppendRule(const wire::RecordingRule& rule, Json* json) {
  json->Open('{');
  json->Key("name").Text(rule.name);
  json->Key("query").Text(rule.query);
  json->Key("labels").LabelSet(rule.labels);
  AppendEvaluation(rule, json);
  json->Key("type").Text("recording").Close('}');
}

void AppendRule(const wire::AlertingRule& rule, Json* json) {
  json->Open('{');
  json->Key("state").Text(StateText(rule.state));
  json->Key("name").Text(rule.name);
  json->Key("query").Text(rule.query);
  json->Key("duration").Number(rule.duration_seconds);
  json->Key("labels").LabelSet(rule.labels);
  json->Key("annotations").LabelSet(rule.annotations);
  json->Key("alerts").Open('[');
  for (const wire::AlertInstance& alert : rule.alerts) AppendAlert(alert, json);
  json->Close(']');
  AppendEvaluation(rule, json);
  json->Key("keepFiringFor").Number(rule.keep_firing_for_seconds);
  json->Key("type").Text("alerting").Close('}');
}

void AppendTarget(const wire::ActiveTarget& target, Json* json) {
  json->Open('{');
  json->Key("discoveredLabels").LabelSet(target.discovered_labels);
  json->Key("labels").LabelSet(target.labels);
  json->Key("scrapePool").Text(target.scrape_pool);
  json->Key("scrapeUrl").Text(target.scrape_url);
  json->Key("globalUrl").Text(target.global_url);
  json->Key("lastError").Text(target.last_error);
  json->Key("lastScrape").Time(target.last_scrape);
  json->Key("lastScrapeDuration").Number(target.last_scrape_seconds);
  json->Key("health").Text(HealthText(target.health)).Close('}');
}

void AppendStatistics(const std::vector<wire::Statistic>& list, size_t limit, Json* json) {
  json->Open('[');
  for (size_t i = 0; i < std::min(limit, list.size()); ++i) {
    json->Open('{').Key("name").Text(list[i].name);
    json->Key("value").Integer64(list[i].value).Close('}');
  }
  json->Close(']');
}

}  // namespace

std::string RulesJson(const wire::RulesResponse& rules) {
  std::string out;
  Json json(&out);
  json.Open('{').Key("groups").Open('[');
  for (const wire::RuleGroup& group : rules.groups) {
    json.Open('{');
    json.Key("name").Text(group.name);
    json.Key("file").Text(group.file);
    json.Key("rules").Open('[');
    for (const wire::Rule& rule : group.rules) {
      std::visit([&](const auto& one) { AppendRule(one, &json); }, rule);
    }
    json.Close(']');
    json.Key("interval").Number(group.interval_seconds);
    json.Key("evaluationTime").Number(group.evaluation_seconds);
    json.Key("lastEvaluation").Time(group.last_evaluation);
    json.Key("limit").Integer64(group.limit);
    json.Key("partialResponseStrategy").Text(StrategyText(group.partial)).Close('}');
  }
  json.Close(']').Close('}');
  return out;
}

std::string AlertsJson(const wire::RulesResponse& rules) {
  std::string out;
  Json json(&out);
  json.Open('[');
  for (const wire::RuleGroup& group : rules.groups) {
    for (const wire::Rule& rule : group.rules) {
      const auto* alerting = std::get_if<wire::AlertingRule>(&rule);
      if (alerting == nullptr) continue;
      for (const wire::AlertInstance& alert : alerting->alerts) AppendAlert(alert, &json);
    }
  }
  json.Close(']');
  return "{\"alerts\":" + (out == "[]" ? "null" : out) + "}";
}

std::string TargetsJson(const wire::TargetsResponse& targets) {
  std::string out;
  Json json(&out);
  json.Open('{').Key("activeTargets").Open('[');
  for (const wire::ActiveTarget& target : targets.active) AppendTarget(target, &json);
  json.Close(']').Key("droppedTargets").Open('[');
  for (const Labels& discovered : targets.dropped) {
    json.Open('{').Key("discoveredLabels").LabelSet(discovered).Close('}');
  }
  json.Close(']').Close('}');
  return out;
}

std::string MetadataJson(const wire::MetadataResponse& metadata) {
  std::string out;
  Json json(&out);
  json.Open('{');
  for (const auto& [name, metas] : metadata.metadata) {
    json.Key(name).Open('[');
    for (const wire::MetricMeta& meta : metas) {
      json.Open('{').Key("type").Text(meta.type);
      json.Key("help").Text(meta.help);
      json.Key("unit").Text(meta.unit).Close('}');
    }
    json.Close(']');
  }
  json.Close('}');
  return out;
}

std::string ExemplarsJson(const wire::ExemplarsResponse& exemplars) {
  std::string out;
  Json json(&out);
  json.Open('[');
  for (const wire::ExemplarData& data : exemplars.data) {
    json.Open('{').Key("seriesLabels").LabelSet(data.series_labels);
    json.Key("exemplars").Open('[');
    for (const wire::Exemplar& exemplar : data.exemplars) {
      json.Open('{').Key("labels").LabelSet(exemplar.labels);
      json.Key("timestamp").Number(static_cast<double>(exemplar.timestamp_ms) / 1000);
      json.Key("value").Text(base::FormatFloatF(exemplar.value)).Close('}');
    }
    json.Close(']').Close('}');
  }
  json.Close(']');
  return out;
}

std::string TsdbStatisticsJson(const wire::TsdbStatistics& statistics, size_t limit) {
  std::string out;
  Json json(&out);
  json.Open('{').Key("headStats").Open('{');
  json.Key("numSeries").Integer64(statistics.series);
  json.Key("numLabelPairs").Integer64(statistics.label_pairs);
  json.Key("chunkCount").Integer64(statistics.chunks);
  json.Key("minTime").Integer64(statistics.min_ms);
  json.Key("maxTime").Integer64(statistics.max_ms).Close('}');
  const std::pair<const char*, const std::vector<wire::Statistic>*> lists[] = {
      {"seriesCountByMetricName", &statistics.series_by_metric},
      {"labelValueCountByLabelName", &statistics.values_by_label},
      {"memoryInBytesByLabelName", &statistics.bytes_by_label},
      {"seriesCountByLabelValuePair", &statistics.series_by_pair}};
  for (const auto& [name, list] : lists) {
    json.Key(name);
    AppendStatistics(*list, limit, &json);
  }
  json.Close('}');
  return out;
}

}  // namespace thanos::api
