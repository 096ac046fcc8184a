// Many stores as one source: those that hang, fail, are away or come too large.
#include "fanout/fanout_source.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_peer.h"
#include "fanout/limited_source.h"
#include "series/batch_builder.h"
#include "wire/series_frame.h"

namespace thanos::fanout {
namespace {

using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using thanos::testing::StatusIs;
using Clock = std::chrono::steady_clock;

std::string FrameOf(const Labels& labels) {
  const SeriesView series{labels, {}};
  auto frame = wire::EncodeSeriesFrame({&series, 1}, false);
  return std::string(reinterpret_cast<const char*>(frame->bytes().data()), frame->size());
}

// A stream that hangs once its frames are out.
class HangingStream : public rpc::FrameStream {
 public:
  HangingStream(const CallContext& context, Hang* hang) : context_(context), hang_(hang) {}
  Result<std::optional<base::PinnedBytes>> Next() override { return hang_->Wait(context_); }

 private:
  const CallContext context_;
  Hang* const hang_;
};

class FakeStore : public rpc::StoreService, public rpc::InfoService {
 public:
  Result<std::unique_ptr<rpc::FrameStream>> Series(const CallContext& context,
                                                   const SelectRequest&) override {
    if (hang != nullptr) {
      return std::unique_ptr<rpc::FrameStream>(std::make_unique<HangingStream>(context, hang));
    }
    if (!error.ok()) return error;
    return rpc::MakeListStream({FrameOf(Labels::Of({{"__name__", "m"}, {"store", name}}))});
  }
  Result<LabelsResult> LabelNames(const CallContext& context, const LabelsRequest&) override {
    if (hang != nullptr) THANOS_RETURN_IF_ERROR(hang->Wait(context));
    if (!error.ok()) return error;
    return LabelsResult{{name}, {}, false};
  }
  Result<LabelsResult> LabelValues(const CallContext& context, const std::string&,
                                   const LabelsRequest& request) override {
    return LabelNames(context, request);
  }
  Result<wire::InfoResponse> Info(const CallContext&) override {
    if (away.load()) return UnavailableError("away");
    wire::InfoResponse info;
    info.component = "store";
    info.store.emplace();
    info.label_sets = {Labels::Of({{"store", name}})};
    return info;
  }

  std::string name;
  Hang* hang = nullptr;
  Status error;
  std::atomic<bool> away{false};
};

class FanoutSourceTest : public ::testing::Test {
 protected:
  std::shared_ptr<FakeStore> Add(const std::string& name, Hang* hang = nullptr) {
    auto store = std::make_shared<FakeStore>();
    store->name = name;
    store->hang = hang;
    rpc::Services services;
    services.store = store;
    services.info = store;
    auto channel = std::make_shared<rpc::Channel>(rpc::MakeMemoryTransport(name + ":1", services),
                                                  rpc::ChannelOptions());
    auto endpoint = std::make_shared<Endpoint>(std::move(channel), false, response_timeout_);
    endpoint->Check(CallContext().WithTimeout(std::chrono::seconds(5)));
    endpoints_.push_back(std::move(endpoint));
    return store;
  }
  std::unique_ptr<FanoutSource> Make() {
    return std::make_unique<FanoutSource>(
        FanoutOptions(), [this] { return endpoints_; }, &registry_);
  }

  struct Answer {
    Status status;
    std::vector<std::string> stores;
    Warnings warnings;
    bool partial = false;
    std::vector<PeerShare> peers;
  };
  static Answer Select(SeriesSource& source, const CallContext& context,
                       PartialStrategy partial = PartialStrategy::kWarn) {
    SelectRequest request;
    request.matchers = {model::Matcher::Equal("__name__", "m")};
    request.max_ms = 1000;
    request.partial = partial;
    Answer answer;
    auto cursor = source.Select(context, request);
    answer.status = cursor.status();
    if (!cursor.ok()) return answer;
    (*cursor)->Start();
    for (;;) {
      auto batch = (*cursor)->Next();
      for (std::string& warning : (*cursor)->TakeWarnings()) {
        answer.warnings.push_back(std::move(warning));
      }
      answer.status = batch.status();
      if (!batch.ok() || !*batch) break;
      for (const SeriesView& series : (*batch)->series()) {
        answer.stores.emplace_back(series.labels.Get("store"));
      }
    }
    answer.partial = (*cursor)->end().partial;
    answer.peers = (*cursor)->end().peers;
    return answer;
  }

