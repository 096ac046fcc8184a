// Peers that mean harm, or are broken: the process lives, and others are served meanwhile.
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

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
std::string Attack(int port, const std::string& bytes) {
  RawClient client(port);
  EXPECT_TRUE(client.connected());
  client.Send(bytes);
  std::string answer;
  char buffer[4096];
  pollfd poller{client.fd(), POLLIN, 0};
  // Whoever leaves at once is not answered; whoever waits for more must not hold up the test.
  if (::poll(&poller, 1, 1) == 0) ::shutdown(client.fd(), SHUT_WR);
  while (::poll(&poller, 1, 20) > 0) {
    const ssize_t count = ::recv(client.fd(), buffer, sizeof(buffer), 0);
    if (count <= 0) break;
    answer.append(buffer, static_cast<size_t>(count));
  }
  return answer;
}

// How often each kind of answer was seen.
using Answers = std::map<std::string, int>;

void AttackWith(Generator& generator, int port, std::string (*kind)(const std::string&),
                Answers* answers, const std::function<void()>& serve_others) {
  for (int i = 0; i < kInputs; ++i) {
    const std::string bytes = generator.Next();
    ++(*answers)[kind(Attack(port, bytes))];
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
  Answers answers;
  const auto status_of = [](const std::string& answer) { return answer.substr(0, 12); };
  AttackWith(generator, server.port(), status_of, &answers, [&] {
    // A connection that was there all along, and a new one.
    steady.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(steady.ReadUntil("hello0"), EndsWith("hello0"));
    RawClient fresh(server.port());
    fresh.Send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(fresh.ReadToEnd(), EndsWith("hello0"));
  });
  // The inputs went as deep as they should: some were fine, some wrong in each way.
  for (const char* status : {"200", "400", "404", "405", "417", "431"}) {
    EXPECT_GT(answers["HTTP/1.1 " + std::string(status)], 10) << status;
  }
  EXPECT_EQ(answers["HTTP/1.1 500"], 0);
}

TEST(HostileTest, TenThousandMalformedHttp2Connections) {
  rpc::ServerOptions options;
  THANOS_ASSERT_OK_AND_ASSIGN(const auto server, rpc::Server::Start(options, {}));
  server->SetReady(true);
  const auto steady = rpc::Channel::Connect(server->address());
  Http2Generator generator(kSeed);
  Answers answers;
  const auto first_frame = [](const std::string& answer) {
    return answer.size() < 9 ? std::string("none") : std::to_string(answer[3]);
  };
  AttackWith(generator, server->port(), first_frame, &answers, [&] {
    const CallContext context = CallContext().WithTimeout(std::chrono::seconds(5));
    EXPECT_THAT(steady->Healthy(context), thanos::testing::IsOkAndHolds(true));
    EXPECT_THAT(rpc::Channel::Connect(server->address())->Healthy(context),
                thanos::testing::IsOkAndHolds(true));
  });
  EXPECT_GT(answers["4"], 1000) << "its SETTINGS";
}

}  // namespace
}  // namespace thanos::faults
