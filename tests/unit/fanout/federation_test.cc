#include "fanout/federation.h"

#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_peer.h"

namespace thanos::fanout {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using thanos::testing::StatusIs;
using Clock = std::chrono::steady_clock;

wire::RulesResponse GroupNamed(const std::string& name) {
  wire::RulesResponse response;
  response.groups.push_back({.name = name, .file = "f"});
  return response;
}

class FederationTest : public ::testing::Test {
 protected:
  std::shared_ptr<FakePeer> AddPeer(const std::string& address) {
    auto peer = std::make_shared<FakePeer>();
    peer->info.rules = peer->info.targets = peer->info.metric_metadata = true;
    peer->info.exemplars = peer->info.status = true;
    peers_.emplace_back(address, peer);
    return peer;
  }
  // Every peer added so far is asked for its Info here.
  std::unique_ptr<Federation> Make(FederationOptions options = {}) {
    std::vector<std::shared_ptr<Endpoint>> endpoints;
    for (const auto& [address, peer] : peers_) endpoints.push_back(MakeEndpoint(address, peer));
    if (!options.selectors_of) {
      options.selectors_of = [](std::string_view) -> Result<std::vector<model::Matchers>> {
        return std::vector<model::Matchers>{
            {model::Matcher::Equal("__name__", "g"), model::Matcher::Equal("cluster", "eu")}};
      };
    }
    return std::make_unique<Federation>(std::move(options), [endpoints] { return endpoints; });
  }

  std::vector<std::pair<std::string, std::shared_ptr<FakePeer>>> peers_;
};

TEST_F(FederationTest, OnlyPeersThatOfferACallAreAsked) {
  AddPeer("a:1")->rules = [](const auto&, const auto&) { return GroupNamed("a"); };
  auto silent = AddPeer("b:1");
  silent->info.rules = false;
  silent->rules = [](const auto&, const auto&) { return GroupNamed("b"); };
  THANOS_ASSERT_OK_AND_ASSIGN(const auto rules, Make()->Rules(CallContext(), {}));
  ASSERT_EQ(rules.groups.size(), 1u);
  EXPECT_EQ(rules.groups[0].name, "a");
}

TEST_F(FederationTest, AFailingPeerIsAWarningThatNamesItOrTheError) {
  AddPeer("a:1")->rules = [](const auto&, const auto&) {
    wire::RulesResponse response = GroupNamed("a");
    response.warnings = {"careful"};
    return response;
  };
  AddPeer("b:1")->rules = [](const auto&, const auto&) -> Result<wire::RulesResponse> {
    return InternalError("told to fail");
  };
  const auto federation = Make();
  THANOS_ASSERT_OK_AND_ASSIGN(const auto rules, federation->Rules(CallContext(), {}));
  EXPECT_EQ(rules.groups.size(), 1u);
  EXPECT_THAT(rules.warnings,
              ElementsAre("careful",
                          "receiving rules from rules client b:1: rpc error: code = Internal desc "
                          "= told to fail"));
  wire::RulesRequest strict;
  strict.partial = PartialStrategy::kAbort;
  EXPECT_THAT(federation->Rules(CallContext(), strict),
              StatusIs(StatusCode::kInternal, HasSubstr("b:1")));
}

TEST_F(FederationTest, ManyHungPeersCostOneTimeoutAndAWarningEach) {
  Hang hang;
  AddPeer("good:1")->rules = [](const auto&, const auto&) { return GroupNamed("a"); };
  constexpr int kHung = 40;  // More than any pool of threads here has.
  for (int i = 0; i < kHung; ++i) {
    AddPeer("hung" + std::to_string(i) + ":1")->rules =
        [&](const CallContext& context, const auto&) -> Result<wire::RulesResponse> {
      return hang.Wait(context);
    };
  }
  FederationOptions options;
  options.call_timeout = milliseconds(300);
  const auto federation = Make(options);
  const auto start = Clock::now();
  THANOS_ASSERT_OK_AND_ASSIGN(const auto rules, federation->Rules(CallContext(), {}));
  EXPECT_LT(Clock::now() - start, milliseconds(1500));
  EXPECT_EQ(rules.groups.size(), 1u);
  EXPECT_EQ(rules.warnings.size(), static_cast<size_t>(kHung));
  EXPECT_THAT(rules.warnings, ::testing::Each(HasSubstr("hung")));
}

TEST_F(FederationTest, ACallerWhoLeavesEndsTheCallsWithin100Milliseconds) {
  Hang hang;
  for (int i = 0; i < 3; ++i) {
    AddPeer("hung" + std::to_string(i) + ":1")->rules =
        [&](const CallContext& context, const auto&) -> Result<wire::RulesResponse> {
      return hang.Wait(context);
    };
  }
  const auto federation = Make();
  const CallContext context = CallContext().WithCancel();
  std::thread caller(
      [&] { EXPECT_THAT(federation->Rules(context, {}), StatusIs(StatusCode::kCancelled)); });
  while (hang.waiting() < 3) std::this_thread::sleep_for(milliseconds(1));
  context.Cancel();
  const auto cancelled = Clock::now();
  caller.join();
  while (hang.waiting() > 0 && Clock::now() - cancelled < milliseconds(500)) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(hang.waiting(), 0);
  EXPECT_LT(Clock::now() - cancelled, milliseconds(100));
}

TEST_F(FederationTest, AnAnswerAboveTheBudgetIsTheErrorOfTheCall) {
  AddPeer("a:1")->rules = [](const auto&, const auto&) {
    return GroupNamed(std::string(100000, 'x'));
  };
  const CallContext context = CallContext().WithBudget(Budget::Make("query", 50000, "the-flag"));
  EXPECT_THAT(Make()->Rules(context, {}),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("the-flag")));
}

