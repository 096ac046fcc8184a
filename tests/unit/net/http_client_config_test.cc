#include "net/http_client_config.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http_server.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::net {
namespace {

using ::testing::HasSubstr;
using thanos::testing::StatusIs;

TEST(HttpClientConfigTest, ReadsEveryKeyThatItKnowsAndLeavesOutOthers) {
  HttpClientOptions options;
  THANOS_ASSERT_OK(ReadHttpClientConfig(R"(
basic_auth: {username: me, password_file: /secret}
proxy_url: http://proxy:1
tls_config: {ca_file: a, cert_file: b, key_file: c, server_name: d, insecure_skip_verify: true}
transport_config:
  max_idle_conns: 7
  idle_conn_timeout: 5000000000
  response_header_timeout: 6000000000
  max_conns_per_host: 3
  dialer_timeout: 1000000000
  disable_compression: true
something_else: 1
)",
                                        &options));
  EXPECT_EQ(options.basic_user, "me");
  EXPECT_EQ(options.basic_password_file, "/secret");
  EXPECT_EQ(options.proxy_url, "http://proxy:1");
  EXPECT_EQ(options.tls.server_name, "d");
  EXPECT_TRUE(options.tls.insecure_skip_verify);
  EXPECT_EQ(options.connections_max, 7u);
  EXPECT_EQ(options.connections_per_host_max, 3u);
  EXPECT_EQ(options.idle_timeout, std::chrono::seconds(5));
  EXPECT_EQ(options.response_header_timeout, std::chrono::seconds(6));
  EXPECT_EQ(options.connect_timeout, std::chrono::seconds(1));
  EXPECT_FALSE(options.accept_compression);
}

TEST(HttpClientConfigTest, MistakesAreNamed) {
  HttpClientOptions options;
  EXPECT_THAT(ReadHttpClientConfig("basic_auth: [a]", &options),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("line 1")));
  EXPECT_THAT(ReadHttpClientConfig("transport_config: {idle_conn_timeout: -1}", &options),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("transport_config")));
  EXPECT_THAT(ReadHttpClientConfig("{", &options), StatusIs(StatusCode::kInvalidArgument));
}

TEST(HttpClientConfigTest, TwoWaysToProveOneselfAreRefused) {
  for (const char* yaml : {"{basic_auth: {username: a, password: b}, bearer_token: c}",
                           "{bearer_token: a, bearer_token_file: b}",
                           "basic_auth: {username: a, password: b, password_file: c}"}) {
    HttpClientOptions options;
    THANOS_ASSERT_OK(ReadHttpClientConfig(yaml, &options));
    EXPECT_THAT(HttpClient::Make(options), StatusIs(StatusCode::kInvalidArgument)) << yaml;
  }
}

class CredentialFilesTest : public ::testing::Test {
 protected:
  CredentialFilesTest() : server_(HttpServerOptions()) {
    server_.Handle({"GET"}, "/", [](const CallContext&, const HttpRequest& request) {
      return HttpResponse::Text(200, std::string(request.headers.Get("Authorization")));
    });
    THANOS_CHECK(server_.Start().ok());
  }
  std::string Write(const std::string& text) {
    std::ofstream(directory_.path() + "/secret") << text;
    return directory_.path() + "/secret";
  }
  std::string Seen(const std::shared_ptr<HttpClient>& client) {
    ClientRequest request;
    request.url = "http://" + server_.address() + "/";
    const auto answer = client->Do(CallContext(), request);
    return answer.ok() ? answer->body : answer.status().ToString();
  }

  const thanos::testing::TemporaryDirectory directory_;
  HttpServer server_;
};

TEST_F(CredentialFilesTest, AreReadForEachRequest) {
  HttpClientOptions options;
  options.bearer_token_file = Write("first\n");
  THANOS_ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Make(options));
  EXPECT_EQ(Seen(client), "Bearer first");
  Write("second");
  EXPECT_EQ(Seen(client), "Bearer second");
  std::filesystem::remove(directory_.path() + "/secret");
  EXPECT_THAT(Seen(client), HasSubstr("cannot read the credentials"));
}

TEST_F(CredentialFilesTest, PasswordsToo) {
  HttpClientOptions options;
  options.basic_user = "ann";
  options.basic_password_file = Write("secret\n");
  THANOS_ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Make(options));
  EXPECT_EQ(Seen(client), "Basic YW5uOnNlY3JldA==");
}

}  // namespace
}  // namespace thanos::net
