#include "tracing/tracer.h"

#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thanos::tracing {
namespace {

using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Collected : public SpanSink {
 public:
  void Take(SpanRecord record) override {
    std::lock_guard lock(mutex_);
    spans.push_back(std::move(record));
  }
  std::vector<SpanRecord> spans;

 private:
  std::mutex mutex_;
};

class TracerTest : public ::testing::Test {
 protected:
  std::shared_ptr<TraceSpan> Begin(SamplerConfig::Kind kind, std::string parent = "",
                                   bool forced = false) {
    tracer_ = MakeTracer({kind, 1, true}, sink_);
    return tracer_->StartServer(
        "/query HTTP[server]",
        [parent](std::string_view name) -> std::string_view {
          return name == kTraceParent ? std::string_view(parent) : std::string_view();
        },
        forced);
  }

  const std::shared_ptr<Collected> sink_ = std::make_shared<Collected>();
  std::shared_ptr<Tracer> tracer_;
};

constexpr auto kAlways = SamplerConfig::Kind::kAlways;
constexpr auto kNever = SamplerConfig::Kind::kNever;
const std::string kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0";

TEST_F(TracerTest, ChildrenShareTheTraceAndNameTheirParent) {
  const auto root = Begin(kAlways);
  CallContext context = CallContext().WithSpan(root);
  {
    const Span outer(context, "outer", SpanKind::kClient);
    const Span inner(outer.Enter(context), "inner");
    inner.Set("n", int64_t{7});
    inner.AddEvent("half way");
    inner.Fail(InternalError("broken"));
  }
  root->End();
  ASSERT_THAT(sink_->spans, SizeIs(3));
  const auto& [inner, outer, first] = std::tie(sink_->spans[0], sink_->spans[1], sink_->spans[2]);
  EXPECT_EQ(inner.name, "inner");
  EXPECT_EQ(inner.parent, outer.ids.span);
  EXPECT_EQ(outer.parent, first.ids.span);
  EXPECT_FALSE(first.has_parent());
  EXPECT_EQ(inner.ids.trace, first.ids.trace);
  EXPECT_EQ(outer.kind, SpanKind::kClient);
  EXPECT_EQ(first.kind, SpanKind::kServer);
  EXPECT_TRUE(inner.failed);
  EXPECT_EQ(inner.error, "broken");
  EXPECT_FALSE(outer.failed);
  ASSERT_THAT(inner.events, SizeIs(1));
  EXPECT_EQ(std::get<int64_t>(inner.attributes[0].second), 7);
  EXPECT_GE(inner.end_ns, inner.start_ns);
  EXPECT_GE(inner.start_ns, outer.start_ns);
}

TEST_F(TracerTest, ContinuesTheCallersTrace) {
  const auto span = Begin(kNever, kParent + "1");
  EXPECT_TRUE(span->recording());
  EXPECT_EQ(span->TraceId(), "4bf92f3577b34da6a3ce929d0e0e4736");
  span->End();
  EXPECT_EQ(HexText(sink_->spans[0].parent.data(), 8), "00f067aa0ba902b7");
  EXPECT_TRUE(sink_->spans[0].parent_is_remote);
}

TEST_F(TracerTest, AnUnsampledTraceOnlyHandsItsIdsOn) {
  const auto span = Begin(kAlways, kParent + "0");
  EXPECT_FALSE(span->recording());
  const CallContext context = CallContext().WithSpan(span);
  const Span child(context, "child");
  EXPECT_FALSE(child);
  EXPECT_EQ(child.Enter(context).span(), span);
  const auto headers = span->Headers();
  EXPECT_EQ(headers[0].first, "traceparent");
  EXPECT_THAT(headers[0].second, EndsWith("-00"));
  EXPECT_EQ(headers[1].first, "uber-trace-id");
  EXPECT_THAT(headers[1].second, EndsWith(":0:0"));
  EXPECT_EQ(span->TraceId(), "4bf92f3577b34da6a3ce929d0e0e4736");
  span->End();
  EXPECT_THAT(sink_->spans, IsEmpty());
}

TEST_F(TracerTest, ForcingOverridesSamplerAndCaller) {
  EXPECT_TRUE(Begin(kNever, "", true)->recording());
  const auto span = Begin(kNever, kParent + "0", true);
  EXPECT_TRUE(span->recording());
  EXPECT_THAT(span->Headers()[0].second, EndsWith("-01"));
  EXPECT_THAT(span->Headers()[1].second, EndsWith(":3"));
}

TEST_F(TracerTest, EndsOnceAndChangesNothingAfter) {
  const auto span = Begin(kAlways);
  span->Set("a", true);
  span->End();
  span->Set("b", true);
  span->Fail(InternalError("late"));
  span->End();
  ASSERT_THAT(sink_->spans, SizeIs(1));
  EXPECT_THAT(sink_->spans[0].attributes, SizeIs(1));
  EXPECT_FALSE(sink_->spans[0].failed);
}

TEST_F(TracerTest, AForgottenSpanEndsWhenItGoesAway) {
  Begin(kAlways).reset();
  EXPECT_THAT(sink_->spans, SizeIs(1));
}

TEST_F(TracerTest, BoundsWhatASpanHoldsAndCountsTheRest) {
  const auto span = Begin(kAlways);
  for (size_t i = 0; i < kAttributesMax + 3; ++i) span->Set("k" + std::to_string(i), int64_t{1});
  for (size_t i = 0; i < kEventsMax + 2; ++i) span->AddEvent("e");
  span->Set("k0", std::string(kTextBytesMax + 1, 'x'));
  span->End();
  const SpanRecord& record = sink_->spans[0];
  EXPECT_THAT(record.attributes, SizeIs(kAttributesMax));
  EXPECT_EQ(record.attributes_dropped, 3u);
  EXPECT_EQ(record.events_dropped, 2u);
  const std::string& text = std::get<std::string>(record.attributes[0].second);
  EXPECT_EQ(text, std::string(kTextBytesMax, 'x') + "…");
  EXPECT_GT(record.bytes(), kTextBytesMax);
}

TEST_F(TracerTest, TextsBecomeValidUtf8) {
  const auto span = Begin(kAlways);
  span->Set("a", std::string("ab\xff"
                             "c"));
  std::string wide;
  while (wide.size() <= kTextBytesMax) wide += "€";
  span->Set("b", wide);
  span->End();
  EXPECT_EQ(std::get<std::string>(sink_->spans[0].attributes[0].second),
            "ab\xef\xbf\xbd"
            "c");
  const std::string& cut = std::get<std::string>(sink_->spans[0].attributes[1].second);
  EXPECT_EQ(cut, wide.substr(0, kTextBytesMax / 3 * 3) + "…");
}

TEST(SpanTest, WithoutATracerThereIsNothing) {
  const CallContext context;
  const Span span(context, "work");
  EXPECT_FALSE(span);
  span.Set("a", true);
  span.Fail(InternalError("x"));
  EXPECT_EQ(span.Enter(context).span(), nullptr);
}

}  // namespace
}  // namespace thanos::tracing
