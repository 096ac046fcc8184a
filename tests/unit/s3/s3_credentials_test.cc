#include "objstore/s3_credentials.h"

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time_text.h"
#include "net/http_server.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::objstore {
namespace {

using ::testing::HasSubstr;
using testing::StatusIs;

constexpr const char* kNames[] = {"AWS_ACCESS_KEY_ID",
                                  "AWS_SECRET_ACCESS_KEY",
                                  "AWS_ACCESS_KEY",
                                  "AWS_SECRET_KEY",
                                  "AWS_SESSION_TOKEN",
                                  "AWS_PROFILE",
                                  "AWS_SHARED_CREDENTIALS_FILE",
                                  "AWS_CONFIG_FILE",
                                  "AWS_WEB_IDENTITY_TOKEN_FILE",
                                  "AWS_ROLE_ARN",
                                  "AWS_ROLE_SESSION_NAME",
                                  "AWS_REGION",
                                  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                  "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                  "AWS_EC2_METADATA_DISABLED",
                                  "HOME"};

std::string MetadataJson(const std::string& key, int64_t expires_ms) {
  return R"({"AccessKeyId":")" + key + R"(","SecretAccessKey":"S","Token":"T","Expiration":")" +
         base::FormatRfc3339Ms(expires_ms) + "\"}";
}

class S3CredentialsTest : public ::testing::Test {
 protected:
  S3CredentialsTest() : server_(net::HttpServerOptions()) {
    for (const char* name : kNames) unsetenv(name);
    setenv("HOME", directory_.path().c_str(), 1);
    server_.Handle({}, "/*rest", [this](const CallContext&, const net::HttpRequest& request) {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
      const auto it = answers_.find(request.method + " " + request.path);
      return it == answers_.end() ? net::HttpResponse::Text(404, "") : it->second;
    });
    THANOS_CHECK(server_.Start().ok());
  }
  ~S3CredentialsTest() override {
    for (const char* name : kNames) unsetenv(name);
  }
  std::string url() const { return "http://" + server_.address(); }
  void Answer(const std::string& what, const std::string& body, int status = 200) {
    std::lock_guard lock(mutex_);
    answers_[what] = net::HttpResponse::Text(status, body);
  }
  std::string File(const std::string& name, const std::string& text) {
    std::ofstream(directory_.path() + "/" + name) << text;
    return directory_.path() + "/" + name;
  }
  static std::string Keys(const Result<ExpiringCredentials>& got) {
    if (!got.ok()) return got.status().ToString();
    return got->keys.access_key + " " + got->keys.secret_key + " " + got->keys.session_token;
  }

  testing::TemporaryDirectory directory_;
  CallContext context_;
  std::mutex mutex_;
  std::map<std::string, net::HttpResponse> answers_;  // Guarded by mutex_.
  std::vector<net::HttpRequest> requests_;            // Guarded by mutex_.
  net::HttpServer server_;
};

TEST_F(S3CredentialsTest, Environment) {
  EXPECT_THAT(EnvironmentCredentials()(context_), StatusIs(StatusCode::kNotFound));
  setenv("AWS_ACCESS_KEY", "a", 1);
  setenv("AWS_SECRET_KEY", "s", 1);
  EXPECT_EQ(Keys(EnvironmentCredentials()(context_)), "a s ");
  setenv("AWS_ACCESS_KEY_ID", "A", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "S", 1);
  setenv("AWS_SESSION_TOKEN", "T", 1);
  EXPECT_EQ(Keys(EnvironmentCredentials()(context_)), "A S T");
}

TEST_F(S3CredentialsTest, Files) {
  EXPECT_THAT(FileCredentials(true)(context_), StatusIs(StatusCode::kNotFound));
  setenv("AWS_SHARED_CREDENTIALS_FILE",
         File("c",
              "[wrong]\naws_access_key_id = x\naws_secret_access_key = y\n"
              "# comment\n[default]\r\n aws_access_key_id=A\r\naws_secret_access_key = S=/+ \n"
              "aws_session_token = T\n[process]\ncredential_process = /bin/x\n")
             .c_str(),
         1);
  EXPECT_EQ(Keys(FileCredentials(false)(context_)), "A S=/+ T");
  setenv("AWS_PROFILE", "wrong", 1);
  EXPECT_EQ(Keys(FileCredentials(false)(context_)), "x y ");
  setenv("AWS_PROFILE", "process", 1);
  const auto refused = FileCredentials(false)(context_);
  ASSERT_THAT(refused, StatusIs(StatusCode::kUnimplemented));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("credential_process"));
  setenv("AWS_PROFILE", "conf", 1);
  setenv("AWS_CONFIG_FILE",
         File("f", "[profile conf]\naws_access_key_id = C\naws_secret_access_key = D\n").c_str(),
         1);
  EXPECT_THAT(FileCredentials(false)(context_), StatusIs(StatusCode::kNotFound));
  EXPECT_EQ(Keys(FileCredentials(true)(context_)), "C D ");
}

TEST_F(S3CredentialsTest, InstanceMetadataOfVersionTwo) {
  Answer("PUT /latest/api/token", "tok\n");
  Answer("GET /latest/meta-data/iam/security-credentials/", "role one\nother\n");
  Answer("GET /latest/meta-data/iam/security-credentials/role one",
         MetadataJson("A", 1767323045000));
  const auto got = InstanceCredentials(url())(context_);
  EXPECT_EQ(Keys(got), "A S T");
  EXPECT_EQ(got->expires_ms, 1767323045000);
  ASSERT_EQ(requests_.size(), 3u);
  EXPECT_EQ(requests_[0].headers.Get("X-aws-ec2-metadata-token-ttl-seconds"), "21600");
  EXPECT_EQ(requests_[2].headers.Get("X-aws-ec2-metadata-token"), "tok");
  Answer("PUT /latest/api/token", "no", 403);
  EXPECT_THAT(InstanceCredentials(url())(context_), StatusIs(StatusCode::kUnavailable));
  setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
  EXPECT_THAT(InstanceCredentials(url())(context_), StatusIs(StatusCode::kNotFound));
}

