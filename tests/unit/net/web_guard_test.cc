#include "net/web_guard.h"

#include <chrono>
#include <fstream>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http_client.h"
#include "net/http_server.h"
#include "support/certificates.h"
#include "support/raw_client.h"
#include "support/temporary_directory.h"
#include "support/tls_client.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::net {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using thanos::testing::Authority;
using thanos::testing::CertificateFiles;
using thanos::testing::RawClient;
using thanos::testing::StatusIs;
using thanos::testing::TlsClient;

// "secret", at the lowest cost.
constexpr char kHash[] = "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
constexpr char kAnn[] = "Basic YW5uOnNlY3JldA==";         // ann:secret
constexpr char kAnnBad[] = "Basic YW5uOm90aGVy";          // ann:other
constexpr char kNobodyElse[] = "Basic Y2FybDpzZWNyZXQ=";  // carl:secret
using Verdict = WebGuard::Verdict;

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path + ".new") << text;
  std::filesystem::rename(path + ".new", path);
}

template <typename Condition>
bool Eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

class WebGuardTest : public ::testing::Test {
 protected:
  std::string Config(const std::string& text) {
    WriteFile(path_, text);
    return path_;
  }
  std::unique_ptr<WebGuard> Open(const std::string& text) {
    auto guard = WebGuard::Open(Config(text), {});
    EXPECT_TRUE(guard.ok()) << guard.status().ToString();
    return std::move(*guard);
  }

  const thanos::testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/web.yml";
};

TEST_F(WebGuardTest, AsksOnceForEachPassword) {
  const auto guard = Open(std::string("basic_auth_users: {ann: ") + kHash + "}");
  EXPECT_EQ(guard->Check(""), Verdict::kUnauthorized);
  EXPECT_EQ(guard->Check("Bearer x"), Verdict::kUnauthorized);
  EXPECT_EQ(guard->Check("Basic !!!"), Verdict::kUnauthorized);
  for (const char* header : {kAnn, kAnnBad, kNobodyElse}) {
    EXPECT_EQ(guard->Check(header), Verdict::kAsk) << header;
  }
  EXPECT_TRUE(guard->Verify(kAnn));
  EXPECT_FALSE(guard->Verify(kAnnBad));
  EXPECT_FALSE(guard->Verify(kNobodyElse));
  EXPECT_EQ(guard->Check(kAnn), Verdict::kPass);
  EXPECT_EQ(guard->Check(kAnnBad), Verdict::kUnauthorized);
  EXPECT_EQ(guard->Check(kNobodyElse), Verdict::kUnauthorized);
}

TEST_F(WebGuardTest, GuessingDoesNotDriveOutWhoIsKnown) {
  const auto guard = Open(std::string("basic_auth_users: {ann: ") + kHash + "}");
  ASSERT_TRUE(guard->Verify(kAnn));
  for (int i = 0; i < 300; ++i) {
    std::string guess = "Basic YW5uO" + std::to_string(100 + i);
    guess.resize(6 + 12, 'A');
    EXPECT_FALSE(guard->Verify(guess));
  }
  EXPECT_EQ(guard->Check(kAnn), Verdict::kPass);
}

TEST_F(WebGuardTest, FollowsTheFileAndKeepsTheLastGoodOne) {
  const auto guard = Open("");
  EXPECT_EQ(guard->Check(""), Verdict::kPass);
  Config(std::string("basic_auth_users: {ann: ") + kHash + "}");
  EXPECT_TRUE(Eventually([&] { return guard->Check("") == Verdict::kUnauthorized; }));
  Config("nonsense: 1");
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_EQ(guard->Check(""), Verdict::kUnauthorized);
  Config("http_server_config: {headers: {X-Frame-Options: deny}}");
  EXPECT_TRUE(Eventually([&] { return guard->Check("") == Verdict::kPass; }));
  EXPECT_THAT(*guard->headers(),
              ::testing::ElementsAre(::testing::Pair("X-Frame-Options", "deny")));
}

TEST_F(WebGuardTest, LimitsTheRate) {
  const auto guard = Open("rate_limit: {interval: 1h, burst: 3}");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(guard->Check(""), Verdict::kPass);
  EXPECT_EQ(guard->Check(""), Verdict::kTooMany);
}

