// What a span costs: without tracing, in a trace that is not sampled, and recorded.
#include <benchmark/benchmark.h>

#include "thanos/trace.h"
#include "tracing/tracer.h"

namespace thanos::tracing {
namespace {

class Dropped : public SpanSink {
 public:
  void Take(SpanRecord record) override { benchmark::DoNotOptimize(record); }
};

CallContext ContextOf(SamplerConfig::Kind kind) {
  const auto tracer = MakeTracer({kind, 1, true}, std::make_shared<Dropped>());
  return CallContext().WithSpan(
      tracer->StartServer("root", [](std::string_view) { return std::string_view(); }, false));
}

void OneSpan(benchmark::State& state, const CallContext& context) {
  for (auto _ : state) {
    const Span span(context, "work");
    span.Set("n", int64_t{1});
    benchmark::DoNotOptimize(span);
  }
}

void SpanWithoutTracing(benchmark::State& state) { OneSpan(state, CallContext()); }
void SpanNotSampled(benchmark::State& state) {
  OneSpan(state, ContextOf(SamplerConfig::Kind::kNever));
}
void SpanRecorded(benchmark::State& state) {
  OneSpan(state, ContextOf(SamplerConfig::Kind::kAlways));
}
BENCHMARK(SpanWithoutTracing);
BENCHMARK(SpanNotSampled);
BENCHMARK(SpanRecorded);

}  // namespace
}  // namespace thanos::tracing
