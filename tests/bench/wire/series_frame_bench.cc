// The Series codec alone, frames of 64 series: what one series costs to read and to write. Compare
// with reference figures per series: parse into views 0.085 us (1 chunk), 5.4 us (49 chunks, cache
// misses of large messages included); encode 0.68 us and 7.6 us with hashes.
#include <benchmark/benchmark.h>

#include "support/bench_series.h"
#include "wire/series_frame.h"

namespace thanos::wire {
namespace {

constexpr size_t kSeries = 64;
constexpr size_t kFrames = 64;  // More than the second-level cache holds.

// Arguments: chunks of a series, bytes of a chunk, hashes checked, the reference's six labels.
void BM_Decode(benchmark::State& state) {
  FrameLimits limits;
  limits.verify_hashes = state.range(2) != 0;
  const testing::BenchSeries series(kSeries, static_cast<size_t>(state.range(0)),
                                    static_cast<size_t>(state.range(1)), state.range(3) != 0);
  std::vector<base::PinnedBytes> frames;
  for (size_t i = 0; i < kFrames; ++i) frames.push_back(*EncodeSeriesFrame(series.views(), true));
  SeriesFrameDecoder decoder(limits);
  series::BatchBuilder builder;
  size_t next = 0;
  for (auto _ : state) {
    auto frame = decoder.Decode(frames[next++ % kFrames], 0, &builder);
    if (!frame.ok()) state.SkipWithError("frame is refused");
    benchmark::DoNotOptimize(builder.Build(nullptr));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kSeries));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(frames[0].size()));
}
BENCHMARK(BM_Decode)
    ->Args({1, 120, 1, 0})
    ->Args({1, 120, 0, 0})
    ->Args({1, 560, 1, 0})
    ->Args({49, 560, 1, 0})
    ->Args({49, 560, 0, 0})
    ->Args({1, 560, 0, 1})
    ->Args({49, 560, 0, 1});

// The last argument: whether hashes are there already.
void BM_Encode(benchmark::State& state) {
  const testing::BenchSeries series(kSeries, static_cast<size_t>(state.range(0)),
                                    static_cast<size_t>(state.range(1)));
  size_t bytes = 0;
  for (auto _ : state) {
    auto frame = EncodeSeriesFrame(series.views(), true);
    bytes = frame->size();
    benchmark::DoNotOptimize(frame);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kSeries));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}
BENCHMARK(BM_Encode)->Args({1, 120})->Args({1, 560})->Args({49, 560});

}  // namespace
}  // namespace thanos::wire
