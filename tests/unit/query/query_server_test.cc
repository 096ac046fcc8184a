#include "query/query_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/byte_reader.h"
#include "leaf.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::query {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using thanos::testing::StatusIs;

constexpr int64_t kTime = 1'700'000'000;

class QueryServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 5; ++i) {
      auto& samples =
          leaf_.source->data.At(Labels::Of({{"__name__", "m"}, {"i", std::to_string(i)}}));
      samples.t = {kTime * 1000, (kTime + 60) * 1000};
      samples.v = {static_cast<double>(i), static_cast<double>(i + 10)};
    }
    leaf_.Serve("leaf:1", true);
  }

  struct Answer {
    Status status;
    Warnings warnings;
    std::vector<wire::SampledSeries> series;
    std::vector<size_t> frames;  // Series in each.
    std::optional<wire::QuerySampleStats> stats;
  };
  Answer Ask(const wire::QueryRequest& request, bool range) {
    rpc::Channel& channel = leaf_.endpoint->channel();
    const CallContext context = CallContext().WithTimeout(std::chrono::seconds(20));
    const auto reader =
        range ? channel.QueryRange(context, request, {}) : channel.Query(context, request, {});
    Answer answer;
    for (;;) {
      auto frame = reader->Next();
      answer.status = frame.status();
      if (!frame.ok() || !frame->has_value()) return answer;
      auto decoded = wire::DecodeQueryFrame(codec::AsText((*frame)->bytes()));
      EXPECT_TRUE(decoded.ok());
      if (!decoded->warnings.empty()) answer.warnings.push_back(decoded->warnings);
      if (!decoded->series.empty()) answer.frames.push_back(decoded->series.size());
      if (decoded->stats) answer.stats = decoded->stats;
      for (auto& one : decoded->series) answer.series.push_back(std::move(one));
    }
  }

  Leaf leaf_;
};

TEST_F(QueryServerTest, AnInstantQueryInBatches) {
  wire::QueryRequest request{.query = "m", .time_seconds = kTime};
  Answer answer = Ask(request, false);
  EXPECT_TRUE(answer.status.ok());
  EXPECT_THAT(answer.frames, ElementsAre(1, 1, 1, 1, 1));
  ASSERT_EQ(answer.series.size(), 5u);
  EXPECT_THAT(answer.series[3].t, ElementsAre(kTime * 1000));
  EXPECT_THAT(answer.series[3].v, ElementsAre(3));
  EXPECT_TRUE(answer.stats.has_value());
  request.batch_series = 2;
  EXPECT_THAT(Ask(request, false).frames, ElementsAre(2, 2, 1));
}

TEST_F(QueryServerTest, ARangeQuery) {
  const wire::QueryRequest request{.query = "sum(m)",
                                   .start_seconds = kTime - 60,
                                   .end_seconds = kTime + 60,
                                   .interval_seconds = 60};
  const Answer answer = Ask(request, true);
  ASSERT_EQ(answer.series.size(), 1u);
  EXPECT_TRUE(answer.series[0].labels.empty());
  EXPECT_THAT(answer.series[0].t, ElementsAre(kTime * 1000, (kTime + 60) * 1000));
  EXPECT_THAT(answer.series[0].v, ElementsAre(10, 60));
  EXPECT_TRUE(answer.stats.has_value());
}

TEST_F(QueryServerTest, Scalars) {
  const Answer instant = Ask({.query = "1.5", .time_seconds = kTime}, false);
  ASSERT_EQ(instant.series.size(), 1u);
  EXPECT_THAT(instant.series[0].v, ElementsAre(1.5));
  const Answer range = Ask(
      {.query = "time()", .start_seconds = kTime, .end_seconds = kTime + 2, .interval_seconds = 1},
      true);
  ASSERT_EQ(range.series.size(), 1u);
  EXPECT_EQ(range.series[0].v.size(), 3u);
}

TEST_F(QueryServerTest, ErrorsAreAbortedOrAWarningOfAnInstantQuery) {
  leaf_.source->error = InternalError("told to fail");
  wire::QueryRequest request{.query = "m",
                             .time_seconds = kTime,
                             .start_seconds = kTime,
                             .end_seconds = kTime,
                             .interval_seconds = 1};
  EXPECT_THAT(Ask(request, false).status,
              StatusIs(StatusCode::kAborted, HasSubstr("told to fail")));
  request.partial_response = true;
  const Answer answer = Ask(request, false);
  EXPECT_TRUE(answer.status.ok());
  EXPECT_THAT(answer.warnings, ElementsAre(HasSubstr("told to fail")));
  EXPECT_THAT(answer.series, IsEmpty());
  EXPECT_FALSE(answer.stats.has_value());
  EXPECT_THAT(Ask(request, true).status, StatusIs(StatusCode::kAborted));
}

TEST_F(QueryServerTest, WhatCannotBeIsRefused) {
  EXPECT_THAT(Ask({.query = "sum("}, false).status,
              StatusIs(StatusCode::kUnknown, HasSubstr("parse error")));
  EXPECT_THAT(Ask({.plan_json = "{}"}, false).status, StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Ask({.query = "m", .time_seconds = INT64_MAX}, false).status,
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("time")));
  EXPECT_THAT(Ask({.query = "m", .end_seconds = 1}, true).status,
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("step")));
  EXPECT_THAT(Ask({.query = "m", .end_seconds = INT64_MAX, .interval_seconds = 1}, true).status,
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Ask({.query = "m", .end_seconds = 1'000'000'000, .interval_seconds = 1}, true).status,
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("resolution")));
  EXPECT_THAT(
      Ask({.query = "m", .start_seconds = 2, .end_seconds = 1, .interval_seconds = 1}, true).status,
      StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(QueryServerTest, LookbackAndDeduplicationAreTheCallers) {
  EXPECT_THAT(Ask({.query = "m", .time_seconds = kTime + 200}, false).series.size(), 5u);
  EXPECT_THAT(
      Ask({.query = "m", .time_seconds = kTime + 200, .lookback_delta_seconds = 60}, false).series,
      IsEmpty());
  const Answer joined =
      Ask({.query = "m", .time_seconds = kTime, .replica_labels = {"i"}, .dedup = true}, false);
  EXPECT_EQ(joined.series.size(), 1u);
}

}  // namespace
}  // namespace thanos::query