  Hang hang_;  // Outlives the endpoints, whose threads wait in it.
  metrics::Registry registry_;
  std::vector<std::shared_ptr<Endpoint>> endpoints_;
  std::chrono::nanoseconds response_timeout_{0};
};

TEST_F(FanoutSourceTest, ManyHungStoresCostOneTimeoutAndAWarningEach) {
  response_timeout_ = milliseconds(200);
  Add("good");
  constexpr int kHung = 40;
  for (int i = 0; i < kHung; ++i) Add("hung" + std::to_string(i), &hang_);
  const auto source = Make();
  auto start = Clock::now();
  const Answer answer = Select(*source, CallContext());
  EXPECT_LT(Clock::now() - start, milliseconds(1000));
  EXPECT_TRUE(answer.status.ok());
  EXPECT_THAT(answer.stores, ElementsAre("good"));
  EXPECT_EQ(answer.warnings.size(), static_cast<size_t>(kHung));
  EXPECT_THAT(answer.warnings, Each(HasSubstr("Addr: hung")));
  EXPECT_THAT(answer.warnings, Each(HasSubstr("failed to receive any data in 200ms")));
  EXPECT_TRUE(answer.partial);

  start = Clock::now();
  const auto names = source->LabelNames(CallContext(), {.max_ms = 1000});
  EXPECT_LT(Clock::now() - start, milliseconds(1000));
  THANOS_ASSERT_OK(names.status());
  EXPECT_THAT(names->values, ElementsAre("good"));
  EXPECT_EQ(names->warnings.size(), static_cast<size_t>(kHung));
  EXPECT_TRUE(names->partial);
}

TEST_F(FanoutSourceTest, NothingIsLeftOfAQueryWhoseCallerLeft) {
  for (int i = 0; i < 8; ++i) Add("hung" + std::to_string(i), &hang_);
  const auto source = Make();
  for (const bool labels : {false, true}) {
    const CallContext context = CallContext().WithCancel();
    std::thread caller([&] {
      const Status status = labels ? source->LabelNames(context, {.max_ms = 1000}).status()
                                   : Select(*source, context).status;
      EXPECT_THAT(status, StatusIs(StatusCode::kCancelled));
    });
    while (hang_.waiting() < 8) std::this_thread::sleep_for(milliseconds(1));
    const auto left = Clock::now();
    context.Cancel();
    caller.join();
    while (hang_.waiting() > 0 && Clock::now() - left < milliseconds(500)) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    EXPECT_EQ(hang_.waiting(), 0);
    EXPECT_LT(Clock::now() - left, milliseconds(100));
  }
}

TEST_F(FanoutSourceTest, AStoreThatIsKnownToBeAwayIsNamedWhereItWouldBeAsked) {
  Add("good");
  auto away = Add("away");
  away->away = true;
  endpoints_[1]->Check(CallContext());
  endpoints_[1]->Check(CallContext());
  const auto source = Make();
  Answer answer = Select(*source, CallContext());
  EXPECT_THAT(answer.stores, ElementsAre("good"));
  EXPECT_THAT(answer.warnings,
              ElementsAre(::testing::AllOf(HasSubstr("unhealthy"), HasSubstr("Addr: away:1"))));
  EXPECT_TRUE(answer.partial);
  // As Go, which knows nothing of it: a store that was taken away must not stop rules.
  answer = Select(*source, CallContext(), PartialStrategy::kAbort);
  EXPECT_TRUE(answer.status.ok());
  EXPECT_THAT(answer.warnings, IsEmpty());

  LabelsRequest labels{.max_ms = 1000};
  EXPECT_THAT(source->LabelNames(CallContext(), labels)->warnings, Contains(HasSubstr("away:1")));
  labels.matchers = {model::Matcher::Equal("store", "good")};
  EXPECT_THAT(source->LabelNames(CallContext(), labels)->warnings, IsEmpty());
}

TEST_F(FanoutSourceTest, AFailureIsAWarningOrTheError) {
  Add("good");
  Add("bad")->error = InternalError("told to fail");
  const auto source = Make();
  EXPECT_THAT(Select(*source, CallContext()).warnings,
              ElementsAre(::testing::AllOf(HasSubstr("receive series from Addr: bad:1"),
                                           HasSubstr("told to fail"))));
  EXPECT_THAT(Select(*source, CallContext(), PartialStrategy::kAbort).status,
              StatusIs(StatusCode::kAborted, HasSubstr("bad:1")));
  EXPECT_THAT(source->LabelValues(CallContext(), "x", {.max_ms = 1000})->warnings,
              ElementsAre(HasSubstr("fetch label values from store Addr: bad:1")));
  EXPECT_THAT(
      source->LabelValues(CallContext(), "x", {.max_ms = 1000, .partial = PartialStrategy::kAbort})
          .status(),
      StatusIs(StatusCode::kInternal, HasSubstr("bad:1")));
}

TEST_F(FanoutSourceTest, TellsWhatEachStoreGave) {
  Add("good");
  Add("bad")->error = InternalError("told to fail");
  const std::vector<PeerShare> peers = Select(*Make(), CallContext()).peers;
  ASSERT_EQ(peers.size(), 2u);
  EXPECT_EQ(peers[0].address, "good:1");
  EXPECT_EQ(peers[0].series, 1u);
  EXPECT_EQ(peers[0].responses, 1u);
  EXPECT_GT(peers[0].bytes, 0u);
  EXPECT_GT(peers[0].duration_ns, 0);
  EXPECT_EQ(peers[1].address, "bad:1");
  EXPECT_EQ(peers[1].series, 0u);
}

TEST_F(FanoutSourceTest, TheCallersOwnMemoryLimitIsAnErrorNotAWarning) {
  Add(std::string(5000, 'x'));
  const auto source = Make();
  const CallContext context =
      CallContext().WithBudget(Budget::Make("query", 1000, "query.memory-limit"));
  EXPECT_THAT(Select(*source, context).status,
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("query.memory-limit")));
}

TEST_F(FanoutSourceTest, LimitsHoldForWhoeverSelects) {
  for (const char* name : {"a", "b", "c"}) Add(name);
  std::shared_ptr<SeriesSource> all = Make();
  EXPECT_EQ(Select(*LimitSource(all, {3, 0, "prefix: "}, &registry_), CallContext()).stores.size(),
            3u);
  const Answer answer = Select(*LimitSource(all, {2, 0, "prefix: "}, &registry_), CallContext());
  EXPECT_THAT(answer.status, StatusIs(StatusCode::kUnknown,
                                      "prefix: failed to send series: limit 2 violated (got 3)"));
  EXPECT_THAT(
      registry_.Render(metrics::Format::kText),
      ::testing::AllOf(HasSubstr("thanos_store_selects_dropped_total{reason=\"series\"} 1"),
                       HasSubstr("thanos_store_selects_dropped_total{reason=\"chunks\"} 0")));
}

TEST(TsdbSelector, KeepsSetsAndAsksForNothingElse) {
  const std::vector<Labels> sets = {Labels::Of({{"region", "eu"}, {"zone", "a.b"}}),
                                    Labels::Of({{"region", "us"}}), Labels::Of({{"region", "ap"}})};
  EXPECT_EQ(TsdbSelector().Choose(sets)->kept, sets);
  const auto select = [](const char* yaml) {
    auto rules = relabel::Rules::Parse(yaml, relabel::SelectorOptions());
    EXPECT_TRUE(rules.ok());
    return TsdbSelector(*std::move(rules));
  };
  const TsdbSelector drop = select("- {action: drop, source_labels: [region], regex: ap}");
  const auto choice = drop.Choose(sets);
  ASSERT_TRUE(choice.has_value());
  EXPECT_EQ(choice->kept.size(), 2u);
  EXPECT_EQ(model::ToString(choice->matchers), "{region=~\"eu|us\", zone=~\"^$|a\\\\.b\"}");
  EXPECT_TRUE(model::AllMatch(choice->matchers, sets[0]));
  EXPECT_TRUE(model::AllMatch(choice->matchers, sets[1]));
  EXPECT_FALSE(model::AllMatch(choice->matchers, sets[2]));
  EXPECT_FALSE(drop.Choose({sets[2]}).has_value());
  EXPECT_TRUE(drop.Choose({}).has_value());
  EXPECT_THAT(drop.Choose({sets[0], sets[1]})->matchers, IsEmpty());
}

TEST_F(FanoutSourceTest, OnlyStoresThatTheSelectorKeepsAreAskedAndAnnounced) {
  for (const char* name : {"a", "b"}) Add(name);
  auto rules = relabel::Rules::Parse("- {action: keep, source_labels: [store], regex: b}",
                                     relabel::SelectorOptions());
  THANOS_ASSERT_OK(rules.status());
  FanoutSource source(
      {.tsdb_selector = TsdbSelector(*rules)}, [this] { return endpoints_; }, &registry_);
  EXPECT_THAT(Select(source, CallContext()).stores, ElementsAre("b"));
  EXPECT_THAT(source.LabelNames(CallContext(), {.max_ms = 1000})->values, ElementsAre("b"));
  EXPECT_THAT(source.Info().label_sets, ElementsAre(Labels::Of({{"store", "b"}})));
}

}  // namespace
}  // namespace thanos::fanout