TEST_F(WebGuardTest, WhatCannotBeUsedIsRefusedByName) {
  EXPECT_THAT(WebGuard::Open(directory_.path() + "/none", {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("/none")));
  EXPECT_THAT(
      WebGuard::Open(Config("tls_server_config: {cert_file: no.pem, key_file: no.key}"), {}),
      StatusIs(StatusCode::kInvalidArgument, HasSubstr(directory_.path() + "/no.pem")));
  const Authority authority(directory_.path());
  const CertificateFiles one = authority.Issue("one"), two = authority.Issue("two");
  EXPECT_THAT(
      WebGuard::Open(Config("tls_server_config: {cert_file: one.pem, key_file: two.key}"), {}),
      StatusIs(StatusCode::kInvalidArgument, HasSubstr("does not belong")));
  EXPECT_THAT(WebGuard::Open(Config("tls_server_config: {cert_file: one.pem, key_file: one.key, "
                                    "cipher_suites: [TLS_NONE]}"),
                             {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("unknown cipher: TLS_NONE")));
}

// A server behind a web configuration.
class GuardedServerTest : public WebGuardTest {
 protected:
  void Start(const std::string& web_config) {
    HttpServerOptions options;
    options.web_config_file = Config(web_config);
    server_ = std::make_unique<HttpServer>(options);
    server_->Handle({"GET"}, "/hello", [](const CallContext&, const HttpRequest&) {
      return HttpResponse::Text(200, "hello");
    });
    server_->Handle({"POST"}, "/echo", [](const CallContext&, const HttpRequest& request) {
      return HttpResponse::Text(200, request.body);
    });
    server_->Handle({"GET"}, "/wait", [this](const CallContext& context, const HttpRequest&) {
      entered_.set_value();
      std::promise<void> cancelled;
      const auto registration = context.OnCancel([&] { cancelled.set_value(); });
      gone_ =
          cancelled.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready;
      left_.set_value();
      return HttpResponse::Text(200, "");
    });
    THANOS_ASSERT_OK(server_->Start());
  }
  std::string Ask(const std::string& headers, const std::string& target = "/hello") {
    RawClient client(server_->port());
    client.Send("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers +
                "\r\n");
    return client.ReadToEnd();
  }
  std::string TlsConfig(const CertificateFiles& files, const std::string& more = "") {
    return "tls_server_config:\n  cert_file: " + files.cert + "\n  key_file: " + files.key + "\n" +
           more;
  }
  TlsClientOptions Trusting() {
    TlsClientOptions options;
    options.ca.file = authority_.file();
    return options;
  }
  std::string AskTls(const TlsClientOptions& options) {
    TlsClient client(server_->port(), options);
    if (!client.connected()) return "no connection: " + client.problem();
    client.Send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return client.ReadToEnd();
  }

  const Authority authority_{directory_.path()};
  const Authority stranger_{directory_.path(), "stranger"};
  std::unique_ptr<HttpServer> server_;
  std::promise<void> entered_, left_;
  bool gone_ = false;
};

TEST_F(GuardedServerTest, LetsUsersIn) {
  Start(std::string("basic_auth_users: {ann: ") + kHash + "}\n" +
        "http_server_config: {headers: {X-Frame-Options: deny}}\n");
  const std::string refused = Ask("");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(refused, HasSubstr("WWW-Authenticate: Basic\r\n"));
  EXPECT_THAT(refused, HasSubstr("X-Frame-Options: deny\r\n"));
  EXPECT_THAT(refused, EndsWith("\r\n\r\nUnauthorized\n"));
  for (int i = 0; i < 2; ++i) {  // The second time from the table.
    EXPECT_THAT(Ask(std::string("Authorization: ") + kAnn + "\r\n"), EndsWith("\r\n\r\nhello"));
    EXPECT_THAT(Ask(std::string("Authorization: ") + kAnnBad + "\r\n"), StartsWith("HTTP/1.1 401"));
  }
}

TEST_F(GuardedServerTest, SpeaksTlsWithWhoTrustsIt) {
  Start(TlsConfig(authority_.Issue("web")));
  EXPECT_THAT(AskTls(Trusting()), EndsWith("\r\n\r\nhello"));
  TlsClientOptions distrusting;
  distrusting.ca.file = stranger_.file();
  EXPECT_THAT(AskTls(distrusting), HasSubstr("certificate verify failed"));
  EXPECT_THAT(Ask(""), HasSubstr("400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS"));
}

TEST_F(GuardedServerTest, CarriesLargeBodiesAndPipelinedRequestsUnderTls) {
  Start(TlsConfig(authority_.Issue("web")));
  TlsClient client(server_->port(), Trusting());
  ASSERT_TRUE(client.connected()) << client.problem();
  const std::string body(3 << 20, 'b');
  ASSERT_TRUE(client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " +
                          std::to_string(body.size()) + "\r\n\r\n" + body));
  EXPECT_EQ(client.ReadUntil(body.substr(0, body.size())).size() > body.size(), true);
  const std::string hello = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
  ASSERT_TRUE(
      client.Send(hello + hello + "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  const std::string answers = client.ReadToEnd();
  size_t count = 0;
  for (size_t at = 0; (at = answers.find("\r\n\r\nhello", at)) != std::string::npos; ++at) ++count;
  EXPECT_EQ(count, 3u);
}

TEST_F(GuardedServerTest, NoticesUnderTlsThatAClientLeft) {
  Start(TlsConfig(authority_.Issue("web")));
  TlsClient client(server_->port(), Trusting());
  ASSERT_TRUE(client.connected()) << client.problem();
  client.Send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  entered_.get_future().wait();
  client.Close();
  ASSERT_EQ(left_.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_TRUE(gone_);
}

TEST_F(GuardedServerTest, KeepsToItsVersions) {
  Start(TlsConfig(authority_.Issue("web"), "  min_version: TLS12\n  max_version: TLS12\n"));
  TlsClientOptions exact = Trusting();
  exact.min_version = exact.max_version = TLS1_3_VERSION;
  EXPECT_THAT(AskTls(exact), StartsWith("no connection"));
  exact.min_version = exact.max_version = TLS1_2_VERSION;
  EXPECT_THAT(AskTls(exact), EndsWith("hello"));
}

TEST_F(GuardedServerTest, KeepsToItsCiphersAndCurves) {
  Start(TlsConfig(authority_.Issue("web"),
                  "  max_version: TLS12\n  cipher_suites: "
                  "[TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305]\n  curve_preferences: [CurveP384]\n"));
  TlsClient client(server_->port(), Trusting());
  ASSERT_TRUE(client.connected()) << client.problem();
  EXPECT_STREQ(SSL_get_cipher_name(client.ssl()), "ECDHE-ECDSA-CHACHA20-POLY1305");
  EXPECT_EQ(SSL_get_negotiated_group(client.ssl()), NID_secp384r1);
}

struct AuthRow {
  const char* type;
  bool none, friends, strangers;  // Whether clients with such a certificate are served.
};

TEST_F(GuardedServerTest, AsksForClientCertificatesAsToldTo) {
  const CertificateFiles web = authority_.Issue("web"), ours = authority_.Issue("friend"),
                         other = stranger_.Issue("other");
  for (const AuthRow& row :
       {AuthRow{"NoClientCert", true, true, true}, AuthRow{"RequestClientCert", true, true, true},
        AuthRow{"RequireAnyClientCert", false, true, true},
        AuthRow{"VerifyClientCertIfGiven", true, true, false},
        AuthRow{"RequireAndVerifyClientCert", false, true, false}}) {
    const std::string ca = std::string(row.type) == "NoClientCert"
                               ? ""
                               : "  client_ca_file: " + authority_.file() + "\n";
    Start(TlsConfig(web, ca + "  client_auth_type: " + row.type + "\n"));
    const auto served = [&](const CertificateFiles& files) {
      TlsClientOptions options = Trusting();
      options.cert.file = files.cert;
      options.key.file = files.key;
      return AskTls(options).ends_with("hello");
    };
    EXPECT_EQ(served({}), row.none) << row.type;
    EXPECT_EQ(served(ours), row.friends) << row.type;
    EXPECT_EQ(served(other), row.strangers) << row.type;
  }
}

TEST_F(GuardedServerTest, HandlersKnowTheSubjectOfTheClient) {
  Start(TlsConfig(authority_.Issue("web"), "  client_ca_file: " + authority_.file() +
                                               "\n  client_auth_type: VerifyClientCertIfGiven\n"));
  std::vector<std::string> seen;
  server_->Handle({"GET"}, "/who", [&](const CallContext&, const HttpRequest& request) {
    const PeerSubject* peer = request.peer.get();
    return HttpResponse::Text(200, peer == nullptr ? "nobody"
                                                   : peer->common_name + "/" + peer->organization +
                                                         "/" + peer->organizational_unit);
  });
  const auto who = [&](const CertificateFiles& files) {
    TlsClientOptions options = Trusting();
    options.cert.file = files.cert;
    options.key.file = files.key;
    TlsClient client(server_->port(), options);
    client.Send("GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const std::string answer = client.ReadToEnd();
    return answer.substr(answer.find("\r\n\r\n") + 4);
  };
  EXPECT_EQ(who({}), "nobody");
  EXPECT_EQ(who(authority_.Issue("ann")), "ann//");
  EXPECT_EQ(who(authority_.Issue("bob", "DNS:b", -1, 10, "Acme & Co", "ops")), "bob/Acme & Co/ops");
}

TEST_F(GuardedServerTest, LetsOnlyAllowedNamesIn) {
  Start(TlsConfig(authority_.Issue("web"), "  client_ca_file: " + authority_.file() +
                                               "\n  client_auth_type: RequireAndVerifyClientCert\n"
                                               "  client_allowed_sans: [ann.example, 10.1.2.3]\n"));
  const auto served = [&](const std::string& names) {
    const CertificateFiles files = authority_.Issue("client", names);
    TlsClientOptions options = Trusting();
    options.cert.file = files.cert;
    options.key.file = files.key;
    return AskTls(options).ends_with("hello");
  };
  EXPECT_TRUE(served("DNS:x,DNS:ann.example"));
  EXPECT_TRUE(served("IP:10.1.2.3"));
  EXPECT_FALSE(served("DNS:bob.example"));
  EXPECT_FALSE(served("DNS:sub.ann.example"));
}

TEST_F(GuardedServerTest, AnExpiredClientIsNotLetIn) {
  Start(TlsConfig(authority_.Issue("web"), "  client_ca_file: " + authority_.file() +
                                               "\n  client_auth_type: VerifyClientCertIfGiven\n"));
  const CertificateFiles old = authority_.Issue("old", "DNS:old", -10, -5);
  TlsClientOptions options = Trusting();
  options.cert.file = old.cert;
  options.key.file = old.key;
  EXPECT_THAT(AskTls(options), Not(EndsWith("hello")));
}

TEST_F(GuardedServerTest, OurClientVerifiesTheNameThatItIsTold) {
  Start(TlsConfig(authority_.Issue("web", "DNS:store.example")));
  const auto ask = [&](const std::string& name) {
    HttpClientOptions options;
    options.tls.ca_file = authority_.file();
    options.tls.server_name = name;
    ClientRequest request;
    request.url = "https://127.0.0.1:" + std::to_string(server_->port()) + "/hello";
    const auto answer = (*HttpClient::Make(options))->Do(CallContext(), request);
    return answer.ok() ? answer->body : answer.status().ToString();
  };
  EXPECT_EQ(ask("store.example"), "hello");
  EXPECT_THAT(ask("other.example"), HasSubstr("certificate"));
  EXPECT_THAT(ask(""), HasSubstr("certificate"));
}

TEST_F(GuardedServerTest, UsesACertificateThatIsReplaced) {
  const CertificateFiles files = authority_.Issue("web");
  Start(TlsConfig(files));
  const auto serial = [&] {
    TlsClient client(server_->port(), Trusting());
    if (!client.connected()) return std::string("none");
    X509* certificate = SSL_get1_peer_certificate(client.ssl());
    const int64_t number = ASN1_INTEGER_get(X509_get0_serialNumber(certificate));
    X509_free(certificate);
    return std::to_string(number);
  };
  const std::string first = serial();
  authority_.Issue("web");
  EXPECT_TRUE(Eventually([&] { return serial() != first; }));
  // A key that does not fit is not used: the last good pair stays.
  const std::string second = serial();
  std::filesystem::copy_file(authority_.Issue("other").key, files.key,
                             std::filesystem::copy_options::overwrite_existing);
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_EQ(serial(), second);
}

}  // namespace
}  // namespace thanos::net
