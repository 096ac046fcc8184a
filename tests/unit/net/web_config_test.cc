#include "net/web_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "thanos/testing/status_matchers.h"

namespace thanos::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr char kHash[] = "$2y$10$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

TEST(WebConfigTest, ReadsEveryKey) {
  THANOS_ASSERT_OK_AND_ASSIGN(const WebConfig config, ParseWebConfig(std::string(R"(
tls_server_config:
  cert_file: web.pem
  key_file: /keys/web.key
  client_ca_file: ca.pem
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [a.example, 10.0.0.1]
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
  curve_preferences: [CurveP256, X25519]
  min_version: TLS11
  max_version: TLS12
  prefer_server_cipher_suites: false
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
    Content-Security-Policy: default-src 'self'
    X-XSS-Protection: ""
rate_limit: {interval: 1s, burst: 20}
basic_auth_users:
  ann: )") + kHash,
                                                                     "/etc/web"));
  ASSERT_TRUE(config.tls.has_value());
  EXPECT_EQ(config.tls->cert.file, "/etc/web/web.pem");
  EXPECT_EQ(config.tls->key.file, "/keys/web.key");
  EXPECT_EQ(config.tls->client_ca.file, "/etc/web/ca.pem");
  EXPECT_EQ(config.tls->client_auth, ClientAuth::kRequireAndVerify);
  EXPECT_THAT(config.tls->client_allowed_sans, ElementsAre("a.example", "10.0.0.1"));
  EXPECT_THAT(config.tls->curves, ElementsAre("CurveP256", "X25519"));
  EXPECT_EQ(config.tls->min_version, TLS1_1_VERSION);
  EXPECT_EQ(config.tls->max_version, TLS1_2_VERSION);
  EXPECT_FALSE(config.tls->prefer_server_ciphers);
  EXPECT_THAT(config.headers, ElementsAre(Pair("X-Frame-Options", "deny"),
                                          Pair("Content-Security-Policy", "default-src 'self'")));
  EXPECT_EQ(config.rate_interval_ns, 1'000'000'000);
  EXPECT_EQ(config.rate_burst, 20);
  EXPECT_THAT(config.users, ElementsAre(Pair("ann", kHash)));
}

TEST(WebConfigTest, AnEmptyFileAndAnEmptySectionAskForNothing) {
  for (const char* text : {"", "tls_server_config: {}\n", "basic_auth_users: {}\n"}) {
    THANOS_ASSERT_OK_AND_ASSIGN(const WebConfig config, ParseWebConfig(text, "."));
    EXPECT_FALSE(config.tls.has_value()) << text;
    EXPECT_TRUE(config.users.empty()) << text;
  }
}

TEST(WebConfigTest, TheFileWinsOverInlineText) {
  THANOS_ASSERT_OK_AND_ASSIGN(
      const WebConfig config,
      ParseWebConfig("tls_server_config: {cert: inline, cert_file: /c, key: inline}", "."));
  EXPECT_EQ(config.tls->cert.file, "/c");
  EXPECT_EQ(config.tls->cert.pem, "");
  EXPECT_EQ(config.tls->key.pem, "inline");
}

struct Bad {
  const char* text;
  const char* why;
};

TEST(WebConfigTest, MistakesAreNamedWithTheirLine) {
  const std::string good_tls = "tls_server_config:\n  cert_file: c\n  key_file: k\n";
  const Bad kRows[] = {
      {"nonsense: 1", "line 1: web configuration: field nonsense not found"},
      {"{", "yaml: line"},
      {"basic_auth_users: [a]", "line 1"},
      {"basic_auth_users:\n  ann: plain", "line 2: basic_auth_users: ann: is not a bcrypt hash"},
      {"tls_server_config: {cert_file: c}", "missing one of key or key_file"},
      {"tls_server_config: {key_file: c}", "missing one of cert or cert_file"},
      {"tls_server_config: {client_auth_type: Sometimes}", "missing one of cert"},
      {"tls_server_config: {cert: c, key: k, client_auth_type: Sometimes}", "Sometimes"},
      {"tls_server_config: {cert: c, key: k, client_ca_file: x}", "without a client_auth_type"},
      {"tls_server_config: {cert: c, key: k, min_version: TLS9}", "TLS9"},
      {"tls_server_config: {cert: c, key: k, other: 1}", "field other not found"},
      {"http_server_config: {headers: {X-Other: a}}", "X-Other"},
      {"http_server_config: {headers: {X-Frame-Options: maybe}}", "X-Frame-Options"},
      {"rate_limit: {interval: soon}", "line 1"},
      {"rate_limit: {burst: -1}", "negative"},
  };
  for (const Bad& row : kRows) {
    const auto config = ParseWebConfig(row.text, ".");
    ASSERT_FALSE(config.ok()) << row.text;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(row.why)) << row.text;
  }
}

TEST(WebConfigTest, AMistakeDoesNotShowAPassword) {
  const auto config = ParseWebConfig("basic_auth_users: {ann: hunter2}", ".");
  EXPECT_THAT(std::string(config.status().message()), ::testing::Not(HasSubstr("hunter2")));
}

TEST(WebConfigTest, KnowsBcryptHashes) {
  EXPECT_TRUE(IsBcryptHash(kHash));
  const std::string hash = kHash;
  EXPECT_FALSE(IsBcryptHash(hash.substr(1)));
  EXPECT_FALSE(IsBcryptHash("$2x" + hash.substr(3)));
  EXPECT_FALSE(IsBcryptHash("$2y$03" + hash.substr(6)));
  EXPECT_FALSE(IsBcryptHash("$2y$32" + hash.substr(6)));
  EXPECT_FALSE(IsBcryptHash(hash.substr(0, 59) + "!"));
}

}  // namespace
}  // namespace thanos::net