TEST_F(S3CredentialsTest, Containers) {
  EXPECT_THAT(ContainerCredentials("")(context_), StatusIs(StatusCode::kNotFound));
  Answer("GET /creds", MetadataJson("A", 1767323045000));
  setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", (url() + "/creds").c_str(), 1);
  setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", File("t", "Bearer x\n").c_str(), 1);
  EXPECT_EQ(Keys(ContainerCredentials("")(context_)), "A S T");
  EXPECT_EQ(requests_[0].headers.Get("Authorization"), "Bearer x");
  for (const char* bad : {"http://example.com/creds", "http://127.0.0.1@example.com/",
                          "ftp://localhost/", "http://169.254.170.2.example.com/"}) {
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", bad, 1);
    EXPECT_THAT(ContainerCredentials("")(context_), StatusIs(StatusCode::kPermissionDenied)) << bad;
  }
}

TEST_F(S3CredentialsTest, WebIdentity) {
  EXPECT_THAT(WebIdentityCredentials(url())(context_), StatusIs(StatusCode::kNotFound));
  setenv("AWS_WEB_IDENTITY_TOKEN_FILE", File("t", "token-1\n").c_str(), 1);
  EXPECT_THAT(WebIdentityCredentials(url())(context_), StatusIs(StatusCode::kInvalidArgument));
  setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/x", 1);
  setenv("AWS_ROLE_SESSION_NAME", "me", 1);
  Answer("POST /",
         "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
         "<AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey>"
         "<SessionToken>T</SessionToken><Expiration>2026-01-02T03:04:05Z</Expiration>"
         "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>");
  EXPECT_EQ(Keys(WebIdentityCredentials(url())(context_)), "A S T");
  EXPECT_EQ(requests_.back().form.Get("WebIdentityToken"), "token-1");
  EXPECT_EQ(requests_.back().form.Get("RoleArn"), "arn:aws:iam::1:role/x");
  EXPECT_EQ(requests_.back().form.Get("RoleSessionName"), "me");
  File("t", "token-2");  // Rotated.
  THANOS_EXPECT_OK(WebIdentityCredentials(url())(context_));
  EXPECT_EQ(requests_.back().form.Get("WebIdentityToken"), "token-2");
  Answer("POST /", "<Error><Code>InvalidIdentityToken</Code></Error>", 400);
  EXPECT_THAT(std::string(WebIdentityCredentials(url())(context_).status().message()),
              HasSubstr("InvalidIdentityToken"));
}

TEST_F(S3CredentialsTest, TheChainTakesTheFirstThatIsSetUp) {
  const auto absent = [](const CallContext&) -> Result<ExpiringCredentials> {
    return NotFoundError("nowhere");
  };
  const auto broken = [](const CallContext&) -> Result<ExpiringCredentials> {
    return UnavailableError("broken");
  };
  const auto present = [](const CallContext&) -> Result<ExpiringCredentials> {
    return ExpiringCredentials{{"A", "S", ""}, 0};
  };
  EXPECT_EQ(S3CredentialChain({absent, present}, {}).Get(context_)->access_key, "A");
  // What is set up and fails is not passed over in silence.
  EXPECT_THAT(S3CredentialChain({absent, broken, present}, {}).Get(context_),
              StatusIs(StatusCode::kUnavailable));
  EXPECT_THAT(S3CredentialChain({absent, absent}, {}).Get(context_),
              StatusIs(StatusCode::kUnauthenticated));
}

TEST_F(S3CredentialsTest, ManyCallersFetchOnce) {
  std::atomic<int> fetches{0};
  S3CredentialChain chain({[&](const CallContext&) -> Result<ExpiringCredentials> {
                            std::this_thread::sleep_for(std::chrono::milliseconds(50));
                            if (++fetches == 1) return UnavailableError("not yet");
                            return ExpiringCredentials{{"A", "S", ""}, base::NowMs() + 3600000};
                          }},
                          {});
  for (int round = 0; round < 2; ++round) {
    std::vector<std::thread> callers;
    std::atomic<int> good{0};
    for (int i = 0; i < 8; ++i) {
      callers.emplace_back([&] { good += chain.Get(context_).ok() ? 1 : 0; });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(good, round == 0 ? 0 : 8);
    EXPECT_EQ(fetches, round + 1);
  }
}

TEST_F(S3CredentialsTest, WhatExpiresOrIsRefusedIsFetchedAnew) {
  int fetches = 0;
  int64_t life_ms = 0;
  S3CredentialChain chain({[&](const CallContext&) -> Result<ExpiringCredentials> {
                            return ExpiringCredentials{{"A" + std::to_string(++fetches), "S", ""},
                                                       base::NowMs() + life_ms};
                          }},
                          {});
  EXPECT_EQ(chain.Get(context_)->access_key, "A1");  // Expires at once.
  life_ms = 3600000;
  EXPECT_EQ(chain.Get(context_)->access_key, "A2");
  EXPECT_EQ(chain.Get(context_)->access_key, "A2");
  chain.Refused({"A1", "S", ""});  // Of a request begun before.
  EXPECT_EQ(chain.Get(context_)->access_key, "A2");
  chain.Refused({"A2", "S", ""});
  EXPECT_EQ(chain.Get(context_)->access_key, "A3");
}

}  // namespace
}  // namespace thanos::objstore
