// One suite over both transports, then what only gRPC has.
#include <atomic>
#include <condition_variable>
#include <future>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "codec/byte_reader.h"
#include "codec/compression.h"
#include "codec/hash.h"
#include "net/tls_bridge.h"
#include "net/tls_follower.h"
#include "rpc/channel.h"
#include "rpc/grpc_transport.h"
#include "rpc/server.h"
#include "rpc/snappy_frames.h"
#include "support/certificates.h"
#include "support/raw_client.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"
#include "wire/series_frame.h"

namespace thanos::rpc {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using thanos::testing::IsOkAndHolds;
using thanos::testing::StatusIs;

constexpr std::chrono::seconds kLong{20};

std::string TextOf(const base::PinnedBytes& bytes) {
  return std::string(codec::AsText(bytes.bytes()));
}

// Opens when told; waits at most kLong, or until the context is cancelled.
class Gate {
 public:
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool Wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLong, [this] { return open_; });
  }
  Status Wait(const CallContext& context) {
    const auto registration = context.OnCancel([this] {
      std::lock_guard lock(mutex_);
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kLong, [&] { return open_ || context.cancelled(); });
    return open_ ? OkStatus() : context.Check();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

class FunctionStream : public FrameStream {
 public:
  using Function = std::function<Result<std::optional<base::PinnedBytes>>()>;
  FunctionStream(Function next, std::function<void()> gone, std::function<bool()> ready = nullptr)
      : next_(std::move(next)), gone_(std::move(gone)), ready_(std::move(ready)) {}
  ~FunctionStream() override {
    if (gone_) gone_();
  }
  Result<std::optional<base::PinnedBytes>> Next() override { return next_(); }
  bool Ready() const override { return ready_ && ready_(); }

 private:
  Function next_;
  std::function<void()> gone_;
  std::function<bool()> ready_;
};

// What it does is set by each test.
class FakeStore : public StoreService {
 public:
  Result<std::unique_ptr<FrameStream>> Series(const CallContext& context,
                                              const SelectRequest& request) override {
    return series(context, request);
  }
  Result<LabelsResult> LabelNames(const CallContext& context,
                                  const LabelsRequest& request) override {
    return names(context, request);
  }
  Result<LabelsResult> LabelValues(const CallContext&, const std::string& label,
                                   const LabelsRequest&) override {
    return LabelsResult{{label + "1", label + "2"}, {"a warning"}, false};
  }
  std::function<Result<std::unique_ptr<FrameStream>>(const CallContext&, const SelectRequest&)>
      series;
  std::function<Result<LabelsResult>(const CallContext&, const LabelsRequest&)> names =
      [](const CallContext&, const LabelsRequest&) { return LabelsResult{{"a", "b"}, {}, false}; };
};

class FakeInfo : public InfoService {
 public:
  Result<wire::InfoResponse> Info(const CallContext&) override {
    if (!ready) return UnknownError("Not ready");
    wire::InfoResponse info;
    info.component = "store";
    info.store.emplace();
    return info;
  }
  std::atomic<bool> ready{true};
};

class FakeRules : public RulesService {
 public:
  Result<wire::RulesResponse> Rules(const CallContext&,
                                    const wire::RulesRequest& request) override {
    wire::RulesResponse response;
    response.warnings = {"half of it"};
    for (const std::string& name : request.rule_names) {
      wire::RuleGroup group;
      group.name = name;
      wire::AlertingRule alert;
      alert.name = "Down";
      alert.alerts.push_back({Labels::Of({{"a", "1"}}),
                              {},
                              wire::AlertState::kFiring,
                              int64_t{1'500'000'000},
                              "1e+00",
                              PartialStrategy::kAbort});
      group.rules.emplace_back(alert);
      response.groups.push_back(group);
    }
    return response;
  }
};

enum class Kind { kMemory, kGrpc, kGrpcTls };

class RpcTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    services_.store = store_;
    services_.info = info_;
    services_.rules = std::make_shared<FakeRules>();
    if (GetParam() == Kind::kMemory) {
      channel_ =
          std::make_shared<Channel>(MakeMemoryTransport("memory", services_), ChannelOptions());
    } else {
      ChannelOptions options;
      if (GetParam() == Kind::kGrpcTls) SetUpTls(&options);
      THANOS_ASSERT_OK_AND_ASSIGN(server_, Server::Start(server_options_, services_));
      channel_ = Channel::Connect(server_->address(), options);
    }
  }

  // Certificates on both sides.
  void SetUpTls(ChannelOptions* options) {
    const thanos::testing::Authority authority(directory_.path());
    const auto server = authority.Issue("server"), client = authority.Issue("client");
    net::TlsServerOptions server_tls;
    server_tls.cert.file = server.cert;
    server_tls.key.file = server.key;
    server_tls.client_ca.file = authority.file();
    server_tls.client_auth = net::ClientAuth::kRequireAndVerify;
    server_tls.protocol = "h2";
    THANOS_ASSERT_OK_AND_ASSIGN(server_options_.tls, net::TlsFollower::Server(server_tls, {}));
    net::TlsClientOptions client_tls;
    client_tls.cert.file = client.cert;
    client_tls.key.file = client.key;
    client_tls.ca.file = authority.file();
    client_tls.protocol = "h2";
    THANOS_ASSERT_OK_AND_ASSIGN(options->tls, net::TlsFollower::Client(client_tls, {}));
    options->bridge = std::make_shared<net::TlsBridge>(100, base::Logger());
  }

  // `count` messages "0", "1", … of `size` bytes, then the end.
  void ServeNumbers(int count, size_t size) {
    store_->series = [=, this](const CallContext&, const SelectRequest&) {
      auto next = std::make_shared<int>(0);
      return std::make_unique<FunctionStream>(
          [=, this]() -> Result<std::optional<base::PinnedBytes>> {
            if (*next == count) return std::optional<base::PinnedBytes>();
            std::string text = std::to_string((*next)++);
            text.resize(std::max(size, text.size()), ' ');
            produced_.fetch_add(1);
            return std::optional(base::PinnedBytes::Of(std::move(text)));
          },
          [this] { gone_.Open(); });
    };
  }
  // A stream that blocks until its caller is gone.
  void ServeSilence() {
    store_->series = [this](const CallContext& context, const SelectRequest&) {
      entered_.Open();
      return std::make_unique<FunctionStream>(
          [=, this]() -> Result<std::optional<base::PinnedBytes>> {
            return silence_.Wait(context);
          },
          [this] { gone_.Open(); });
    };
  }

  const thanos::testing::TemporaryDirectory directory_;
  std::shared_ptr<FakeStore> store_ = std::make_shared<FakeStore>();
  std::shared_ptr<FakeInfo> info_ = std::make_shared<FakeInfo>();
  Services services_;
  ServerOptions server_options_;
  Gate entered_, gone_, silence_;
  std::atomic<int> produced_{0};
  std::unique_ptr<Server> server_;
  std::shared_ptr<Channel> channel_;
  CallContext context_;
};

INSTANTIATE_TEST_SUITE_P(Transports, RpcTest,
                         ::testing::Values(Kind::kMemory, Kind::kGrpc, Kind::kGrpcTls),
                         [](const auto& row) {
                           return row.param == Kind::kMemory ? "Memory"
                                  : row.param == Kind::kGrpc ? "Grpc"
                                                             : "GrpcTls";
                         });

TEST_P(RpcTest, UnaryCallsCarryRequestsAndAnswers) {
  LabelsRequest request;
  request.matchers = {model::Matcher::Equal("a", "1")};
  LabelsRequest seen;
  std::string tenant, id;
  store_->names = [&](const CallContext& context, const LabelsRequest& got) {
    seen = got;
    tenant = context.tenant();
    id = context.request_id();
    return LabelsResult{{"b", "a"}, {"w"}, false};
  };
  THANOS_ASSERT_OK_AND_ASSIGN(
      LabelsResult names,
      channel_->LabelNames(context_.WithTenant("team-a").WithRequestId("id-7"), request));
  EXPECT_THAT(names.values, ElementsAre("a", "b"));
  EXPECT_THAT(names.warnings, ElementsAre("w"));
  EXPECT_EQ(seen.matchers, request.matchers);
  EXPECT_EQ(tenant, "team-a");
  EXPECT_EQ(id, "id-7");
  THANOS_ASSERT_OK_AND_ASSIGN(LabelsResult values, channel_->LabelValues(context_, "x", request));
  EXPECT_THAT(values.values, ElementsAre("x1", "x2"));
  THANOS_ASSERT_OK_AND_ASSIGN(wire::InfoResponse info, channel_->Info(context_));
  EXPECT_EQ(info.component, "store");
}

TEST_P(RpcTest, CodesAndTextsAreKept) {
  info_->ready = false;
  EXPECT_THAT(channel_->Info(context_), StatusIs(StatusCode::kUnknown, "Not ready"));
  for (int code = 1; code <= 16; ++code) {
    store_->names = [code](const CallContext&, const LabelsRequest&) {
      return Result<LabelsResult>(Status(static_cast<StatusCode>(code), "because"));
    };
    EXPECT_THAT(channel_->LabelNames(context_, {}),
                StatusIs(static_cast<StatusCode>(code), "because"));
  }
  EXPECT_THAT(channel_->Targets(context_, {}),
              StatusIs(StatusCode::kUnimplemented, "unknown service thanos.Targets"));
}

TEST_P(RpcTest, ABadRequestIsInvalid) {
  ServeNumbers(1, 1);
  store_->series = [](const CallContext&, const SelectRequest&) {
    return Result<std::unique_ptr<FrameStream>>(InvalidArgumentError("no matchers specified"));
  };
  auto reader = channel_->Series(context_, {}, {});
  EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kInvalidArgument, "no matchers specified"));
  EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kInvalidArgument));
}

