// A trace through servers: an HTTP request whose handler calls a gRPC server.
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http_client.h"
#include "net/http_server.h"
#include "rpc/channel.h"
#include "rpc/server.h"
#include "thanos/testing/status_matchers.h"
#include "tracing/tracer.h"
#include "tracing/tracing.h"

namespace thanos::tracing {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

class Collected : public SpanSink {
 public:
  void Take(SpanRecord record) override {
    std::lock_guard lock(mutex_);
    spans_.emplace(record.name + (record.kind == SpanKind::kClient ? " [client]" : ""),
                   std::move(record));
  }
  // Waits: a server's span may end after its client has the answer.
  SpanRecord Of(const std::string& name) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < until) {
      {
        std::lock_guard lock(mutex_);
        const auto at = spans_.find(name);
        if (at != spans_.end()) return at->second;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ADD_FAILURE() << "no span " << name;
    return {};
  }
  size_t size() {
    std::lock_guard lock(mutex_);
    return spans_.size();
  }

 private:
  std::mutex mutex_;
  std::map<std::string, SpanRecord> spans_;  // Guarded by mutex_.
};

class FakeInfo : public rpc::InfoService {
 public:
  Result<wire::InfoResponse> Info(const CallContext& context) override {
    request_id = context.request_id();
    trace_id = context.span() ? context.span()->TraceId() : "";
    return wire::InfoResponse{};
  }
  std::string request_id, trace_id;
};

class PropagatedTest : public ::testing::Test {
 protected:
  void Start(SamplerConfig sampler) {
    const auto tracer = MakeTracer(sampler, sink_);
    rpc::ServerOptions options;
    options.interceptors = {MakeCallInterceptor(tracer)};
    auto server = rpc::Server::Start(std::move(options), rpc::Services{.info = info_});
    THANOS_ASSERT_OK(server);
    grpc_ = std::move(*server);
    channel_ = rpc::Channel::Connect(grpc_->address());
    net::HttpServerOptions http_options;
    http_options.interceptors = {MakeHttpInterceptor(tracer)};
    http_ = std::make_unique<net::HttpServer>(std::move(http_options));
    http_->Handle({}, "/query",
                  [this](const CallContext& context, const net::HttpRequest&) {
                    const auto answer =
                        channel_->Info(context.WithTimeout(std::chrono::seconds(20)));
                    return net::HttpResponse::Text(answer.ok() ? 200 : 500, "");
                  },
                  {.name = "query"});
    http_->Handle({}, "/-/ready", [](const CallContext& context, const net::HttpRequest&) {
      return net::HttpResponse::Text(context.span() ? 500 : 200, "");
    });
    THANOS_ASSERT_OK(http_->Start());
  }
  net::ClientResponse Get(const std::string& path, net::HttpHeaders headers = {}) {
    auto client = net::HttpClient::Make({});
    auto answer =
        (*client)->Do(CallContext().WithTimeout(std::chrono::seconds(20)),
                      {.url = "http://" + http_->address() + path, .headers = std::move(headers)});
    EXPECT_TRUE(answer.ok()) << answer.status().message();
    return answer.ok() ? *answer : net::ClientResponse();
  }

