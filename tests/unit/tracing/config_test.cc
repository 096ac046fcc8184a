#include "tracing/config.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "thanos/testing/status_matchers.h"

namespace thanos::tracing {
namespace {

using Kind = SamplerConfig::Kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

Config Read(const std::string& yaml) {
  auto config = ParseConfig(yaml);
  EXPECT_TRUE(config.ok()) << config.status().message();
  return config.ok() ? *config : Config();
}

std::string Refusal(const std::string& yaml) {
  const auto config = ParseConfig(yaml);
  EXPECT_FALSE(config.ok()) << yaml;
  return config.ok() ? "" : std::string(config.status().message());
}

TEST(ConfigTest, ReadsAllOfOtlp) {
  const Config config = Read(
      "type: otlp\n"
      "config:\n"
      "  client_type: http\n"
      "  service_name: thanos-query\n"
      "  resource_attributes: {team: sre}\n"
      "  compression: gzip\n"
      "  insecure: true\n"
      "  endpoint: collector:4318\n"
      "  url_path: otlp/v1/traces\n"
      "  timeout: 3s\n"
      "  retry_config: {retry_enabled: true, retry_initial_interval: 1s, retry_max_interval: 2s,\n"
      "                 retry_max_elapsed_time: 9s}\n"
      "  headers: {x-key: abc}\n"
      "  tls_config: {ca_file: ca.pem, server_name: other, insecure_skip_verify: true}\n"
      "  sampler_type: TraceIDRatioBased\n"
      "  sampler_param: '0.25'\n");
  EXPECT_EQ(config.destination, Config::Destination::kOtlp);
  EXPECT_FALSE(config.otlp.grpc);
  EXPECT_EQ(config.service_name, "thanos-query");
  EXPECT_THAT(config.resource, ElementsAre(Pair("team", "sre")));
  EXPECT_TRUE(config.otlp.gzip);
  EXPECT_TRUE(config.otlp.insecure);
  EXPECT_EQ(config.otlp.endpoint, "collector:4318");
  EXPECT_EQ(config.otlp.url_path, "/otlp/v1/traces");
  EXPECT_EQ(config.send_timeout_ns, 3'000'000'000);
  EXPECT_EQ(config.retry.initial_interval_ns, 1'000'000'000);
  EXPECT_EQ(config.retry.max_interval_ns, 2'000'000'000);
  EXPECT_EQ(config.retry.max_elapsed_ns, 9'000'000'000);
  EXPECT_THAT(config.otlp.headers, ElementsAre(Pair("x-key", "abc")));
  EXPECT_EQ(config.otlp.tls.ca_file, "ca.pem");
  EXPECT_TRUE(config.otlp.tls.insecure_skip_verify);
  EXPECT_EQ(config.sampler.kind, Kind::kRatio);
  EXPECT_EQ(config.sampler.param, 0.25);
  EXPECT_FALSE(config.sampler.parent_based);
  EXPECT_THAT(config.notes, IsEmpty());
}

TEST(ConfigTest, OtlpDefaults) {
  const Config grpc = Read("type: OTLP\nconfig: {client_type: grpc}");
  EXPECT_TRUE(grpc.otlp.grpc);
  EXPECT_EQ(grpc.otlp.endpoint, "localhost:4317");
  EXPECT_FALSE(grpc.otlp.insecure);
  EXPECT_TRUE(grpc.retry.enabled);
  EXPECT_EQ(grpc.sampler.kind, Kind::kRatio);
  EXPECT_EQ(grpc.sampler.param, 1);
  EXPECT_TRUE(grpc.sampler.parent_based);
  const Config http = Read("type: OTLP\nconfig: {client_type: http}");
  EXPECT_EQ(http.otlp.endpoint, "localhost:4318");
  EXPECT_EQ(http.otlp.url_path, "/v1/traces");
}

TEST(ConfigTest, ASchemeInTheEndpointIsTaken) {
  const Config config = Read("type: OTLP\nconfig: {client_type: http, endpoint: 'http://c:1/'}");
  EXPECT_EQ(config.otlp.endpoint, "c:1");
  EXPECT_TRUE(config.otlp.insecure);
}

TEST(ConfigTest, OtlpSamplers) {
  const auto sampler = [](const std::string& type) {
    return Read("type: OTLP\nconfig: {client_type: grpc, sampler_param: '0.5', sampler_type: " +
                type + "}")
        .sampler;
  };
  EXPECT_EQ(sampler("ALWAYSSAMPLE").kind, Kind::kAlways);
  EXPECT_FALSE(sampler("alwayssample").parent_based);
  EXPECT_EQ(sampler("neversample").kind, Kind::kNever);
  EXPECT_EQ(sampler("parentbasedalwayssample").kind, Kind::kAlways);
  EXPECT_TRUE(sampler("parentbasedneversample").parent_based);
  EXPECT_EQ(sampler("parentbasedneversample").kind, Kind::kNever);
  EXPECT_EQ(sampler("parentbasedtraceidratiobased").param, 0.5);
  EXPECT_TRUE(sampler("parentbasedtraceidratiobased").parent_based);
  EXPECT_EQ(sampler("whatever").param, 1);
}

TEST(ConfigTest, JaegerSamplersAndAgent) {
  const Config config = Read(
      "type: JAEGER\nconfig: {service_name: s, agent_host: h, agent_port: 7, sampler_type: const,\n"
      "  sampler_param: 1, tags: 'a=b, c=${NO_SUCH_VARIABLE:d}', reporter_max_queue_size: 9}");
  EXPECT_EQ(config.destination, Config::Destination::kJaeger);
  EXPECT_EQ(config.jaeger.agent_host, "h");
  EXPECT_EQ(config.jaeger.agent_port, 7);
  EXPECT_EQ(config.sampler.kind, Kind::kAlways);
  EXPECT_EQ(config.queue_spans_max, 9u);
  EXPECT_THAT(config.resource, ElementsAre(Pair("a", "b"), Pair("c", "d")));
  const Config limited = Read("type: JAEGER\nconfig: {sampler_param: 2.4}");
  EXPECT_EQ(limited.sampler.kind, Kind::kRateLimit);
  EXPECT_EQ(limited.sampler.param, 2);
  EXPECT_EQ(limited.jaeger.agent_port, 6831);
}

TEST(ConfigTest, TagsTakeTheEnvironment) {
  ::setenv("THANOS_TRACING_TEST_TAG", "set", 1);
  const Config config = Read("type: JAEGER\nconfig: {tags: 'a=${THANOS_TRACING_TEST_TAG:x}'}");
  EXPECT_THAT(config.resource, ElementsAre(Pair("a", "set")));
}

TEST(ConfigTest, SaysWhatItDoesNotDeliver) {
  for (const char* yaml : {"type: GOOGLE_CLOUD\nconfig: {project_id: p, sample_factor: 1}",
                           "type: STACKDRIVER\nconfig: {project_id: p}",
                           "type: LIGHTSTEP\nconfig: {access_token: t, collector: {host: h}}"}) {
    const Config config = Read(yaml);
    EXPECT_EQ(config.destination, Config::Destination::kNone);
    EXPECT_THAT(config.notes, ElementsAre(HasSubstr("not delivered"))) << yaml;
  }
  EXPECT_THAT(Read("type: JAEGER\nconfig: {sampler_type: remote}").notes,
              ElementsAre(HasSubstr("not fetched")));
}

TEST(ConfigTest, RefusalsNameThePlace) {
  EXPECT_THAT(Refusal("type: OTLP\nconfig: {client_type: udp}"), HasSubstr("udp"));
  EXPECT_THAT(Refusal("type: OTLP\nconfig: {}"), HasSubstr("invalid client type"));
  EXPECT_THAT(Refusal("type: NOPE\nconfig: {}"), HasSubstr("NOPE"));
  EXPECT_THAT(Refusal("config: {}"), HasSubstr("not supported"));
  EXPECT_THAT(Refusal("nope: 1"), HasSubstr("line 1"));
  EXPECT_THAT(Refusal("type: OTLP\nconfig:\n  client_type: grpc\n  endpiont: x"),
              HasSubstr("line 4"));
  EXPECT_THAT(Refusal("type: OTLP\nconfig: {client_type: grpc, timeout: soon}"), HasSubstr("soon"));
  EXPECT_THAT(Refusal("type: OTLP\nconfig: {client_type: grpc, sampler_type: traceidratiobased,"
                      " sampler_param: much}"),
              HasSubstr("much"));
  EXPECT_THAT(Refusal("type: OTLP\nconfig: {client_type: grpc, tls_config: {cert_file: c}}"),
              HasSubstr("belong together"));
  Refusal("type: OTLP\nconfig: [");
}

}  // namespace
}  // namespace thanos::tracing