TEST_P(RpcTest, StreamsInOrderToTheEnd) {
  ServeNumbers(1000, 1);
  auto reader = channel_->Series(context_, {}, {});
  for (int i = 0; i < 1000; ++i) {
    THANOS_ASSERT_OK_AND_ASSIGN(auto message, reader->Next());
    ASSERT_TRUE(message.has_value());
    ASSERT_EQ(TextOf(*message), std::to_string(i));
  }
  for (int i = 0; i < 2; ++i) {
    THANOS_ASSERT_OK_AND_ASSIGN(auto message, reader->Next());
    EXPECT_FALSE(message.has_value());
  }
  EXPECT_TRUE(gone_.Wait());
}

// Messages that go out together reach the peer although the stream waits for its source then.
TEST_P(RpcTest, WhatIsAtHandArrivesWhileTheStreamWaits) {
  constexpr int kTogether = 10, kMessages = 35;
  auto gate = std::make_shared<Gate>();
  store_->series = [gate](const CallContext& context, const SelectRequest&) {
    auto at = std::make_shared<int>(0);
    return std::make_unique<FunctionStream>(
        [at, gate, context]() -> Result<std::optional<base::PinnedBytes>> {
          if (*at == kTogether) THANOS_RETURN_IF_ERROR(gate->Wait(context));
          if (*at == kMessages) return std::optional<base::PinnedBytes>();
          return std::optional(base::PinnedBytes::Of(std::to_string((*at)++)));
        },
        nullptr, [at] { return *at % kTogether != 0 && *at < kMessages; });
  };
  auto reader = channel_->Series(context_, {}, {});
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kMessages; ++i) {
    if (i == kTogether) gate->Open();
    THANOS_ASSERT_OK_AND_ASSIGN(auto message, reader->Next());
    ASSERT_TRUE(message.has_value()) << i;
    ASSERT_EQ(TextOf(*message), std::to_string(i));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kLong / 2);  // The gate gives up after that.
  THANOS_ASSERT_OK_AND_ASSIGN(auto message, reader->Next());
  EXPECT_FALSE(message.has_value());
}

