// Peers that mean harm, or are broken: the process lives, and others are served meanwhile.
#include <chrono>
#include <functional>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "faults/hostile/generators.h"
#include "net/http_server.h"
#include "rpc/channel.h"
#include "rpc/server.h"
#include "support/raw_client.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::faults {
namespace {

using ::testing::EndsWith;
using thanos::testing::RawClient;

constexpr int kInputs = 10'000;
constexpr int kServeEvery = 100;
constexpr uint64_t kSeed = 20261125;

// Sends one input and takes what comes until the peer is done or says nothing for a moment.
void Attack(int port, const std::string& bytes) {
  RawClient client(port);
  ASSERT_TRUE(client.connected());
  client.Send(bytes);
  ::shutdown(client.fd(), SHUT_WR);
  char buffer[4096];
  pollfd poller{client.fd(), POLLIN, 0};
  while (::poll(&poller, 1, 20) > 0 && ::recv(client.fd(), buffer, sizeof(buffer), 0) > 0) {
  }
}

void AttackWith(Generator& generator, int port, const std::function<void()>& serve_others) {
  for (int i = 0; i < kInputs; ++i) {
    const std::string bytes = generator.Next();
    Attack(port, bytes);
    if (i % kServeEvery != 0) continue;
    serve_others();
    ASSERT_FALSE(::testing::Test::HasFailure()) << "after input " << i;
  }
  serve_others();
}

TEST(HostileTest, TenThousandMalformedHttpRequests) {
  net::HttpServerOptions options;
  options.body_timeout = std::chrono::seconds(1);
  net::HttpServer server(options);
  server.Handle({"GET", "POST"}, "/hello", [](const CallContext&, const net::HttpRequest& request) {
    return net::HttpResponse::Text(200, "hello" + std::to_string(request.form.items().size()));
  });
  THANOS_ASSERT_OK(server.Start());
  RawClient steady(server.port());
  Http1Generator generator(kSeed);
  AttackWith(generator, server.port(), [&] {
    // A connection that was there all along, and a new one.
    steady.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(steady.ReadUntil("hello0"), EndsWith("hello0"));
    RawClient fresh(server.port());
    fresh.Send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(fresh.ReadToEnd(), EndsWith("hello0"));
  });
}

TEST(HostileTest, TenThousandMalformedHttp2Connections) {
  rpc::ServerOptions options;
  THANOS_ASSERT_OK_AND_ASSIGN(const auto server, rpc::Server::Start(options, {}));
  server->SetReady(true);
  const auto steady = rpc::Channel::Connect(server->address());
  Http2Generator generator(kSeed);
  AttackWith(generator, server->port(), [&] {
    const CallContext context = CallContext().WithTimeout(std::chrono::seconds(5));
    EXPECT_THAT(steady->Healthy(context), thanos::testing::IsOkAndHolds(true));
    EXPECT_THAT(rpc::Channel::Connect(server->address())->Healthy(context),
                thanos::testing::IsOkAndHolds(true));
  });
}

}  // namespace
}  // namespace thanos::faults
