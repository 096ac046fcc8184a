#include "promclient/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/fake_prometheus.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::promclient {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using thanos::testing::IsOkAndHolds;
using thanos::testing::StatusIs;

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    net::HttpClientOptions options;
    options.proxy_url = "none";
    THANOS_ASSERT_OK_AND_ASSIGN(http_, net::HttpClient::Make(options));
    ClientOptions client;
    client.url = fake_.url();
    client_ = std::make_unique<PrometheusClient>(client, http_);
  }
  testing::FakePrometheus fake_;
  std::shared_ptr<net::HttpClient> http_;
  std::unique_ptr<PrometheusClient> client_;
  CallContext context_;
};

TEST_F(ClientTest, ReadsExternalLabels) {
  fake_.Answer(
      "/api/v1/status/config",
      R"({"status":"success","data":{"yaml":"global:\n  scrape_interval: 5s\n  external_labels:\n    replica: a\n    cluster: \"1\"\nscrape_configs: []\n"}})");
  EXPECT_THAT(client_->ExternalLabels(context_),
              IsOkAndHolds(Labels::Of({{"cluster", "1"}, {"replica", "a"}})));
  EXPECT_EQ(fake_.requests().back().headers.Get("User-Agent"), "thanos-sidecar");
  fake_.Answer("/api/v1/status/config", R"({"status":"success","data":{"yaml":"global: {}\n"}})");
  EXPECT_THAT(client_->ExternalLabels(context_), IsOkAndHolds(Labels()));
  fake_.Answer("/api/v1/status/config", "no json");
  EXPECT_FALSE(client_->ExternalLabels(context_).ok());
}

TEST_F(ClientTest, ReadsVersionAndFlags) {
  EXPECT_THAT(client_->Version(context_), IsOkAndHolds("0"));
  EXPECT_THAT(client_->Flags(context_), StatusIs(StatusCode::kNotFound));
  fake_.Answer("/api/v1/status/buildinfo", R"({"status":"success","data":{"version":"3.14.0"}})");
  EXPECT_THAT(client_->Version(context_), IsOkAndHolds("3.14.0"));
  fake_.Answer("/api/v1/status/buildinfo", "", 500);
  EXPECT_THAT(client_->Version(context_), StatusIs(StatusCode::kUnavailable));
  fake_.Answer("/api/v1/status/flags", R"({"status":"success","data":{"a.b":"2h","c":"true"}})");
  THANOS_ASSERT_OK_AND_ASSIGN(auto flags, client_->Flags(context_));
  EXPECT_THAT(flags, ElementsAre(Pair("a.b", "2h"), Pair("c", "true")));
}

TEST_F(ClientTest, ReadsTheLowestTimestamp) {
  const auto lowest = [&](const std::string& text) {
    fake_.Answer("/metrics", text);
    return client_->LowestTimestamp(context_);
  };
  const std::string name = "prometheus_tsdb_lowest_timestamp_seconds";
  EXPECT_THAT(
      lowest("# HELP " + name + " x\n# TYPE " + name + " gauge\n" + name + " 1.795454405e+09\n"),
      IsOkAndHolds(1795454405000));
  EXPECT_THAT(lowest(name + " 9.223372036854776e+15\n"), IsOkAndHolds(INT64_MIN));
  EXPECT_THAT(lowest(name + "_other 5\n"), IsOkAndHolds(0));
  EXPECT_FALSE(lowest(name + " x\n").ok());
}

TEST_F(ClientTest, KnowsVersionsThatTakeMatchers) {
  for (const char* yes : {"2.24.0", "v2.24.0", "3.14.0-rc.0", "10.0.1"}) {
    EXPECT_TRUE(LabelCallsTakeMatchers(yes)) << yes;
  }
  for (const char* no : {"", "0", "2.23.9", "2.24", "1.99.9", "x.y.z"}) {
    EXPECT_FALSE(LabelCallsTakeMatchers(no)) << no;
  }
}