TEST_F(FederationTest, ExemplarQueriesLoseTheMatchersOfExternalLabels) {
  auto eu = AddPeer("eu:1"), us = AddPeer("us:1"), querier = AddPeer("q:1"), any = AddPeer("x:1");
  eu->info.label_sets = {Labels::Of({{"cluster", "eu"}})};
  us->info.label_sets = {Labels::Of({{"cluster", "us"}})};
  querier->info.label_sets = {Labels::Of({{"cluster", "eu"}})};
  querier->info.component = "query";
  THANOS_ASSERT_OK_AND_ASSIGN(const auto answer, Make()->Exemplars(CallContext(), {.query = "g"}));
  EXPECT_EQ(eu->exemplar_query, "{__name__=\"g\"}");
  EXPECT_EQ(us->exemplar_query, "");
  EXPECT_EQ(querier->exemplar_query, "{__name__=\"g\", cluster=\"eu\"}");
  EXPECT_EQ(any->exemplar_query, "{__name__=\"g\", cluster=\"eu\"}");
}

TEST_F(FederationTest, SelectorLabelsAreRequiredAndStrippedFromExemplarQueries) {
  auto peer = AddPeer("a:1");
  FederationOptions options;
  options.selector_labels = Labels::Of({{"cluster", "eu"}});
  THANOS_ASSERT_OK_AND_ASSIGN(auto answer, Make(options)->Exemplars(CallContext(), {.query = "g"}));
  EXPECT_EQ(peer->exemplar_query, "{__name__=\"g\"}");
  peer->exemplar_query.clear();
  options.selector_labels = Labels::Of({{"cluster", "us"}});
  THANOS_ASSERT_OK_AND_ASSIGN(answer, Make(options)->Exemplars(CallContext(), {.query = "g"}));
  EXPECT_EQ(peer->exemplar_query, "");
  options.selectors_of = [](std::string_view) -> Result<std::vector<model::Matchers>> {
    return InvalidArgumentError("1:1: parse error: no");
  };
  EXPECT_THAT(Make(options)->Exemplars(CallContext(), {.query = "g"}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("parse error")));
}

TEST_F(FederationTest, MetadataIsJoinedAndCutAndStatisticsAreSummed) {
  auto a = AddPeer("a:1"), b = AddPeer("b:1");
  a->metadata.metadata = {{"m", {{"gauge", "h", ""}}}, {"z", {{"gauge", "h", ""}}}};
  b->metadata.metadata = {{"m", {{"gauge", "h", ""}, {"counter", "h", ""}}}};
  a->statistics.by_tenant[""] = {.series = 3, .min_ms = 10, .max_ms = 20};
  a->statistics.by_tenant[""].series_by_metric = {{"x", 1}, {"y", 5}};
  a->statistics.by_tenant[""].values_by_label = {{"l", 7}};
  b->statistics.by_tenant[""] = {.series = 4, .min_ms = 5, .max_ms = 30};
  b->statistics.by_tenant[""].series_by_metric = {{"x", 9}};
  b->statistics.by_tenant[""].values_by_label = {{"l", 6}};
  const auto federation = Make();
  THANOS_ASSERT_OK_AND_ASSIGN(const auto metadata,
                              federation->MetricMetadata(CallContext(), {.limit = 1}));
  ASSERT_EQ(metadata.metadata.size(), 1u);
  EXPECT_EQ(metadata.metadata.at("m").size(), 2u);
  THANOS_ASSERT_OK_AND_ASSIGN(const auto all, federation->TsdbStatistics(CallContext(), {}));
  const wire::TsdbStatistics& head = all.by_tenant.at("");
  EXPECT_EQ(head.series, 7u);
  EXPECT_EQ(head.min_ms, 5);
  EXPECT_EQ(head.max_ms, 30);
  ASSERT_EQ(head.series_by_metric.size(), 2u);
  EXPECT_EQ(head.series_by_metric[0].name, "x");
  EXPECT_EQ(head.series_by_metric[0].value, 10u);
  EXPECT_EQ(head.values_by_label[0].value, 7u);
}

}  // namespace
}  // namespace thanos::fanout