TEST_P(RpcTest, LargeMessagesComeWhole) {
  ServeNumbers(3, 9 << 20);
  auto reader = channel_->Series(context_, {}, {});
  for (int i = 0; i < 3; ++i) {
    THANOS_ASSERT_OK_AND_ASSIGN(auto message, reader->Next());
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->size(), size_t{9} << 20);
    EXPECT_EQ(TextOf(*message)[0], '0' + i);
  }
}

TEST_P(RpcTest, AnErrorInMidStreamComesAfterItsFrames) {
  store_->series = [](const CallContext&, const SelectRequest&) {
    auto sent = std::make_shared<bool>(false);
    return std::make_unique<FunctionStream>(
        [sent]() -> Result<std::optional<base::PinnedBytes>> {
          if (std::exchange(*sent, true)) return AbortedError("store broke");
          return std::optional(base::PinnedBytes::Of("first"));
        },
        nullptr);
  };
  auto reader = channel_->Series(context_, {}, {});
  THANOS_ASSERT_OK_AND_ASSIGN(auto message, reader->Next());
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(TextOf(*message), "first");
  EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kAborted, "store broke"));
}

TEST_P(RpcTest, ReadAheadStopsAtTheWindow) {
  ServeNumbers(100'000, 10'000);
  StreamOptions options;
  options.window_bytes = 100'000;
  auto reader = channel_->Series(context_, {}, options);
  THANOS_ASSERT_OK(reader->Next());
  // It comes to a halt far before the end: the transport's own buffers take what they take.
  int before = -1;
  while (before != produced_.load()) {
    before = produced_.load();
    std::this_thread::sleep_for(milliseconds(50));
  }
  EXPECT_LT(produced_.load(), 10'000);
  reader.reset();
  EXPECT_TRUE(gone_.Wait());
}

TEST_P(RpcTest, ReadAheadIsChargedToTheBudget) {
  ServeNumbers(100, 10'000);
  const auto budget = Budget::Make("select", 50'000, "query.memory");
  auto reader = channel_->Series(context_.WithBudget(budget), {}, {});
  Status status;
  while (status.ok()) {
    std::this_thread::sleep_for(milliseconds(10));
    auto message = reader->Next();
    status = message.status();
    if (message.ok() && !message->has_value()) break;
  }
  EXPECT_THAT(status, StatusIs(StatusCode::kResourceExhausted, HasSubstr("query.memory")));
  reader.reset();
  EXPECT_TRUE(gone_.Wait());
}

TEST_P(RpcTest, CancellationStopsReaderAndStream) {
  ServeSilence();
  const CallContext call = context_.WithCancel();
  auto reader = channel_->Series(call, {}, {});
  ASSERT_TRUE(entered_.Wait());
  auto next = std::async(std::launch::async, [&] { return reader->Next().status(); });
  const auto began = std::chrono::steady_clock::now();
  call.Cancel();
  EXPECT_THAT(next.get(), StatusIs(StatusCode::kCancelled));
  EXPECT_TRUE(gone_.Wait());
  EXPECT_LT(std::chrono::steady_clock::now() - began, milliseconds(100));
}

TEST_P(RpcTest, TheReadersEndStopsTheStream) {
  ServeSilence();
  auto reader = channel_->Series(context_, {}, {});
  ASSERT_TRUE(entered_.Wait());
  reader.reset();
  EXPECT_TRUE(gone_.Wait());
}

TEST_P(RpcTest, DeadlinesHoldOnBothSides) {
  ServeSilence();
  auto reader = channel_->Series(context_.WithTimeout(milliseconds(50)), {}, {});
  EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kDeadlineExceeded, "context deadline exceeded"));
  reader.reset();
  EXPECT_TRUE(gone_.Wait());
  store_->names = [this](const CallContext& context, const LabelsRequest&) -> Result<LabelsResult> {
    THANOS_RETURN_IF_ERROR(silence_.Wait(context));
    return LabelsResult{};
  };
  EXPECT_THAT(channel_->LabelNames(context_.WithTimeout(milliseconds(50)), {}),
              StatusIs(StatusCode::kDeadlineExceeded));
}

TEST_P(RpcTest, ACancelledUnaryCallReturnsAtOnce) {
  Gate entered;
  store_->names = [&](const CallContext& context, const LabelsRequest&) -> Result<LabelsResult> {
    entered.Open();
    THANOS_RETURN_IF_ERROR(silence_.Wait(context));
    return LabelsResult{};
  };
  const CallContext call = context_.WithCancel();
  auto names =
      std::async(std::launch::async, [&] { return channel_->LabelNames(call, {}).status(); });
  ASSERT_TRUE(entered.Wait());
  const auto began = std::chrono::steady_clock::now();
  call.Cancel();
  EXPECT_THAT(names.get(), StatusIs(StatusCode::kCancelled));
  EXPECT_LT(std::chrono::steady_clock::now() - began, milliseconds(100));
}

TEST_P(RpcTest, SilenceRunsOutWithoutAnybodyWaiting) {
  ServeSilence();
  StreamOptions options;
  options.frame_timeout = milliseconds(50);
  std::vector<std::unique_ptr<FrameReader>> readers;
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) readers.push_back(channel_->Series(context_, {}, options));
  for (const auto& reader : readers) {
    EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kDeadlineExceeded,
                                         HasSubstr("failed to receive any data in 50ms from ")));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, milliseconds(150));
}