TEST_F(ClientTest, WritesTimesAsThanosDoes) {
  EXPECT_EQ(SecondsText(1795454405500), "1795454405.5");
  EXPECT_EQ(SecondsText(INT64_MIN), "-9223372036854776");
  EXPECT_EQ(SecondsText(INT64_MAX), "9223309901257974");
  EXPECT_EQ(SecondsText(0), "0");
}

TEST_F(ClientTest, LabelCallsCarryTheirParameters) {
  fake_.Answer("/api/v1/labels", R"({"status":"success","data":["b","a","b"]})");
  MetadataQuery query{
      {model::Matcher::Equal("a", "x\"y"), model::Matcher::NotEqual("b", "")}, 1500, 2000, 7};
  EXPECT_THAT(client_->LabelNames(context_, query), IsOkAndHolds(ElementsAre("a", "b")));
  const net::HttpRequest request = fake_.requests().back();
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.query.Get("match[]"), R"({a="x\"y", b!=""})");
  EXPECT_EQ(request.query.Get("start"), "1.5");
  EXPECT_EQ(request.query.Get("end"), "2");
  EXPECT_EQ(request.query.Get("limit"), "7");
  fake_.Answer("/api/v1/label/__name__/values", R"({"status":"success","data":["up"]})");
  EXPECT_THAT(client_->LabelValues(context_, "__name__", {}), IsOkAndHolds(ElementsAre("up")));
  fake_.Answer("/api/v1/series", R"({"status":"success","data":[{"__name__":"up","job":"x"}]})");
  EXPECT_THAT(client_->Series(context_, query),
              IsOkAndHolds(ElementsAre(Labels::Of({{"__name__", "up"}, {"job", "x"}}))));
}

TEST_F(ClientTest, HttpErrorsHaveThanosCodes) {
  const std::pair<int, StatusCode> rows[] = {
      {400, StatusCode::kInvalidArgument}, {404, StatusCode::kNotFound},
      {422, StatusCode::kInternal},        {500, StatusCode::kInternal},
      {503, StatusCode::kUnavailable},     {418, StatusCode::kInternal}};
  for (const auto& [http, code] : rows) {
    fake_.Answer("/api/v1/labels", "the body", http);
    EXPECT_THAT(client_->LabelNames(context_, {}), StatusIs(code, HasSubstr("the body")));
  }
  fake_.Answer("/api/v1/labels", "", 204);
  EXPECT_THAT(client_->LabelNames(context_, {}), IsOkAndHolds(ElementsAre()));
  fake_.Answer("/api/v1/labels", R"({"status":"error","errorType":"bad","error":"why"})");
  EXPECT_THAT(client_->LabelNames(context_, {}), StatusIs(StatusCode::kInternal, HasSubstr("why")));
  fake_.Answer("/api/v1/labels", std::string(100'000, '['));
  EXPECT_THAT(client_->LabelNames(context_, {}), StatusIs(StatusCode::kInternal));
  ClientOptions nobody;
  nobody.url = "http://127.0.0.1:1";
  EXPECT_THAT(PrometheusClient(nobody, http_).LabelNames(context_, {}),
              StatusIs(StatusCode::kInternal, HasSubstr("127.0.0.1:1")));
}

TEST_F(ClientTest, ReadsRules) {
  fake_.Answer("/api/v1/rules",
               R"({"status":"success","data":{"groups":[{"name":"g","file":"f","interval":5,
    "limit":3,"evaluationTime":0.5,"lastEvaluation":"2026-11-23T17:21:44.28Z","rules":[
    {"name":"r","query":"up","labels":{"a":"b"},"health":"ok","evaluationTime":0.1,"lastEvaluation":"0001-01-01T00:00:00Z","type":"recording"},
    {"state":"firing","name":"Down","query":"up==0","duration":60,"keepFiringFor":5,"labels":{},"annotations":{"s":"t"},
     "alerts":[{"labels":{"x":"y"},"annotations":{},"state":"firing","activeAt":"2026-11-23T17:21:44Z","value":"0e+00"}],
     "health":"ok","type":"alerting"}]}]}})");
  THANOS_ASSERT_OK_AND_ASSIGN(auto response, client_->Rules(context_, wire::RulesType::kAlert));
  EXPECT_EQ(fake_.requests().back().query.Get("type"), "alert");
  ASSERT_EQ(response.groups.size(), 1u);
  const wire::RuleGroup& group = response.groups[0];
  EXPECT_EQ(group.limit, 3);
  ASSERT_TRUE(group.last_evaluation.has_value());
  EXPECT_EQ(*group.last_evaluation % 1'000'000'000, 280'000'000);
  const auto& recording = std::get<wire::RecordingRule>(group.rules.at(0));
  EXPECT_FALSE(recording.last_evaluation.has_value());
  EXPECT_EQ(recording.labels, Labels::Of({{"a", "b"}}));
  const auto& alert = std::get<wire::AlertingRule>(group.rules.at(1));
  EXPECT_EQ(alert.state, wire::AlertState::kFiring);
  EXPECT_EQ(alert.keep_firing_for_seconds, 5);
  EXPECT_EQ(alert.alerts.at(0).value, "0e+00");
}

