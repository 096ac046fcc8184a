#include "tracing/sampler.h"

#include <gtest/gtest.h>

namespace thanos::tracing {
namespace {

using Kind = SamplerConfig::Kind;

TraceId TraceWithLowHalf(uint64_t low) {
  TraceId trace{};
  for (int i = 0; i < 8; ++i) trace[15 - i] = static_cast<uint8_t>(low >> (8 * i));
  return trace;
}

std::optional<SpanIds> Caller(bool sampled) {
  SpanIds ids;
  ids.sampled = sampled;
  return ids;
}

TEST(SamplerTest, RatioDecidesByTheTraceIdAsOpenTelemetryDoes) {
  Sampler half({Kind::kRatio, 0.5, true});
  EXPECT_TRUE(half.Sample(TraceWithLowHalf(0), {}));
  EXPECT_TRUE(half.Sample(TraceWithLowHalf((uint64_t{1} << 63) - 1), {}));
  EXPECT_FALSE(half.Sample(TraceWithLowHalf(uint64_t{1} << 63), {}));
  EXPECT_FALSE(half.Sample(TraceWithLowHalf(~uint64_t{0}), {}));
}

TEST(SamplerTest, RatiosAtTheEndsAreAllAndNone) {
  Sampler all({Kind::kRatio, 1, true}), none({Kind::kRatio, 0, true});
  EXPECT_TRUE(all.Sample(TraceWithLowHalf(~uint64_t{0}), {}));
  EXPECT_FALSE(none.Sample(TraceWithLowHalf(0), {}));
}

TEST(SamplerTest, ParentBasedFollowsTheCaller) {
  Sampler never({Kind::kNever, 0, true}), always({Kind::kAlways, 0, true});
  EXPECT_TRUE(never.Sample({}, Caller(true)));
  EXPECT_FALSE(always.Sample({}, Caller(false)));
  EXPECT_FALSE(never.Sample({}, {}));
  EXPECT_TRUE(always.Sample({}, {}));
}

TEST(SamplerTest, OthersDoNotAskTheCaller) {
  Sampler never({Kind::kNever, 0, false}), always({Kind::kAlways, 0, false});
  EXPECT_FALSE(never.Sample({}, Caller(true)));
  EXPECT_TRUE(always.Sample({}, Caller(false)));
}

TEST(SamplerTest, MayDecideAgainWhereTheCallerRecorded) {
  SamplerConfig config{Kind::kNever, 0, true, true};
  EXPECT_FALSE(Sampler(config).Sample({}, Caller(true)));
  config.kind = Kind::kAlways;
  EXPECT_FALSE(Sampler(config).Sample({}, Caller(false)));
}

TEST(SamplerTest, RateLimitGrantsASecondsWorthAtOnce) {
  Sampler limited({Kind::kRateLimit, 3, true});
  int granted = 0;
  // Far less than a third of a second passes meanwhile, else one more is right too.
  for (int i = 0; i < 100; ++i) granted += limited.Sample({}, {});
  EXPECT_GE(granted, 3);
  EXPECT_LE(granted, 4);
  Sampler none({Kind::kRateLimit, 0, true});
  EXPECT_FALSE(none.Sample({}, {}));
}

}  // namespace
}  // namespace thanos::tracing