TEST_P(RpcTest, FederatedAnswersAreJoined) {
  wire::RulesRequest request;
  request.rule_names = {"one", "two"};
  THANOS_ASSERT_OK_AND_ASSIGN(wire::RulesResponse rules, channel_->Rules(context_, request));
  EXPECT_THAT(rules.warnings, ElementsAre("half of it"));
  ASSERT_EQ(rules.groups.size(), 2u);
  EXPECT_EQ(rules.groups[1].name, "two");
  EXPECT_FALSE(rules.groups[0].last_evaluation.has_value());
  const auto& alert = std::get<wire::AlertingRule>(rules.groups[0].rules[0]);
  EXPECT_EQ(alert.alerts[0].active_at, int64_t{1'500'000'000});
  EXPECT_EQ(alert.alerts[0].state, wire::AlertState::kFiring);
}

TEST_P(RpcTest, ManyIdleStreamsDoNotStarveOthers) {
  // Each has far more to say than anybody reads.
  ServeNumbers(100'000, 20'000);
  StreamOptions options;
  options.window_bytes = 1;
  std::vector<std::unique_ptr<FrameReader>> readers;
  for (int i = 0; i < 200; ++i) {
    readers.push_back(channel_->Series(context_, {}, options));
    THANOS_ASSERT_OK(readers.back()->Next());
  }
  const auto began = std::chrono::steady_clock::now();
  THANOS_EXPECT_OK(channel_->Info(context_));
  THANOS_EXPECT_OK(channel_->LabelNames(context_, {}));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
}

TEST_P(RpcTest, AThrowingHandlerIsAnInternalError) {
  if (GetParam() == Kind::kMemory) GTEST_SKIP() << "handlers of tests do not throw";
  store_->names = [](const CallContext&, const LabelsRequest&) -> Result<LabelsResult> {
    throw std::bad_alloc();
  };
  EXPECT_THAT(channel_->LabelNames(context_, {}), StatusIs(StatusCode::kInternal));
}

// --- gRPC only ---

class GrpcServerTest : public ::testing::Test {
 protected:
  void Start() {
    services_.store = store_;
    services_.info = info_;
    THANOS_ASSERT_OK_AND_ASSIGN(server_, Server::Start(options_, services_));
    channel_ = Channel::Connect(server_->address());
  }
  std::shared_ptr<FakeStore> store_ = std::make_shared<FakeStore>();
  std::shared_ptr<FakeInfo> info_ = std::make_shared<FakeInfo>();
  Services services_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<Channel> channel_;
  CallContext context_;
};

TEST_F(GrpcServerTest, HealthFollowsReadiness) {
  Start();
  EXPECT_THAT(channel_->Healthy(context_), IsOkAndHolds(false));
  server_->SetReady(true);
  EXPECT_THAT(channel_->Healthy(context_), IsOkAndHolds(true));
  server_->SetReady(false);
  EXPECT_THAT(channel_->Healthy(context_), IsOkAndHolds(false));
}

TEST_F(GrpcServerTest, AnIdleServerStopsAtOnce) {
  Start();
  THANOS_ASSERT_OK(channel_->Info(context_));
  const auto began = std::chrono::steady_clock::now();
  server_->Stop(std::chrono::minutes(2));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(1));
  EXPECT_THAT(channel_->LabelNames(context_, {}), StatusIs(StatusCode::kUnavailable));
}

TEST_F(GrpcServerTest, StopLetsCallsEnd) {
  Gate entered, release;
  store_->names = [&](const CallContext& context, const LabelsRequest&) -> Result<LabelsResult> {
    entered.Open();
    THANOS_RETURN_IF_ERROR(release.Wait(context));
    return LabelsResult{{"whole"}, {}, false};
  };
  Start();
  auto names = std::async(std::launch::async, [&] { return channel_->LabelNames(context_, {}); });
  ASSERT_TRUE(entered.Wait());
  auto stopped = std::async(std::launch::async, [&] { server_->Stop(kLong); });
  release.Open();
  EXPECT_THAT(names.get(), thanos::testing::IsOk());
  ASSERT_EQ(stopped.wait_for(kLong), std::future_status::ready);
}

TEST_F(GrpcServerTest, StopCancelsWhatOutlastsTheGrace) {
  Gate entered, never;
  store_->names = [&](const CallContext& context, const LabelsRequest&) -> Result<LabelsResult> {
    entered.Open();
    THANOS_RETURN_IF_ERROR(never.Wait(context));
    return LabelsResult{};
  };
  Start();
  auto names =
      std::async(std::launch::async, [&] { return channel_->LabelNames(context_, {}).status(); });
  ASSERT_TRUE(entered.Wait());
  server_->Stop(milliseconds(50));
  EXPECT_FALSE(names.get().ok());
}

TEST_F(GrpcServerTest, APeerThatTakesNothingLosesItsStream) {
  options_.write_timeout = milliseconds(100);
  Gate gone;
  store_->series = [&](const CallContext&, const SelectRequest&) {
    return std::make_unique<FunctionStream>(
        []() -> Result<std::optional<base::PinnedBytes>> {
          return std::optional(base::PinnedBytes::Of(std::string(1 << 20, 'x')));
        },
        [&] { gone.Open(); });
  };
  Start();
  StreamOptions options;
  options.window_bytes = 1;
  auto reader = channel_->Series(context_, {}, options);
  THANOS_ASSERT_OK(reader->Next());
  EXPECT_TRUE(gone.Wait());
}

TEST_F(GrpcServerTest, AnUnreachablePeerIsUnavailable) {
  const auto channel = Channel::Connect("127.0.0.1:1");
  EXPECT_THAT(channel->LabelNames(context_, {}),
              StatusIs(StatusCode::kUnavailable, HasSubstr("127.0.0.1:1")));
  EXPECT_THAT(channel->Series(context_, {}, {})->Next(), StatusIs(StatusCode::kUnavailable));
  // Info waits for the peer to come.
  EXPECT_THAT(channel->Info(context_.WithTimeout(milliseconds(100))),
              StatusIs(StatusCode::kDeadlineExceeded));
}

TEST_F(GrpcServerTest, RecoversFromDescriptorExhaustion) {
  Start();
  THANOS_ASSERT_OK(channel_->Info(context_));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::open("/dev/null", O_RDONLY);
  ::close(next);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(next + 40);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  {
    std::vector<std::unique_ptr<thanos::testing::RawClient>> clients;
    for (int i = 0; i < 80; ++i) {
      clients.push_back(std::make_unique<thanos::testing::RawClient>(server_->port()));
    }
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  const auto fresh = Channel::Connect(server_->address());
  THANOS_EXPECT_OK(fresh->Info(context_.WithTimeout(kLong)));
}

TEST_F(GrpcServerTest, OldConnectionsAreReplacedWithoutLosingCalls) {
  options_.max_connection_age = milliseconds(100);
  Start();
  const auto end = std::chrono::steady_clock::now() + milliseconds(500);
  while (std::chrono::steady_clock::now() < end) THANOS_ASSERT_OK(channel_->Info(context_));
}

TEST_F(GrpcServerTest, LargeRequestsAreRefused) {
  options_.request_bytes_max = 1000;
  Start();
  LabelsRequest request;
  request.matchers = {model::Matcher::Equal("a", std::string(2000, 'x'))};
  EXPECT_THAT(channel_->LabelNames(context_, request), StatusIs(StatusCode::kResourceExhausted));
  server_.reset();
  options_.context = CallContext().WithBudget(Budget::Make("rpc", 100, "some.flag"));
  Start();
  request.matchers = {model::Matcher::Equal("a", std::string(200, 'x'))};
  EXPECT_THAT(channel_->LabelNames(context_, request),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("some.flag")));
}

TEST_F(GrpcServerTest, ReflectionListsServicesAsGoThanosDoes) {
  Start();
  const auto transport = MakeGrpcTransport(server_->address(), {});
  // list_services, with any text.
  const auto reader =
      transport->Stream(context_, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                        std::string("\x3a\x01*"), {});
  THANOS_ASSERT_OK_AND_ASSIGN(auto answer, reader->Next());
  ASSERT_TRUE(answer.has_value());
  EXPECT_THAT(TextOf(*answer),
              ::testing::AllOf(HasSubstr("thanos.Store"), HasSubstr("thanos.info.Info"),
                               HasSubstr("grpc.health.v1.Health")));
  THANOS_ASSERT_OK_AND_ASSIGN(auto end, reader->Next());
  EXPECT_FALSE(end.has_value());
}

TEST_F(GrpcServerTest, HealthKnowsOneServiceAndTellsItsWatchers) {
  Start();
  const auto transport = MakeGrpcTransport(server_->address(), {});
  EXPECT_THAT(transport->Unary(context_, "/grpc.health.v1.Health/Check", "\x0a\x01x", false),
              StatusIs(StatusCode::kNotFound));
  const auto reader = transport->Stream(context_, "/grpc.health.v1.Health/Watch", "", {});
  const auto next = [&] {
    auto answer = reader->Next();
    return answer.ok() && answer->has_value() ? static_cast<int>(TextOf(**answer).back()) : -1;
  };
  EXPECT_EQ(next(), 2);
  server_->SetReady(true);
  EXPECT_EQ(next(), 1);
  // The watcher does not hold up the end.
  const auto began = std::chrono::steady_clock::now();
  server_->Stop(std::chrono::minutes(2));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(1));
  EXPECT_EQ(next(), 2);
  EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kUnavailable));
}

