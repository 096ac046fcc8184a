#include "api/federation_json.h"

#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace thanos::api {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(FederationJson, RulesAsTheReferenceWritesThem) {
  wire::AlertingRule alert;
  alert.state = wire::AlertState::kFiring;
  alert.name = "Down";
  alert.query = "up == 0";
  alert.duration_seconds = 60;
  alert.labels = Labels::Of({{"severity", "page"}});
  alert.annotations = Labels::Of({{"summary", "<down>"}});
  alert.health = "ok";
  alert.last_evaluation = 1'700'000'000 * kSecond + 5'000'000;
  wire::AlertInstance instance;
  instance.labels = Labels::Of({{"alertname", "Down"}});
  instance.state = wire::AlertState::kPending;
  instance.value = "1e+00";
  alert.alerts.push_back(instance);
  wire::RecordingRule recording;
  recording.name = "a:b";
  recording.last_error = "boom";
  wire::RulesResponse rules;
  rules.groups.push_back({.name = "g", .file = "f", .rules = {alert, recording}});
  rules.groups[0].interval_seconds = 30;
  rules.groups[0].evaluation_seconds = 0.25;
  rules.groups[0].limit = 7;
  EXPECT_EQ(RulesJson(rules),
            R"({"groups":[{"name":"g","file":"f","rules":[{"state":"firing","name":"Down",)"
            R"("query":"up == 0","duration":60,"labels":{"severity":"page"},)"
            R"("annotations":{"summary":"\u003cdown\u003e"},"alerts":[{"labels":)"
            R"({"alertname":"Down"},"annotations":{},"state":"pending","value":"1e+00",)"
            R"("partialResponseStrategy":"WARN"}],"health":"ok","evaluationTime":0,)"
            R"("lastEvaluation":"2023-11-14T22:13:20.005Z","keepFiringFor":0,"type":"alerting"},)"
            R"({"name":"a:b","query":"","labels":{},"health":"","lastError":"boom",)"
            R"("evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z","type":"recording"}],)"
            R"("interval":30,"evaluationTime":0.25,"lastEvaluation":"0001-01-01T00:00:00Z",)"
            R"("limit":7,"partialResponseStrategy":"WARN"}]})");
  EXPECT_EQ(AlertsJson(rules),
            R"({"alerts":[{"labels":{"alertname":"Down"},"annotations":{},"state":"pending",)"
            R"("value":"1e+00","partialResponseStrategy":"WARN"}]})");
}

TEST(FederationJson, EmptyAnswers) {
  EXPECT_EQ(RulesJson({}), R"({"groups":[]})");
  EXPECT_EQ(AlertsJson({}), R"({"alerts":null})");
  EXPECT_EQ(TargetsJson({}), R"({"activeTargets":[],"droppedTargets":[]})");
  EXPECT_EQ(MetadataJson({}), "{}");
  EXPECT_EQ(ExemplarsJson({}), "[]");
}

TEST(FederationJson, TargetsMetadataAndExemplars) {
  wire::TargetsResponse targets;
  targets.active.resize(1);
  targets.active[0].labels = Labels::Of({{"job", "j"}});
  targets.active[0].last_scrape = -1;  // A nanosecond before the epoch.
  targets.active[0].health = wire::TargetHealth::kDown;
  targets.dropped = {Labels::Of({{"a", "b"}})};
  EXPECT_EQ(TargetsJson(targets),
            R"({"activeTargets":[{"discoveredLabels":{},"labels":{"job":"j"},"scrapePool":"",)"
            R"("scrapeUrl":"","globalUrl":"","lastError":"",)"
            R"("lastScrape":"1969-12-31T23:59:59.999999999Z","lastScrapeDuration":0,)"
            R"("health":"down"}],"droppedTargets":[{"discoveredLabels":{"a":"b"}}]})");
  EXPECT_EQ(MetadataJson({{{"m", {{"gauge", "h", "s"}, {"counter", "", ""}}}}, {}}),
            R"({"m":[{"type":"gauge","help":"h","unit":"s"},)"
            R"({"type":"counter","help":"","unit":""}]})");
  EXPECT_EQ(ExemplarsJson({{{Labels::Of({{"n", "1"}}), {{Labels(), 6, 1700000001500}}}}, {}}),
            R"([{"seriesLabels":{"n":"1"},"exemplars":[{"labels":{},"timestamp":1700000001.5,)"
            R"("value":"6"}]}])");
}

TEST(FederationJson, WhatIsNotFiniteIsStillJson) {
  wire::RulesResponse rules;
  rules.groups.resize(1);
  rules.groups[0].interval_seconds = std::numeric_limits<double>::quiet_NaN();
  const auto parsed = nlohmann::json::parse(RulesJson(rules));
  EXPECT_TRUE(parsed["groups"][0]["interval"].is_null());
}

TEST(FederationJson, StatisticsAreCutToTheLimit) {
  wire::TsdbStatistics statistics;
  statistics.series = 3;
  statistics.series_by_metric = {{"a", 3}, {"b", 2}};
  EXPECT_EQ(TsdbStatisticsJson(statistics, 1),
            R"({"headStats":{"numSeries":3,"numLabelPairs":0,"chunkCount":0,"minTime":0,)"
            R"("maxTime":0},"seriesCountByMetricName":[{"name":"a","value":3}],)"
            R"("labelValueCountByLabelName":[],"memoryInBytesByLabelName":[],)"
            R"("seriesCountByLabelValuePair":[]})");
}

}  // namespace
}  // namespace thanos::api
