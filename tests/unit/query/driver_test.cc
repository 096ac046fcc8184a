// Admission, the log of queries, the binding to a tenant.
#include "query/driver.h"

#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "leaf.h"
#include "query/fair_gate.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::query {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using thanos::testing::StatusIs;

bool Eventually(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

TEST(FairGate, TenantsTakeTurnsAndAreServedInOrderWithin) {
  metrics::Registry registry;
  FairGate gate(1, &registry, "gate");
  auto first = gate.Enter(CallContext().WithTenant("a"));
  ASSERT_TRUE(first.ok());
  std::mutex mutex;
  std::vector<std::string> order;
  std::vector<std::thread> threads;
  for (const char* name : {"a1", "a2", "a3", "a4", "b1", "b2"}) {
    threads.emplace_back([&, name] {
      auto pass = gate.Enter(CallContext().WithTenant(std::string(1, name[0])));
      ASSERT_TRUE(pass.ok());
      std::lock_guard lock(mutex);
      order.push_back(name);
    });
    ASSERT_TRUE(Eventually([&] { return gate.waiting() == threads.size(); }));
  }
  *first = FairGate::Pass();
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(order, ElementsAre("b1", "a1", "b2", "a2", "a3", "a4"));
  const std::string text = registry.Render(metrics::Format::kText);
  EXPECT_THAT(text, ::testing::AllOf(HasSubstr("gate_total 7"), HasSubstr("gate_in_flight 0"),
                                     HasSubstr("gate_max 1")));
}

TEST(FairGate, WhoLeavesWhileWaitingTakesNoPlace) {
  metrics::Registry registry;
  FairGate gate(1, &registry, "gate");
  auto first = gate.Enter(CallContext());
  EXPECT_THAT(gate.Enter(CallContext().WithTimeout(milliseconds(5))).status(),
              StatusIs(StatusCode::kDeadlineExceeded));
  const CallContext leaves = CallContext().WithCancel();
  std::thread thread(
      [&] { EXPECT_THAT(gate.Enter(leaves).status(), StatusIs(StatusCode::kCancelled)); });
  ASSERT_TRUE(Eventually([&] { return gate.waiting() == 1; }));
  leaves.Cancel();
  thread.join();
  EXPECT_EQ(gate.waiting(), 0u);
  *first = FairGate::Pass();
  EXPECT_TRUE(gate.Enter(CallContext().WithTimeout(milliseconds(5))).ok());
}

promql::QueryParams Instant(const std::string& text) {
  promql::QueryParams params;
  params.text = text;
  params.start_ms = params.end_ms = 60'000;
  return params;
}

TEST(QueryLog, RunningAndFinishedQueriesAndCancelling) {
  QueryLogOptions options;
  options.finished_max = 2;
  THANOS_ASSERT_OK_AND_ASSIGN(const auto log, QueryLog::Make(options, {}));
  auto one = log->Begin(CallContext().WithTenant("t"), Instant("one"));
  auto two = log->Begin(CallContext(), Instant("two"));
  ASSERT_EQ(log->Running().size(), 2u);
  EXPECT_EQ(log->Running()[0].text, "one");
  EXPECT_EQ(log->Running()[0].tenant, "t");
  EXPECT_TRUE(log->Cancel(log->Running()[1].id));
  EXPECT_THAT(two.context().Check(), StatusIs(StatusCode::kCancelled, HasSubstr("on request")));
  EXPECT_TRUE(one.context().Check().ok());
  two.Finish(two.context().Check(), 7);
  one.Finish(OkStatus(), 3);
  EXPECT_THAT(log->Running(), IsEmpty());
  EXPECT_FALSE(log->Cancel(1));
  ASSERT_EQ(log->Finished().size(), 2u);
  EXPECT_EQ(log->Finished()[0].text, "one");
  EXPECT_EQ(log->Finished()[1].samples, 7u);
  EXPECT_THAT(log->Finished()[1].error, HasSubstr("cancelled"));
  {
    auto three = log->Begin(CallContext(), Instant("three"));
  }
  ASSERT_EQ(log->Finished().size(), 2u);
  EXPECT_EQ(log->Finished()[0].text, "three");
}

TEST(QueryLog, TheFileHoldsWhatRuns) {
  testing::TemporaryDirectory directory;
  QueryLogOptions options;
  options.active_folder = directory.path() + "/active";
  options.active_max = 2;
  const auto file = [&] {
    std::ifstream in(options.active_folder + "/queries.active", std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    EXPECT_EQ(text.size(), 2001u);
    std::erase(text, '\0');
    return text;
  };
  THANOS_ASSERT_OK_AND_ASSIGN(auto log, QueryLog::Make(options, {}));
  EXPECT_EQ(file(), "[");
  {
    auto one = log->Begin(CallContext(), Instant("sum(m{a=\"b\"})"));
    EXPECT_THAT(file(),
                ::testing::AllOf(::testing::StartsWith("[{\"query\":\"sum(m{a=\\\"b\\\"})\","),
                                 HasSubstr("\"timestamp_sec\":"), ::testing::EndsWith("},")));
    // Long texts are cut, also such that only grow when escaped.
    auto two = log->Begin(CallContext(), Instant(std::string(5000, '<')));
    EXPECT_LE(file().size(), 2001u);
    auto three = log->Begin(CallContext(), Instant("no place"));
    EXPECT_THAT(file(), ::testing::Not(HasSubstr("no place")));
  }
  EXPECT_EQ(file(), "[");
  options.active_folder = "/proc/none";
  EXPECT_THAT(QueryLog::Make(options, {}).status(), StatusIs(StatusCode::kUnavailable));
}

TEST(Driver, ACancelledQueryEndsAndIsListed) {
  metrics::Registry registry;
  auto source = std::make_shared<LeafSource>();
  for (int i = 0; i < 2000; ++i) {
    auto& samples = source->data.At(Labels::Of({{"__name__", "m"}, {"i", std::to_string(i)}}));
    for (int t = 0; t < 500; ++t) {
      samples.t.push_back(t * 1000);
      samples.v.push_back(t);
    }
  }
  source->data.Seal();
  DriverOptions options;
  THANOS_ASSERT_OK_AND_ASSIGN(options.log, QueryLog::Make({}, {}));
  Driver driver(options, source, &registry);
  promql::QueryParams params;
  params.text = "sum(quantile_over_time(0.5, m[400s]))";
  params.end_ms = 500'000;
  params.step_ms = 100;
  std::thread canceller([&] {
    EXPECT_TRUE(Eventually([&] { return options.log->Running().size() == 1; }));
    EXPECT_TRUE(options.log->Cancel(options.log->Running()[0].id));
  });
  QueryFailure failure;
  auto result = driver.Run(CallContext(), params, {}, &failure);
  canceller.join();
  EXPECT_THAT(result.status(), StatusIs(StatusCode::kCancelled));
  ASSERT_EQ(options.log->Finished().size(), 1u);
  EXPECT_NE(options.log->Finished()[0].error, "");
}

TEST(Driver, ABindingHoldsEverySelector) {
  metrics::Registry registry;
  auto source = std::make_shared<LeafSource>();
  for (const char* tenant : {"t1", "t2"}) {
    for (const char* name : {"m", "target_info"}) {
      auto& samples = source->data.At(
          Labels::Of({{"__name__", name}, {"instance", "i"}, {"job", "j"}, {"tenant_id", tenant}}));
      samples.t = {60'000};
      samples.v = {1};
    }
  }
  source->data.Seal();
  Driver driver({}, source, &registry);
  const LabelBinding binding{"tenant_id", "t1"};
  QueryFailure failure;
  for (const char* text : {"m", "m{tenant_id=\"t2\"}", "m{tenant_id!=\"\"}", "{__name__=~\".+\"}",
                           "m or m", "last_over_time(m[1m])", "max_over_time(m[1m:30s])"}) {
    auto result = driver.Run(CallContext(), Instant(text), {}, &failure, binding);
    THANOS_ASSERT_OK(result.status());
    ASSERT_FALSE(result->series.empty()) << text;
    for (const auto& series : result->series) {
      EXPECT_EQ(series.labels.Get("tenant_id"), "t1") << text;
    }
  }
  auto bound = BindSource(source.get(), binding);
  LabelsRequest labels;
  labels.matchers = {model::Matcher::Equal("tenant_id", "t2"), model::Matcher::Equal("a", "b")};
  THANOS_ASSERT_OK(bound->LabelNames(CallContext(), labels).status());
  EXPECT_EQ(model::ToString(source->last_matchers), "{a=\"b\", tenant_id=\"t1\"}");
  THANOS_ASSERT_OK(bound->LabelValues(CallContext(), "x", LabelsRequest()).status());
  EXPECT_EQ(model::ToString(source->last_matchers), "{tenant_id=\"t1\"}");
}

TEST(Driver, QueriesCountForTheEngineTheyName) {
  metrics::Registry registry;
  auto source = std::make_shared<LeafSource>();
  source->data.At(Labels::Of({{"__name__", "m"}})) = {{60'000}, {1}, {}, {}};
  Driver driver({}, source, &registry);
  promql::QueryParams params = Instant("m + m");
  QueryFailure failure;
  ASSERT_TRUE(driver.Run(CallContext(), params, {}, &failure).ok());
  params.select.hints = promql::HintStyle::kThanos;
  ASSERT_TRUE(driver.Run(CallContext(), params, {}, &failure).ok());
  const std::string text = registry.Render(metrics::Format::kText);
  for (const char* line :
       {"prometheus_engine_queries{engine=\"prometheus\",mode=\"local\"} 0",
        "prometheus_engine_query_samples_total{engine=\"prometheus\",mode=\"local\"} 4",
        "thanos_engine_queries_total{engine=\"thanos\",mode=\"local\"} 1",
        "thanos_engine_queries_total{engine=\"thanos\",mode=\"distributed\"} 0",
        "thanos_query_concurrent_selects_gate_selects_total 4",
        "thanos_query_concurrent_selects_gate_selects_in_flight 0"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

}  // namespace
}  // namespace thanos::query