TEST_F(GrpcServerTest, ConnectionsAreBounded) {
  options_.connections_max = 3;
  Start();
  THANOS_ASSERT_OK(channel_->Info(context_));
  for (int i = 0; i < 5; ++i) {
    // Comes and goes: a connection that was closed makes room.
    thanos::testing::RawClient client(server_->port());
    client.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    client.Close();
  }
  const auto fresh = Channel::Connect(server_->address());
  THANOS_EXPECT_OK(fresh->Info(context_.WithTimeout(kLong)));
}

// One HTTP/2 frame.
std::string Frame(uint8_t type, uint8_t flags, uint8_t stream, const std::string& payload) {
  std::string out;
  out += static_cast<char>(payload.size() >> 16);
  out += static_cast<char>(payload.size() >> 8);
  out += static_cast<char>(payload.size());
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  out += std::string(3, '\0');
  out += static_cast<char>(stream);
  return out + payload;
}
// A header that is neither indexed nor compressed.
std::string Header(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name +
         static_cast<char>(value.size()) + value;
}

// Chunks of snappy's framing format.
std::string SnappyFramed(const std::string& text, bool good_checksum = true) {
  const uint32_t crc = codec::Crc32c(codec::AsBytes(text));
  const uint32_t masked = (crc >> 15 | crc << 17) + 0xa282ead8 + (good_checksum ? 0 : 1);
  std::string body;
  for (int shift = 0; shift < 32; shift += 8) body += static_cast<char>(masked >> shift);
  body += codec::SnappyCompress(text);
  std::string out("\xff\x06\x00\x00sNaPpY\x00", 11);
  for (int shift = 0; shift < 24; shift += 8) out += static_cast<char>(body.size() >> shift);
  return out + body;
}

