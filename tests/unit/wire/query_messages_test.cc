#include "wire/query_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "thanos/testing/status_matchers.h"
#include "wire/federation_messages.h"

namespace thanos::wire {
namespace {

using ::testing::ElementsAre;
using thanos::testing::StatusIs;

TEST(QueryMessages, RequestsComeBackAsTheyWere) {
  QueryRequest request;
  request.query = "sum(up)";
  request.time_seconds = 5;
  request.timeout_seconds = 120;
  request.replica_labels = {"replica"};
  request.store_matchers = {{model::Matcher::Equal("__address__", "x")}};
  request.dedup = request.partial_response = true;
  request.shard = Shard{1, 2, true, {"job"}};
  request.engine = QueryEngine::kThanos;
  request.plan_json = "{}";
  request.batch_series = 64;
  THANOS_ASSERT_OK_AND_ASSIGN(QueryRequest back, DecodeQueryRequest(EncodeQueryRequest(request)));
  EXPECT_EQ(back.query, "sum(up)");
  EXPECT_EQ(back.time_seconds, 5);
  EXPECT_THAT(back.replica_labels, ElementsAre("replica"));
  EXPECT_EQ(back.store_matchers, request.store_matchers);
  EXPECT_TRUE(back.dedup && back.partial_response);
  EXPECT_EQ(back.shard->total, 2);
  EXPECT_EQ(back.engine, QueryEngine::kThanos);
  EXPECT_EQ(back.plan_json, "{}");
  EXPECT_EQ(back.batch_series, 64u);
  request.start_seconds = 1;
  request.end_seconds = 9;
  request.interval_seconds = 2;
  THANOS_ASSERT_OK_AND_ASSIGN(back, DecodeQueryRangeRequest(EncodeQueryRangeRequest(request)));
  EXPECT_EQ(back.end_seconds, 9);
  EXPECT_EQ(back.interval_seconds, 2);
  EXPECT_EQ(back.plan_json, "{}");
  EXPECT_THAT(DecodeQueryRequest("\xff"), StatusIs(StatusCode::kDataLoss));
}

TEST(QueryMessages, FramesComeBackAsTheyWere) {
  model::FloatHistogram histogram;
  histogram.schema = 1;
  histogram.count = 3.5;
  histogram.sum = -1;
  histogram.positive_spans = {{-2, 2}};
  histogram.positive_buckets = {1, 2.5};
  histogram.hint = model::CounterResetHint::kGauge;
  const SampledSeries series{
      Labels::Of({{"a", "1"}}), {1000, 2000}, {1, -0.0}, {{3000, histogram}}};
  for (const bool batched : {false, true}) {
    THANOS_ASSERT_OK_AND_ASSIGN(QueryFrame frame,
                                DecodeQueryFrame(EncodeQuerySeries({&series, 1}, batched)));
    ASSERT_EQ(frame.series.size(), 1u);
    EXPECT_EQ(frame.series[0].labels, series.labels);
    EXPECT_EQ(frame.series[0].t, series.t);
    ASSERT_EQ(frame.series[0].histograms.size(), 1u);
    EXPECT_EQ(frame.series[0].histograms[0].t, 3000);
    EXPECT_EQ(frame.series[0].histograms[0].value.positive_buckets, histogram.positive_buckets);
    EXPECT_EQ(frame.series[0].histograms[0].value.hint, histogram.hint);
  }
  THANOS_ASSERT_OK_AND_ASSIGN(QueryFrame warned, DecodeQueryFrame(EncodeQueryWarnings("careful")));
  EXPECT_EQ(warned.warnings, "careful");
  THANOS_ASSERT_OK_AND_ASSIGN(QueryFrame last, DecodeQueryFrame(EncodeQueryStats({7, 3})));
  ASSERT_TRUE(last.stats.has_value());
  EXPECT_EQ(last.stats->peak_samples, 3);
}

TEST(FederationMessages, ResponsesComeBackAsTheyWere) {
  TargetsResponse targets;
  targets.active.push_back({Labels::Of({{"d", "1"}}), Labels::Of({{"l", "2"}}), "pool", "url",
                            "global", "err", int64_t{1'500'000'000}, 0.5, TargetHealth::kUp});
  targets.dropped = {Labels::Of({{"x", "y"}})};
  targets.warnings = {"w"};
  TargetsResponse targets_back;
  for (const std::string& frame : EncodeFrames(targets))
    THANOS_ASSERT_OK(AddFrame(frame, &targets_back));
  EXPECT_EQ(targets_back.active.at(0).labels, targets.active[0].labels);
  EXPECT_EQ(targets_back.active.at(0).last_scrape, targets.active[0].last_scrape);
  EXPECT_EQ(targets_back.active.at(0).health, TargetHealth::kUp);
  EXPECT_EQ(targets_back.dropped, targets.dropped);
  EXPECT_THAT(targets_back.warnings, ElementsAre("w"));

  MetadataResponse metadata;
  metadata.metadata["up"] = {{"gauge", "help", "unit"}};
  metadata.metadata["none"] = {};
  MetadataResponse metadata_back;
  for (const std::string& frame : EncodeFrames(metadata))
    THANOS_ASSERT_OK(AddFrame(frame, &metadata_back));
  EXPECT_EQ(metadata_back.metadata, metadata.metadata);

  ExemplarsResponse exemplars;
  exemplars.data.push_back({Labels::Of({{"s", "1"}}), {{Labels::Of({{"trace", "t"}}), 1.5, 7}}});
  ExemplarsResponse exemplars_back;
  for (const std::string& frame : EncodeFrames(exemplars))
    THANOS_ASSERT_OK(AddFrame(frame, &exemplars_back));
  EXPECT_EQ(exemplars_back.data.at(0).exemplars.at(0).timestamp_ms, 7);

  TsdbStatisticsResponse tsdb;
  tsdb.by_tenant["t"] = {1, 2, 3, 4, 5, {{"a", 1}}, {}, {}, {{"b", 2}}};
  TsdbStatisticsResponse tsdb_back;
  for (const std::string& frame : EncodeFrames(tsdb)) THANOS_ASSERT_OK(AddFrame(frame, &tsdb_back));
  EXPECT_EQ(tsdb_back.by_tenant.at("t").series, 1u);
  EXPECT_EQ(tsdb_back.by_tenant.at("t").series_by_pair.at(0).value, 2u);
}

TEST(FederationMessages, RequestsComeBackAsTheyWere) {
  RulesRequest rules;
  THANOS_ASSERT_OK(Decode(
      Encode(RulesRequest{RulesType::kRecord, PartialStrategy::kAbort, {"m"}, {"n"}, {"g"}, {"f"}}),
      &rules));
  EXPECT_EQ(rules.type, RulesType::kRecord);
  EXPECT_EQ(rules.partial, PartialStrategy::kAbort);
  EXPECT_THAT(rules.files, ElementsAre("f"));
  MetadataRequest metadata;
  THANOS_ASSERT_OK(Decode(Encode(MetadataRequest{"up", -1, {}}), &metadata));
  EXPECT_EQ(metadata.limit, -1);
  TsdbStatisticsRequest tsdb;
  THANOS_ASSERT_OK(
      Decode(Encode(TsdbStatisticsRequest{5, {}, {model::Matcher::Equal("a", "b")}}), &tsdb));
  EXPECT_EQ(tsdb.matchers.size(), 1u);
  ExemplarsRequest exemplars;
  THANOS_ASSERT_OK(Decode(Encode(ExemplarsRequest{"up", 1, 2, {}}), &exemplars));
  EXPECT_EQ(exemplars.max_ms, 2);
  TargetsRequest targets;
  THANOS_ASSERT_OK(Decode(Encode(TargetsRequest{TargetsState::kDropped, {}}), &targets));
  EXPECT_EQ(targets.state, TargetsState::kDropped);
  EXPECT_THAT(Decode("\xff", &targets), StatusIs(StatusCode::kDataLoss));
}

}  // namespace
}  // namespace thanos::wire
