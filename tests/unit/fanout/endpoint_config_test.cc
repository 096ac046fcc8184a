#include "fanout/endpoint_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "thanos/testing/status_matchers.h"

namespace thanos::fanout {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using thanos::testing::StatusIs;

ClientSettings SettingsOf(const std::string& client_config, const ClientSettings& global = {}) {
  auto config = ParseEndpointConfig(
      "endpoints: [{address: 'h:1', client_config: " + client_config + "}]", global);
  EXPECT_TRUE(config.ok()) << config.status().message();
  return config.ok() ? config->endpoints.at(0).client : ClientSettings();
}

TEST(EndpointConfig, EndpointsWithTheirKinds) {
  THANOS_ASSERT_OK_AND_ASSIGN(const EndpointConfig config, ParseEndpointConfig(R"(
unknown: 1
endpoints:
  - address: a:1
  - address: b:1
    strict: true
  - address: dns+c:1
    group: true
    unknown: x
)",
                                                                               {}));
  ASSERT_EQ(config.endpoints.size(), 3u);
  EXPECT_EQ(config.endpoints[0], (EndpointSpec{.address = "a:1"}));
  EXPECT_EQ(config.endpoints[1], (EndpointSpec{.address = "b:1", .strict = true}));
  EXPECT_EQ(config.endpoints[2], (EndpointSpec{.address = "dns+c:1", .group = true}));
  EXPECT_TRUE(ParseEndpointConfig("", {})->endpoints.empty());
}

TEST(EndpointConfig, WhatCannotBeIsNamedWithItsLine) {
  const auto error = [](std::string_view yaml) { return ParseEndpointConfig(yaml, {}).status(); };
  EXPECT_THAT(error("endpoints:\n- address: dns+a:1\n  strict: true"),
              StatusIs(StatusCode::kInvalidArgument,
                       ::testing::AllOf(HasSubstr("line 2"), HasSubstr("dns+a:1 is a dynamic"))));
  EXPECT_THAT(error("endpoints: [{address: a}]"), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(error("endpoints: [{address: 'a:1', service_config: '{}'}]"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("only valid for endpoint groups")));
  EXPECT_THAT(error("endpoints: [{address: 'a:1', client_config: {compression: zip}}]"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("invalid compression: zip")));
  EXPECT_THAT(error("endpoints: {a: b}"), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(error("{"), StatusIs(StatusCode::kInvalidArgument));
}

TEST(EndpointConfig, TlsOfAnEndpoint) {
  ClientSettings global;
  global.tls = true;
  global.ca_file = "global-ca";
  global.cert_file = "global-cert";
  global.min_version = "1.2";
  global.compression = "snappy";
  EXPECT_EQ(SettingsOf("{compression: none}", global), global);

  const ClientSettings merged = SettingsOf("{tls_config: {ca_file: own-ca}}", global);
  EXPECT_TRUE(merged.tls);
  EXPECT_EQ(merged.ca_file, "own-ca");
  EXPECT_EQ(merged.cert_file, "global-cert");
  EXPECT_EQ(merged.min_version, "1.2");
  EXPECT_EQ(merged.compression, "none");

  const ClientSettings own = SettingsOf("{tls_config: {enabled: true}, server_name: s}", global);
  EXPECT_TRUE(own.tls);
  EXPECT_EQ(own.ca_file, "");
  EXPECT_EQ(own.min_version, "1.3");
  EXPECT_EQ(own.server_name, "s");

  EXPECT_FALSE(SettingsOf("{tls_config: {enabled: false, ca_file: x}}", global).tls);
  EXPECT_TRUE(SettingsOf("{tls_config: {insecure_skip_verify: true}}").skip_verify);
  EXPECT_TRUE(SettingsOf("{tls_config: {insecure_skip_verify: false}}").tls);
  EXPECT_FALSE(SettingsOf("{tls_config: {min_version: '1.2'}}").tls);
}

TEST(EndpointConfig, TheDefaultOfTheFileReplacesTheFlags) {
  ClientSettings global;
  global.tls = true;
  global.ca_file = "flag-ca";
  THANOS_ASSERT_OK_AND_ASSIGN(
      const EndpointConfig config,
      ParseEndpointConfig("default_client_config: {tls_config: {cert_file: c}}\n"
                          "endpoints: [{address: 'a:1'}]",
                          global));
  EXPECT_EQ(config.endpoints[0].client, config.default_client);
  EXPECT_EQ(config.default_client.cert_file, "c");
  EXPECT_EQ(config.default_client.ca_file, "");
  EXPECT_TRUE(config.default_client.tls);
  EXPECT_EQ(ParseEndpointConfig("endpoints: []", global)->default_client, global);
}

TEST(ServiceConfig, RoundRobinAndRetries) {
  THANOS_ASSERT_OK_AND_ASSIGN(const GroupPolicy policy, ParseServiceConfig(R"({
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 9, "initialBackoff": "0.5s",
      "maxBackoff": "1s", "backoffMultiplier": 1.5,
      "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]}}]})"));
  EXPECT_EQ(policy.attempts_max, 5);
  EXPECT_EQ(policy.initial_backoff, std::chrono::milliseconds(500));
  EXPECT_EQ(policy.max_backoff, std::chrono::seconds(1));
  EXPECT_EQ(policy.backoff_multiplier, 1.5);
  EXPECT_THAT(policy.retryable,
              ElementsAre(StatusCode::kUnavailable, StatusCode::kResourceExhausted));
  EXPECT_EQ(*ParseServiceConfig(R"({"loadBalancingPolicy":"round_robin"})"), GroupPolicy());
}

TEST(ServiceConfig, WhatIsNotBuiltIsRefusedByName) {
  for (const auto& [json, name] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({"loadBalancingPolicy":"pick_first"})", "pick_first"},
           {R"({"healthCheckConfig":{}})", "healthCheckConfig"},
           {R"({"methodConfig":[{"name":[{"service":"x"}]}]})", "all methods"},
           {R"({"retryPolicy":{"maxAttempts":1}})", "more than one"},
           {R"({"retryPolicy":{"retryableStatusCodes":["NO"]}})", "NO"},
           {R"({"retryPolicy":{"backoffMultiplier":"NaN"}})", "backoffMultiplier"}}) {
    EXPECT_FALSE(ParseServiceConfig(json).ok()) << json;
    if (std::string(name) != "backoffMultiplier") {
      EXPECT_THAT(ParseServiceConfig(json),
                  StatusIs(StatusCode::kInvalidArgument, HasSubstr(name)));
    }
  }
}

}  // namespace
}  // namespace thanos::fanout