// What Go Thanos with --grpc-compression=snappy sends.
std::string AskPacked(int port, const std::string& packed) {
  thanos::testing::RawClient client(port);
  client.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(4, 0, 0, ""));
  client.Send(Frame(1, 4, 1,
                    Header(":method", "POST") + Header(":scheme", "http") +
                        Header(":path", "/thanos.Store/LabelNames") + Header(":authority", "x") +
                        Header("te", "trailers") + Header("content-type", "application/grpc") +
                        Header("grpc-encoding", "snappy")));
  std::string message("\x01\x00\x00\x00", 4);
  message += static_cast<char>(packed.size());
  client.Send(Frame(0, 1, 1, message + packed));
  return client.ReadUntil("grpc-status");
}

TEST_F(GrpcServerTest, PeersThatPackWithSnappyAreUnderstood) {
  LabelsRequest seen;
  store_->names = [&](const CallContext&, const LabelsRequest& request) {
    seen = request;
    return LabelsResult{{"the_answer"}, {}, false};
  };
  Start();
  LabelsRequest request;
  request.matchers = {model::Matcher::Equal("a", "a value")};
  const std::string plain = wire::EncodeLabelNamesRequest(request);
  EXPECT_THAT(AskPacked(server_->port(), SnappyFramed(plain)), HasSubstr("the_answer"));
  EXPECT_EQ(seen.matchers, request.matchers);
  EXPECT_THAT(AskPacked(server_->port(), SnappyFramed(plain, false)),
              ::testing::Not(HasSubstr("the_answer")));
}

