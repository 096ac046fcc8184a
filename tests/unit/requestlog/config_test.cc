#include "requestlog/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "thanos/testing/status_matchers.h"

namespace thanos::requestlog {
namespace {

using base::LogLevel;
using ::testing::HasSubstr;

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

TEST(ConfigTest, AnEmptyFileLogsNothing) {
  const Config config = Read("");
  EXPECT_FALSE(config.http.log_end);
  EXPECT_FALSE(config.grpc.log_end);
  EXPECT_EQ(config.http.level, LogLevel::kError);
}

TEST(ConfigTest, ProtocolsOverrideTheGlobalOptions) {
  const Config config = Read(
      "options: {level: WARNING, decision: {log_end: true}}\n"
      "grpc:\n"
      "  options: {level: DEBUG, decision: {log_start: true, log_end: true}}\n");
  EXPECT_EQ(config.http.level, LogLevel::kWarn);
  EXPECT_TRUE(config.http.log_end);
  EXPECT_FALSE(config.http.log_start);
  EXPECT_EQ(config.grpc.level, LogLevel::kDebug);
  EXPECT_TRUE(config.grpc.log_start);
}

TEST(ConfigTest, TheListsAreExact) {
  const Config config = Read(
      "options: {level: INFO, decision: {log_end: true}}\n"
      "http: {config: [{path: /api/v1/query, port: 10902}]}\n"
      "grpc: {config: [{service: thanos.Store, method: Series}]}\n");
  EXPECT_TRUE(config.http.Allows("/api/v1/query:10902"));
  EXPECT_FALSE(config.http.Allows("/api/v1/query:1"));
  EXPECT_FALSE(config.http.Allows("/api/v1/query_range:10902"));
  EXPECT_TRUE(config.grpc.Allows("/thanos.Store/Series"));
  EXPECT_FALSE(config.grpc.Allows("/thanos.Store/LabelNames"));
  EXPECT_TRUE(Read("").http.Allows("anything"));
}

TEST(ConfigTest, RefusalsNameThePlace) {
  EXPECT_THAT(Refusal("nope: 1"), HasSubstr("line 1"));
  EXPECT_THAT(Refusal("options: {level: LOUD}"), HasSubstr("LOUD"));
  EXPECT_THAT(Refusal("options: {level: debug}"), HasSubstr("DEBUG"));
  EXPECT_THAT(Refusal("options:\n  decision: {log_end: true}"), HasSubstr("level field is empty"));
  EXPECT_THAT(Refusal("http: {options: {decision: {log_end: true}}}"),
              HasSubstr("level field is empty"));
  EXPECT_THAT(Refusal("grpc: {options: {level: DEBUG, decision: {log_start: true}}}"),
              HasSubstr("grpc: log start"));
  EXPECT_THAT(Refusal("http:\n  config:\n  - {path: /x, prot: 1}"), HasSubstr("line 3"));
  EXPECT_THAT(Refusal("http: {config: {path: /x}}"), HasSubstr("must be a list"));
}

}  // namespace
}  // namespace thanos::requestlog