  const std::shared_ptr<Collected> sink_ = std::make_shared<Collected>();
  const std::shared_ptr<FakeInfo> info_ = std::make_shared<FakeInfo>();
  std::unique_ptr<rpc::Server> grpc_;
  std::shared_ptr<rpc::Channel> channel_;
  std::unique_ptr<net::HttpServer> http_;
};

constexpr auto kAlways = SamplerConfig::Kind::kAlways;
constexpr auto kNever = SamplerConfig::Kind::kNever;

TEST_F(PropagatedTest, OneTraceThroughBothServers) {
  Start({kAlways, 1, true});
  const auto answer = Get("/query?q=1", {{"X-Request-ID", "r1"}});
  EXPECT_EQ(answer.status, 200);
  const SpanRecord http = sink_->Of("/query HTTP[server]");
  const SpanRecord client = sink_->Of("/thanos.info.Info/Info [client]");
  const SpanRecord server = sink_->Of("/thanos.info.Info/Info");
  EXPECT_EQ(answer.headers.Get("X-Thanos-Trace-Id"), HexText(http.ids.trace.data(), 16));
  EXPECT_EQ(client.ids.trace, http.ids.trace);
  EXPECT_EQ(client.parent, http.ids.span);
  EXPECT_EQ(server.ids.trace, http.ids.trace);
  EXPECT_EQ(server.parent, client.ids.span);
  EXPECT_TRUE(server.parent_is_remote);
  EXPECT_FALSE(http.has_parent());
  const std::vector<std::pair<std::string, TraceValue>> wanted = {
      {"http.method", std::string("GET")},
      {"http.url", std::string("/query?q=1")},
      {"request_id", std::string("r1")},
      {"http.status_code", int64_t{200}},
      {"http.response_content_length", int64_t{0}}};
  EXPECT_EQ(http.attributes, wanted);
  EXPECT_EQ(info_->request_id, "r1");
}

TEST_F(PropagatedTest, ContinuesTheTraceOfAnHttpClient) {
  Start({kNever, 1, true});
  Get("/query", {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}});
  const SpanRecord http = sink_->Of("/query HTTP[server]");
  EXPECT_EQ(HexText(http.ids.trace.data(), 16), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(HexText(http.parent.data(), 8), "00f067aa0ba902b7");
}

TEST_F(PropagatedTest, AnUnsampledTraceIsNotTakenUpByTheNextServer) {
  Start({kNever, 1, true});
  const auto answer = Get("/query", {{"uber-trace-id", "4bf92f3577b34da6a3ce929d0e0e4736:1:0:0"}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.headers.Has("X-Thanos-Trace-Id"));
  EXPECT_EQ(info_->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(sink_->size(), 0u);
}

TEST_F(PropagatedTest, ForcedTracingGoesAllTheWay) {
  Start({kNever, 1, false});
  const auto answer = Get("/query", {{"X-Thanos-Force-Tracing", "true"}});
  EXPECT_THAT(answer.headers.Get("X-Thanos-Trace-Id"), Not(IsEmpty()));
  sink_->Of("/query HTTP[server]");
  sink_->Of("/thanos.info.Info/Info");
}

TEST_F(PropagatedTest, MetadataMayForceTracingToo) {
  const auto interceptor = MakeCallInterceptor(MakeTracer({kNever, 1, true}, sink_));
  const rpc::Method method{"thanos.Store", "Series"};
  for (const bool forced : {false, true}) {
    CallContext context;
    const auto visit =
        interceptor->Begin({method, "peer",
                            [forced](std::string_view name) -> std::string_view {
                              return forced && name == "x-thanos-force-tracing" ? "1" : "";
                            }},
                           &context);
    EXPECT_EQ(visit != nullptr, forced);
    EXPECT_EQ(context.span()->recording(), forced);
  }
}

TEST_F(PropagatedTest, ProbesAreNotTraced) {
  Start({kAlways, 1, true});
  EXPECT_EQ(Get("/-/ready").status, 200);
  EXPECT_EQ(sink_->size(), 0u);
}

TEST(TracingTest, NothingWithoutAConfiguration) {
  metrics::Registry registry;
  const auto tracing = Tracing::Make("", base::Logger(), &registry);
  THANOS_ASSERT_OK(tracing);
  EXPECT_EQ(*tracing, nullptr);
}

TEST(TracingTest, AnUndeliveredTypeStartsAndRecordsNothing) {
  metrics::Registry registry;
  const auto tracing =
      Tracing::Make("type: LIGHTSTEP\nconfig: {access_token: x}", base::Logger(), &registry);
  THANOS_ASSERT_OK(tracing);
  CallContext context;
  net::HttpRequest request;
  request.headers.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  EXPECT_EQ((*tracing)->http()->Begin("query", request, &context), nullptr);
  EXPECT_FALSE(context.span()->recording());
  EXPECT_EQ(context.span()->TraceId(), "4bf92f3577b34da6a3ce929d0e0e4736");
}

}  // namespace
}  // namespace thanos::tracing