TEST_F(ClientTest, ReadsTheOtherFederatedAnswers) {
  fake_.Answer(
      "/api/v1/targets",
      R"({"status":"success","data":{"activeTargets":[{"discoveredLabels":{"__address__":"x"},
    "labels":{"job":"j"},"scrapePool":"p","scrapeUrl":"u","lastScrape":"2026-11-23T17:21:44Z","lastScrapeDuration":0.1,"health":"up"}],
    "droppedTargets":[{"discoveredLabels":{"d":"1"}}]}})");
  THANOS_ASSERT_OK_AND_ASSIGN(auto targets, client_->Targets(context_, wire::TargetsState::kAny));
  EXPECT_EQ(targets.active.at(0).health, wire::TargetHealth::kUp);
  EXPECT_EQ(targets.dropped.at(0), Labels::Of({{"d", "1"}}));
  fake_.Answer("/api/v1/metadata",
               R"({"status":"success","data":{"up":[{"type":"gauge","help":"h","unit":""}]}})");
  THANOS_ASSERT_OK_AND_ASSIGN(auto metadata, client_->Metadata(context_, "up", 0));
  EXPECT_EQ(metadata.metadata.at("up").at(0).type, "gauge");
  EXPECT_EQ(fake_.requests().back().query.Get("limit"), "0");
  fake_.Answer("/api/v1/query_exemplars", R"({"status":"success","data":[{"seriesLabels":{"a":"b"},
    "exemplars":[{"labels":{"trace_id":"t"},"value":"6","timestamp":1600096945.479}]}]})");
  THANOS_ASSERT_OK_AND_ASSIGN(auto exemplars, client_->Exemplars(context_, {"up", 0, 1000, {}}));
  EXPECT_EQ(exemplars.data.at(0).exemplars.at(0).timestamp_ms, 1600096945479);
  EXPECT_EQ(exemplars.data.at(0).exemplars.at(0).value, 6);
  fake_.Answer(
      "/api/v1/status/tsdb",
      R"({"status":"success","data":{"headStats":{"numSeries":748,"numLabelPairs":561,"minTime":5,"maxTime":6},
    "seriesCountByMetricName":[{"name":"up","value":3}]}})");
  THANOS_ASSERT_OK_AND_ASSIGN(auto tsdb, client_->TsdbStatistics(context_, 10));
  EXPECT_EQ(tsdb.series, 748u);
  EXPECT_EQ(tsdb.series_by_metric.at(0).value, 3u);
}

TEST_F(ClientTest, ReloadsOnlyWith200) {
  fake_.Answer("/-/reload", "");
  THANOS_EXPECT_OK(client_->Reload(context_));
  EXPECT_EQ(fake_.requests().back().method, "POST");
  fake_.Answer("/-/reload", "disabled", 403);
  EXPECT_THAT(client_->Reload(context_), StatusIs(StatusCode::kUnavailable, HasSubstr("disabled")));
}

}  // namespace
}  // namespace thanos::promclient