TEST(SnappyFrames, EveryTruncationButTheWholeIsAnError) {
  const std::string text(100'000, 'x');
  const std::string framed =
      SnappyFramed(text.substr(0, 60'000)) + SnappyFramed(text.substr(60'000));
  EXPECT_THAT(UnpackSnappyFrames(framed, 1 << 20), IsOkAndHolds(text));
  EXPECT_THAT(UnpackSnappyFrames(framed, 99'999), StatusIs(StatusCode::kResourceExhausted));
  const std::string small = SnappyFramed("hello");
  EXPECT_TRUE(IsSnappyFramed(small));
  for (size_t size = 11; size < small.size(); ++size) {
    EXPECT_THAT(UnpackSnappyFrames(small.substr(0, size), 1 << 20),
                StatusIs(StatusCode::kDataLoss));
  }
  EXPECT_THAT(UnpackSnappyFrames(std::string("\x02\x00\x00\x00", 4), 10),
              StatusIs(StatusCode::kDataLoss));
}

class CountingObserver : public CallObserver {
 public:
  void Started(const Method& method) override {
    std::lock_guard lock(mutex_);
    events_.push_back("started " + std::string(method.service) + " " + std::string(method.name));
  }
  void Ended(const Method& method, StatusCode code, double) override {
    std::lock_guard lock(mutex_);
    events_.push_back("ended " + std::string(method.name) + " " +
                      std::string(StatusCodeName(code)));
    ended_.Open();
  }
  void MessageSent(const Method&) override {}
  void MessageReceived(const Method&) override {}
  std::vector<std::string> events() {
    std::lock_guard lock(mutex_);
    return events_;
  }
  Gate ended_;

 private:
  std::mutex mutex_;
  std::vector<std::string> events_;
};

TEST_F(GrpcServerTest, ObserversSeeCalls) {
  auto observer = std::make_shared<CountingObserver>();
  options_.observer = observer;
  info_->ready = false;
  Start();
  EXPECT_FALSE(channel_->Info(context_).ok());
  ASSERT_TRUE(observer->ended_.Wait());
  EXPECT_THAT(observer->events(),
              ElementsAre("started thanos.info.Info Info", "ended Info Unknown"));
}

}  // namespace
}  // namespace thanos::rpc
