#include "fanout/endpoint_set.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_peer.h"
#include "rpc/server.h"

namespace thanos::fanout {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using thanos::testing::StatusIs;
using Clock = std::chrono::steady_clock;

bool Eventually(const std::function<bool()>& condition,
                std::chrono::nanoseconds patience = std::chrono::seconds(10)) {
  const auto until = Clock::now() + patience;
  while (!condition()) {
    if (Clock::now() > until) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

class FakeResolver : public net::Resolver {
 public:
  Result<std::vector<std::string>> Resolve(const CallContext&, std::string_view address) override {
    std::lock_guard lock(mutex);
    if (fails) return UnavailableError("no name server");
    return names[std::string(address)];
  }
  std::mutex mutex;
  std::map<std::string, std::vector<std::string>> names;
  bool fails = false;
};

// Peers by address, reached in memory.
class EndpointSetTest : public ::testing::Test {
 protected:
  std::shared_ptr<FakePeer> Peer(const std::string& address) {
    std::lock_guard lock(mutex_);
    auto& peer = peers_[address];
    if (!peer) peer = std::make_shared<FakePeer>();
    return peer;
  }
  std::unique_ptr<EndpointSet> Make(EndpointSetOptions options = {}) {
    options.wanted = [this] {
      std::lock_guard lock(mutex_);
      return wanted_;
    };
    options.connect = [this](const std::string& address,
                             const ClientSettings&) -> Result<std::shared_ptr<rpc::Channel>> {
      ++connects_;
      rpc::Services services;
      services.info = Peer(address);
      services.rules = Peer(address);
      return std::make_shared<rpc::Channel>(rpc::MakeMemoryTransport(address, services),
                                            rpc::ChannelOptions());
    };
    options.resolver = resolver_;
    if (options.info_timeout == std::chrono::seconds(5)) options.info_timeout = milliseconds(50);
    options.failing_period = milliseconds(10);
    return std::make_unique<EndpointSet>(std::move(options), base::Logger(), &registry_);
  }
  void Want(std::vector<EndpointSpec> wanted) {
    std::lock_guard lock(mutex_);
    wanted_ = std::move(wanted);
  }
  static std::vector<std::string> Names(const EndpointSet& set) {
    std::vector<std::string> names;
    for (const auto& endpoint : set.All()) names.push_back(endpoint->address());
    return names;
  }

  metrics::Registry registry_;
  std::shared_ptr<FakeResolver> resolver_ = std::make_shared<FakeResolver>();
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<FakePeer>> peers_;  // Guarded by mutex_.
  std::vector<EndpointSpec> wanted_;                        // Guarded by mutex_.
  std::atomic<int> connects_{0};
};

TEST_F(EndpointSetTest, TheFirstUpdateIsThereOnceAllWereAsked) {
  Want({{.address = "a:1"}, {.address = "b:1"}, {.address = "a:1"}});
  Peer("a:1")->info.component = "store";
  Peer("b:1")->SetInfoStatus(UnavailableError("not there"));
  const auto set = Make();
  ASSERT_TRUE(set->WaitForFirstUpdate(std::chrono::seconds(10)));
  ASSERT_THAT(Names(*set), ElementsAre("a:1", "b:1"));
  EXPECT_TRUE(set->All()[0]->queryable());
  EXPECT_FALSE(set->All()[1]->queryable());
  EXPECT_THAT(registry_.Render(metrics::Format::kText),
              ::testing::AllOf(HasSubstr("thanos_query_duplicated_endpoint_addresses_total 1"),
                               HasSubstr("thanos_store_nodes_grpc_connections{external_labels="
                                         "\"no_external_labels\",store_type=\"store\"} 1")));
}

TEST_F(EndpointSetTest, APeerThatComesUpIsUsedSoonAndOneFailureIsNotItsEnd) {
  Want({{.address = "a:1"}});
  auto peer = Peer("a:1");
  peer->SetInfoStatus(UnavailableError("not there"));
  EndpointSetOptions options;
  options.info_timeout = std::chrono::hours(1);  // What fails is asked again much sooner.
  auto set = Make(options);
  ASSERT_TRUE(set->WaitForFirstUpdate(std::chrono::seconds(10)));
  const auto endpoint = set->All()[0];
  EXPECT_FALSE(endpoint->queryable());
  peer->SetInfoStatus(OkStatus());
  EXPECT_TRUE(Eventually([&] { return endpoint->queryable(); }, std::chrono::seconds(2)));
  set.reset();
  peer->SetInfoStatus(UnavailableError("away"));
  endpoint->Check(CallContext());
  EXPECT_TRUE(endpoint->queryable());
  EXPECT_THAT(endpoint->state()->last_error, HasSubstr("away"));
  endpoint->Check(CallContext());
  EXPECT_FALSE(endpoint->queryable());
  EXPECT_TRUE(endpoint->absent());
  peer->SetInfoStatus(OkStatus());
  endpoint->Check(CallContext());
  EXPECT_TRUE(endpoint->queryable());
}

TEST_F(EndpointSetTest, ASilentPeerIsForgottenAfterTheTimeoutUnlessItIsStrict) {
  Want({{.address = "a:1"}, {.address = "s:1", .strict = true}});
  EndpointSetOptions options;
  options.unhealthy_timeout = milliseconds(50);
  const auto set = Make(options);
  ASSERT_TRUE(set->WaitForFirstUpdate(std::chrono::seconds(10)));
  Peer("a:1")->SetInfoStatus(UnavailableError("away"));
  Peer("s:1")->SetInfoStatus(UnavailableError("away"));
  EXPECT_TRUE(Eventually([&] {
    const auto all = set->All();
    return all.size() == 2 && !all[0]->state()->ever_reached && all[1]->state()->ever_reached;
  }));
  EXPECT_TRUE(set->All()[1]->queryable());
}

TEST_F(EndpointSetTest, NamesAreFollowedAndAFailingNameServerChangesNothing) {
  const std::string name = "dns+h:1";
  resolver_->names[name] = {"a:1", "b:1"};
  Want({{.address = name}});
  EndpointSetOptions options;
  options.dns_interval = milliseconds(10);
  const auto set = Make(options);
  ASSERT_TRUE(set->WaitForFirstUpdate(std::chrono::seconds(10)));
  EXPECT_THAT(Names(*set), ElementsAre("a:1", "b:1"));
  {
    std::lock_guard lock(resolver_->mutex);
    resolver_->fails = true;
    resolver_->names[name] = {"c:1"};
  }
  EXPECT_TRUE(Eventually([&] {
    return registry_.Render(metrics::Format::kText).find("endpoints_dns_failures_total 0") ==
           std::string::npos;
  }));
  EXPECT_THAT(Names(*set), ElementsAre("a:1", "b:1"));
  {
    std::lock_guard lock(resolver_->mutex);
    resolver_->fails = false;
  }
  EXPECT_TRUE(Eventually([&] { return Names(*set) == std::vector<std::string>{"c:1"}; }));
  Want({});
  EXPECT_TRUE(Eventually([&] { return set->All().empty(); }));
}

TEST_F(EndpointSetTest, AGroupIsOneEndpointWhoseCallsAreSpread) {
  resolver_->names["dns+h:1"] = {"a:1", "b:1"};
  Want({{.address = "dns+h:1", .group = true}});
  EndpointSetOptions options;
  options.dns_interval = milliseconds(10);
  options.info_timeout = std::chrono::hours(1);
  const auto set = Make(options);
  ASSERT_TRUE(set->WaitForFirstUpdate(std::chrono::seconds(10)));
  ASSERT_THAT(Names(*set), ElementsAre("thanos:///dns+h:1"));
  EXPECT_TRUE(set->All()[0]->queryable());
  const auto channel = &set->All()[0]->channel();
  const int before_a = Peer("a:1")->info_calls, before_b = Peer("b:1")->info_calls;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(channel->Info(CallContext()).ok());
  EXPECT_EQ(Peer("a:1")->info_calls - before_a, 5);
  EXPECT_EQ(Peer("b:1")->info_calls - before_b, 5);
  // Known by another name from now on; the connections that stay are kept.
  {
    std::lock_guard lock(resolver_->mutex);
    resolver_->names["dns+h:1"] = {"b:1", "c:1"};
  }
  EXPECT_TRUE(Eventually([&] {
    (void)channel->Info(CallContext()).ok();
    return Peer("c:1")->info_calls > 0;
  }));
  EXPECT_EQ(connects_, 3);
}

TEST_F(EndpointSetTest, OtherSettingsMakeAnotherConnection) {
  Want({{.address = "a:1"}});
  const auto set = Make();
  ASSERT_TRUE(set->WaitForFirstUpdate(std::chrono::seconds(10)));
  EXPECT_EQ(connects_, 1);
  EndpointSpec other{.address = "a:1"};
  other.client.server_name = "s";
  Want({other});
  EXPECT_TRUE(Eventually([&] { return connects_ == 2; }));
}

TEST(GroupTransport, ADeadMemberCostsNothingAndAllDeadIsAnError) {
  std::map<std::string, std::shared_ptr<FakePeer>> peers;
  for (const char* address : {"a:1", "b:1", "c:1"}) {
    peers[address] = std::make_shared<FakePeer>();
  }
  auto group = std::make_shared<GroupTransport>(
      "g", GroupPolicy{.initial_backoff = milliseconds(1)},
      [&](const std::string& address) -> Result<std::shared_ptr<rpc::Channel>> {
        rpc::Services services;
        services.info = peers.at(address);
        services.rules = peers.at(address);
        return std::make_shared<rpc::Channel>(rpc::MakeMemoryTransport(address, services),
                                              rpc::ChannelOptions());
      });
  rpc::Channel channel(group, {});
  EXPECT_THAT(channel.Info(CallContext()), StatusIs(StatusCode::kUnavailable, HasSubstr("g")));
  group->SetMembers({"a:1", "b:1", "c:1"});
  const auto away = [](const CallContext&,
                       const wire::RulesRequest&) -> Result<wire::RulesResponse> {
    return UnavailableError("away");
  };
  for (const char* address : {"a:1", "b:1"}) {
    peers[address]->SetInfoStatus(UnavailableError("away"));
    peers[address]->rules = away;
  }
  for (int i = 0; i < 6; ++i) {
    EXPECT_TRUE(channel.Info(CallContext()).ok());
    EXPECT_TRUE(channel.Rules(CallContext(), {}).ok());
  }
  peers["c:1"]->SetInfoStatus(UnavailableError("away"));
  peers["c:1"]->rules = away;
  const int before = peers["c:1"]->info_calls;
  EXPECT_THAT(channel.Info(CallContext()), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(peers["c:1"]->info_calls - before, 1);
  EXPECT_THAT(channel.Rules(CallContext(), {}), StatusIs(StatusCode::kUnavailable));
  // Other errors are answers: nobody else is asked.
  peers["c:1"]->SetInfoStatus(InternalError("broken"));
  int broken = 0;
  for (int i = 0; i < 3; ++i) {
    broken += channel.Info(CallContext()).status().code() == StatusCode::kInternal;
  }
  EXPECT_EQ(broken, 3);
  // An empty answer of the name server does not cut the group off.
  group->SetMembers({});
  EXPECT_EQ(group->members(), 3u);
}

}  // namespace
}  // namespace thanos::fanout
