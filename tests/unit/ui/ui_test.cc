#include "ui/ui.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "codec/compression.h"
#include "support/raw_client.h"
#include "thanos/testing/status_matchers.h"
#include "ui/assets.h"

namespace thanos::ui {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class UiTest : public ::testing::Test {
 protected:
  UiTest() : server_({}) {}
  void Start(UiOptions options) {
    AddUi(&server_, std::move(options));
    THANOS_ASSERT_OK(server_.Start());
  }
  std::string Get(const std::string& target, const std::string& headers = "",
                  const std::string& method = "GET") {
    testing::RawClient client(server_.port());
    EXPECT_TRUE(client.Send(method + " " + target +
                            " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + headers + "\r\n"));
    return client.ReadToEnd();
  }
  static std::string BodyOf(const std::string& answer) {
    return answer.substr(answer.find("\r\n\r\n") + 4);
  }
  static std::string HeaderOf(const std::string& answer, const std::string& name) {
    const size_t at = answer.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const size_t begin = at + name.size() + 4;
    return answer.substr(begin, answer.find("\r\n", begin) - begin);
  }
  net::HttpServer server_;
};

// What needs a bundle cannot be seen in a build without one.
class BundledUiTest : public UiTest {
 protected:
  void SetUp() override {
    if (Assets().empty()) GTEST_SKIP() << "built with THANOS_UI=OFF";
  }
  // A script: named by its content and large.
  static const Asset& Script() {
    const auto all = Assets();
    return *std::ranges::find_if(all, [](const Asset& asset) {
      return asset.path.starts_with("static/") && asset.path.ends_with(".js");
    });
  }
};

TEST(Shell, PutsThePrefixIntoItsBaseEscaped) {
  EXPECT_EQ(ShellFor("a<base href=\"/\">b", ""), "a<base href=\"/\">b");
  EXPECT_EQ(ShellFor("a<base href=\"/\">b", "/p"), "a<base href=\"/p/\">b");
  EXPECT_EQ(ShellFor("<base href=\"/\">", "/\"><script>"),
            "<base href=\"/&quot;&gt;&lt;script&gt;/\">");
}

TEST_F(UiTest, SaysInItsConfigurationWhatTheRoleIs) {
  UiOptions options{.prefix = {.route = "/p"}, .home = "/graph"};
  options.config = {.component = "query",
                    .engines = {"prometheus", "thanos"},
                    .default_engine = "thanos",
                    .default_step_ms = 1500,
                    .replica_labels = {"a\"<b>"},
                    .tenant_header = "THANOS-TENANT",
                    .default_tenant = "default-tenant",
                    .trace_url = "https://traces/{traceID}"};
  Start(std::move(options));
  const std::string answer = Get("/p/api/v1/ui/config");
  EXPECT_EQ(HeaderOf(answer, "Cache-Control"), "no-store");
  EXPECT_THAT(answer, Not(HasSubstr("Access-Control-Allow-Origin")));
  const auto data = nlohmann::json::parse(BodyOf(answer))["data"];
  EXPECT_EQ(data["component"], "query");
  EXPECT_EQ(data["pathPrefix"], "/p");
  EXPECT_EQ(data["engines"], nlohmann::json::parse(R"(["prometheus","thanos"])"));
  EXPECT_EQ(data["defaultStep"], 1.5);
  EXPECT_EQ(data["replicaLabels"][0], "a\"<b>");
  EXPECT_EQ(data["tenant"]["enabled"], true);
  EXPECT_EQ(data["traceUrlTemplate"], "https://traces/{traceID}");
  EXPECT_EQ(data["adminOperations"], false);
  EXPECT_GT(data["serverTimeMs"], 1.7e12);
}

TEST_F(UiTest, LeadsHome) {
  Start({.prefix = {.route = "/r", .external = "/e"}, .home = "/graph"});
  for (const char* at : {"/", "/r", "/r/"}) {
    const std::string answer = Get(at);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 302")) << at;
    EXPECT_EQ(HeaderOf(answer, "Location"), "/e/graph") << at;
  }
}

TEST_F(UiTest, KnowsNoOtherAddresses) {
  Start({.home = "/graph"});
  for (const char* at : {"/nothing", "/graph/x", "/agent", "/api/v1/x", "/index.html"}) {
    EXPECT_THAT(Get(at), StartsWith("HTTP/1.1 404")) << at;
  }
}

TEST_F(UiTest, ABuildWithoutTheUiSaysSo) {
  if (!Assets().empty()) GTEST_SKIP() << "built with the UI";
  Start({.home = "/graph"});
  EXPECT_THAT(Get("/graph"), AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("THANOS_UI=OFF")));
  EXPECT_THAT(Get("/api/v1/ui/config"), StartsWith("HTTP/1.1 200"));
}

TEST_F(BundledUiTest, AnswersEveryPageWithTheShell) {
  Start({.prefix = {.route = "/p"}, .home = "/graph"});
  for (const char* page : {"/graph", "/query", "/stores", "/blocks", "/loaded", "/global",
                           "/tsdb-status", "/service-discovery", "/queries"}) {
    const std::string answer = Get(std::string("/p") + page, "Accept-Encoding: gzip, br\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200")) << page;
    EXPECT_THAT(BodyOf(answer), HasSubstr("<base href=\"/p/\""));
    EXPECT_EQ(HeaderOf(answer, "Cache-Control"), "no-cache");
    EXPECT_LE(BodyOf(answer).size(), 2048u);
  }
}

TEST_F(BundledUiTest, ShellIsLockedDown) {
  Start({.home = "/graph"});
  const std::string answer = Get("/graph");
  EXPECT_EQ(HeaderOf(answer, "Content-Security-Policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
            "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'self'; form-action "
            "'none'; frame-ancestors 'none'");
  EXPECT_EQ(HeaderOf(answer, "X-Frame-Options"), "DENY");
  EXPECT_EQ(HeaderOf(answer, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(HeaderOf(answer, "Referrer-Policy"), "no-referrer");
  EXPECT_EQ(HeaderOf(answer, "Cross-Origin-Opener-Policy"), "same-origin");
}

TEST_F(BundledUiTest, ShellFollowsTheHeaderOfAProxyThatIsToBeBelieved) {
  Start({.prefix = {.header = "X-Forwarded-Prefix"}, .home = "/graph"});
  EXPECT_THAT(Get("/graph", "X-Forwarded-Prefix: /a/b\r\n"), HasSubstr("<base href=\"/a/b/\""));
  EXPECT_THAT(Get("/graph", "X-Forwarded-Prefix: //evil.example\r\n"),
              HasSubstr("<base href=\"/\""));
  EXPECT_EQ(HeaderOf(Get("/graph"), "Vary"), "X-Forwarded-Prefix");
}

TEST_F(BundledUiTest, ShellIsNotSentAgainWhileItIsTheSame) {
  Start({.home = "/graph"});
  const std::string tag = HeaderOf(Get("/graph"), "ETag");
  ASSERT_THAT(tag, StartsWith("\""));
  const std::string again = Get("/stores", "If-None-Match: " + tag + "\r\n");
  EXPECT_THAT(again, StartsWith("HTTP/1.1 304"));
  EXPECT_EQ(BodyOf(again), "");
}

TEST_F(BundledUiTest, SendsFilesAsTheClientLikes) {
  Start({.home = "/graph"});
  const std::string target = "/" + std::string(Script().path);
  const std::string brotli = Get(target, "Accept-Encoding: br\r\n");
  EXPECT_EQ(HeaderOf(brotli, "Content-Encoding"), "br");
  EXPECT_EQ(BodyOf(brotli), Script().brotli);
  const std::string gzip = Get(target, "Accept-Encoding: gzip\r\n");
  EXPECT_EQ(HeaderOf(gzip, "Content-Encoding"), "gzip");
  EXPECT_EQ(BodyOf(gzip), Script().gzip);
  const std::string plain = Get(target);
  EXPECT_EQ(HeaderOf(plain, "Content-Encoding"), "");
  EXPECT_EQ(BodyOf(plain), *codec::GzipDecompress(Script().gzip, Script().size));
  EXPECT_THAT(HeaderOf(plain, "Content-Type"), StartsWith("text/javascript"));
  for (const std::string* answer : {&brotli, &gzip, &plain}) {
    EXPECT_EQ(HeaderOf(*answer, "Vary"), "Accept-Encoding");
    EXPECT_EQ(HeaderOf(*answer, "Cache-Control"), "public, max-age=31536000, immutable");
    EXPECT_EQ(HeaderOf(*answer, "Cross-Origin-Resource-Policy"), "same-origin");
  }
  EXPECT_NE(HeaderOf(brotli, "ETag"), HeaderOf(gzip, "ETag"));
}

TEST_F(BundledUiTest, AnswersHeadAndKnownTagsWithoutBodies) {
  Start({.home = "/graph"});
  const std::string target = "/" + std::string(Script().path);
  const std::string head = Get(target, "Accept-Encoding: br\r\n", "HEAD");
  EXPECT_EQ(HeaderOf(head, "Content-Length"), std::to_string(Script().brotli.size()));
  EXPECT_EQ(BodyOf(head), "");
  const std::string known = "If-None-Match: " + HeaderOf(head, "ETag") + "\r\n";
  EXPECT_THAT(Get(target, "Accept-Encoding: br\r\n" + known), StartsWith("HTTP/1.1 304"));
  EXPECT_THAT(Get(target, "Accept-Encoding: gzip\r\n" + known), StartsWith("HTTP/1.1 200"));
}

TEST_F(BundledUiTest, AnUnknownFileIsNeverTheShell) {
  Start({.home = "/graph"});
  for (const char* at :
       {"/static/none.js", "/static/", "/static/../index.html", "/static/%2e%2e/index.html"}) {
    EXPECT_THAT(Get(at), AllOf(StartsWith("HTTP/1.1 404"), Not(HasSubstr("<html")))) << at;
  }
}

TEST_F(BundledUiTest, WhatIsNotNamedByItsContentIsAskedForAgain) {
  Start({.home = "/graph"});
  EXPECT_EQ(HeaderOf(Get("/static/licenses.txt"), "Cache-Control"), "public, max-age=86400");
}

TEST(Assets, AreSortedAndWhole) {
  for (const Asset& asset : Assets()) {
    EXPECT_EQ(FindAsset(asset.path), &asset);
    EXPECT_EQ(asset.brotli.empty(), asset.gzip.empty());
    if (!asset.plain.empty()) {
      EXPECT_EQ(asset.plain.size(), asset.size);
      continue;
    }
    const auto plain = codec::GzipDecompress(asset.gzip, asset.size);
    THANOS_ASSERT_OK(plain.status());
    EXPECT_EQ(plain->size(), asset.size);
  }
  EXPECT_EQ(FindAsset("none"), nullptr);
  EXPECT_EQ(FindAsset(""), nullptr);
}

}  // namespace
}  // namespace thanos::ui
