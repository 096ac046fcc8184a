#include "tracing/propagation.h"

#include <map>

#include <gtest/gtest.h>

namespace thanos::tracing {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kSpan[] = "00f067aa0ba902b7";

std::string TraceText(const SpanIds& ids) { return HexText(ids.trace.data(), ids.trace.size()); }
std::string SpanText(const SpanIds& ids) { return HexText(ids.span.data(), ids.span.size()); }

TEST(TraceParentTest, GivesTheIdsAndTheSampledFlag) {
  const auto ids = ParseTraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  ASSERT_TRUE(ids);
  EXPECT_EQ(TraceText(*ids), kTrace);
  EXPECT_EQ(SpanText(*ids), kSpan);
  EXPECT_TRUE(ids->sampled);
  EXPECT_FALSE(
      ParseTraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")->sampled);
}

TEST(TraceParentTest, WhatIsWrittenReadsTheSame) {
  const std::string text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_EQ(FormatTraceParent(*ParseTraceParent(text)), text);
}

TEST(TraceParentTest, ALaterVersionMayHaveMore) {
  const std::string ids = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_TRUE(ParseTraceParent("cc-" + ids));
  EXPECT_TRUE(ParseTraceParent("cc-" + ids + "-what-the-future-holds"));
  EXPECT_FALSE(ParseTraceParent("cc-" + ids + "x"));
  EXPECT_FALSE(ParseTraceParent("00-" + ids + "-more"));
  EXPECT_FALSE(ParseTraceParent("ff-" + ids));
}

TEST(TraceParentTest, RefusesWhatIsMalformed) {
  for (const char* text : {
           "",
           "00",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
           "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
           "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
       }) {
    EXPECT_FALSE(ParseTraceParent(text)) << text;
  }
}

TEST(UberTraceIdTest, TakesShortIdsAndEscapedColons) {
  const auto ids = ParseUberTraceId("A3ce929d0e0e4736:f067aa0ba902b7:0:1");
  ASSERT_TRUE(ids);
  EXPECT_EQ(TraceText(*ids), "0000000000000000a3ce929d0e0e4736");
  EXPECT_EQ(SpanText(*ids), kSpan);
  EXPECT_TRUE(ids->sampled);
  EXPECT_FALSE(ids->forced);
  EXPECT_TRUE(ParseUberTraceId("a3ce%3A1%3A0%3A0"));
  EXPECT_TRUE(ParseUberTraceId("a3ce:1:0:3")->forced);
  EXPECT_FALSE(ParseUberTraceId("a3ce:1:0:2")->sampled);
}

TEST(UberTraceIdTest, WhatIsWrittenReadsTheSame) {
  const std::string text = "4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:3";
  EXPECT_EQ(FormatUberTraceId(*ParseUberTraceId(text)), text);
}

TEST(UberTraceIdTest, RefusesWhatIsMalformed) {
  for (const char* text :
       {"", ":::", "1:1:1", "0:1:0:1", "1:0:0:1", "1:1:0:", "1:1:0:1:1", "x:1:0:1",
        "123456789012345678901234567890123:1:0:1", "1:12345678901234567:0:1"}) {
    EXPECT_FALSE(ParseUberTraceId(text)) << text;
  }
}

TEST(ExtractParentTest, PrefersTraceParentAndFallsBack) {
  std::map<std::string, std::string, std::less<>> headers;
  const HeaderLookup lookup = [&headers](std::string_view name) -> std::string_view {
    const auto at = headers.find(name);
    return at == headers.end() ? std::string_view() : std::string_view(at->second);
  };
  EXPECT_FALSE(ExtractParent(lookup));
  headers["uber-trace-id"] = "1:2:0:0";
  EXPECT_EQ(ExtractParent(lookup)->trace.back(), 1);
  headers["traceparent"] = "nonsense";
  EXPECT_EQ(ExtractParent(lookup)->trace.back(), 1);
  headers["traceparent"] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_EQ(TraceText(*ExtractParent(lookup)), kTrace);
  headers["uber-trace-id"] = "1:2:0:3";
  EXPECT_FALSE(ExtractParent(lookup)->forced);
  headers["uber-trace-id"] = "4bf92f3577b34da6a3ce929d0e0e4736:2:0:3";
  EXPECT_TRUE(ExtractParent(lookup)->forced);
}

}  // namespace
}  // namespace thanos::tracing
