// Cost of queries per million samples read, on one thread, over data in memory: decoding, windows,
// aggregation. The budget is 8 ms of CPU per million samples for the rate query.
#include <cstdio>
#include <string>

#include <benchmark/benchmark.h>

#include "promql/engine.h"
#include "support/memory_source.h"

namespace thanos::promql {
namespace {

constexpr int64_t kScrapeMs = 15000;
constexpr int64_t kDayMs = 86400000;

// 1,000 counters of 20 jobs, a day at 15 s, with jitter per target and some resets.
testing::MemorySource& Source() {
  static testing::MemorySource* source = [] {
    auto* made = new testing::MemorySource;
    uint64_t random = 1;
    for (int i = 0; i < 1000; ++i) {
      testing::MemorySource::Samples& samples =
          made->At(Labels::Of({{"__name__", "requests_total"},
                               {"job", "job-" + std::to_string(i % 20)},
                               {"instance", "10.0.0." + std::to_string(i / 10) + ":9090"},
                               {"handler", "/api/" + std::to_string(i % 10)}}));
      double value = 0;
      for (int64_t t = 0; t < kDayMs; t += kScrapeMs) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        value += static_cast<double>(random >> 58);
        if (random % 4001 == 0) value = 0;
        samples.t.push_back(t + i / 10 * 7);
        samples.v.push_back(value);
      }
    }
    made->Seal();
    return made;
  }();
  return *source;
}

void BM_Query(benchmark::State& state, const char* text) {
  testing::MemorySource& source = Source();
  EngineOptions options;
  options.samples_max = 0;
  const Engine engine(options);
  QueryParams params;
  params.text = text;
  params.start_ms = 300000;
  params.end_ms = kDayMs - 1;
  params.step_ms = 60000;
  uint64_t samples = 0;
  for (auto _ : state) {
    auto query = engine.Prepare(params);
    if (!query.ok()) return state.SkipWithError("query does not parse");
    const Result<QueryResult> result = (*query)->Run(CallContext(), source);
    if (!result.ok()) return state.SkipWithError(result.status().ToString().c_str());
    samples += result->stats.samples_decoded;
  }
  state.counters["ms_per_Msample"] =
      benchmark::Counter(static_cast<double>(samples) / 1e9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK_CAPTURE(BM_Query, sum_by_rate, "sum by (job) (rate(requests_total[5m]))");
BENCHMARK_CAPTURE(BM_Query, rate_rows, "rate(requests_total[5m])");
BENCHMARK_CAPTURE(BM_Query, avg_by, "avg by (job) (requests_total)");
BENCHMARK_CAPTURE(BM_Query, sum_over_time, "sum(sum_over_time(requests_total[30m]))");
BENCHMARK_CAPTURE(BM_Query, max_over_time, "sum(max_over_time(requests_total[30m]))");
BENCHMARK_CAPTURE(BM_Query, quantile_over_time,
                  "sum(quantile_over_time(0.9, requests_total[30m]))");
BENCHMARK_CAPTURE(BM_Query, stddev_over_time, "sum(stddev_over_time(requests_total[30m]))");
BENCHMARK_CAPTURE(BM_Query, ratio,
                  "sum by (job) (rate(requests_total[5m])) / on (job) group_left sum by (job) "
                  "(rate(requests_total[5m]))");
BENCHMARK_CAPTURE(BM_Query, topk, "topk(5, rate(requests_total[5m]))");

}  // namespace
}  // namespace thanos::promql
