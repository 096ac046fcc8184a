// Costs of an index: set operations on postings (bound what a selector costs before any series is
// read) and decoding of series entries (bounds how fast series of a block are listed).
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "block/byte_sink.h"
#include "block/index_reader.h"
#include "block/index_writer.h"
#include "block/postings_kernels.h"

namespace thanos::block {
namespace {

// `count` references of which the next is 1 to 2 * spacing - 1 further.
std::vector<uint32_t> MakeSet(size_t count, uint32_t spacing, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint32_t> out(count);
  uint32_t at = 0;
  for (uint32_t& reference : out) reference = at += 1 + random() % (2 * spacing - 1);
  return out;
}

void BM_Intersect(benchmark::State& state) {
  const auto a = MakeSet(static_cast<size_t>(state.range(0)),
                         static_cast<uint32_t>(4'000'000 / state.range(0)), 1);
  const auto b = MakeSet(1'000'000, 4, 2);
  std::vector<uint32_t> out(a.size() + kPostingsSlack);
  for (auto _ : state) benchmark::DoNotOptimize(IntersectPostings(a, b, out.data()));
  const auto probes = state.range(0) < 100'000 ? a.size() : a.size() + b.size();
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(probes));
}
BENCHMARK(BM_Intersect)->Arg(1'000'000)->Arg(1'000);

void BM_IntersectScalar(benchmark::State& state) {
  const auto a = MakeSet(1'000'000, 4, 1);
  const auto b = MakeSet(1'000'000, 4, 2);
  std::vector<uint32_t> out(a.size() + kPostingsSlack);
  for (auto _ : state) benchmark::DoNotOptimize(IntersectPostingsScalar(a, b, out.data()));
  state.SetItemsProcessed(state.iterations() * 2'000'000);
}
BENCHMARK(BM_IntersectScalar);

void BM_Unite(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  std::vector<std::vector<uint32_t>> lists;
  for (uint32_t i = 0; i < count; ++i) {
    lists.push_back(MakeSet(2'000'000 / count, static_cast<uint32_t>(4 * count), i));
  }
  const std::vector<std::span<const uint32_t>> views(lists.begin(), lists.end());
  for (auto _ : state) benchmark::DoNotOptimize(UnitePostings(views).data());
  state.SetItemsProcessed(state.iterations() * 2'000'000);
}
BENCHMARK(BM_Unite)->Arg(2)->Arg(100);

void BM_LoadBigEndian(benchmark::State& state) {
  const auto set = MakeSet(1'000'000, 4, 1);
  std::vector<uint32_t> out(set.size());
  for (auto _ : state) {
    benchmark::DoNotOptimize(LoadBigEndianPostings(reinterpret_cast<const std::byte*>(set.data()),
                                                   set.size(), out.data()));
  }
  state.SetItemsProcessed(state.iterations() * 1'000'000);
}
BENCHMARK(BM_LoadBigEndian);

// 20,000 series of 6 labels and `chunks` chunks.
std::string MakeIndex(size_t chunks) {
  std::vector<std::string> symbols = {"__name__", "code", "instance", "job", "namespace", "pod"};
  for (int i = 0; i < 20000; ++i) symbols.push_back("value-" + std::to_string(100000 + i));
  std::sort(symbols.begin(), symbols.end());
  std::string bytes;
  const auto sink = MakeStringSink(&bytes);
  IndexWriter writer(sink.get());
  for (const auto& symbol : symbols) (void)writer.AddSymbol(symbol).ok();
  for (int i = 0; i < 20000; ++i) {
    const std::string own = "value-" + std::to_string(100000 + i);
    std::vector<ChunkMeta> metas;
    for (size_t c = 0; c < chunks; ++c) {
      const int64_t begin = 1'700'000'000'000 + static_cast<int64_t>(c) * 1'800'000;
      metas.push_back(
          {begin, begin + 1'785'000, 8 + (static_cast<uint64_t>(i) * chunks + c) * 550});
    }
    (void)writer
        .AddSeries(Labels::Of({{"__name__", own},
                               {"code", "value-100200"},
                               {"instance", "value-100042"},
                               {"job", "value-100001"},
                               {"namespace", "value-100002"},
                               {"pod", own}}),
                   metas)
        .ok();
  }
  (void)writer.Finish().ok();
  return bytes;
}

// What a walk costs per series: with checksum; with and without the label set.
void BM_SeriesEntries(benchmark::State& state) {
  const auto file = base::MakeMemoryReader(
      "index", base::PinnedBytes::Of(MakeIndex(static_cast<size_t>(state.range(0)))));
  const auto index = IndexReader::Open(CallContext(), file, {}).value();
  std::string labels;
  size_t series = 0;
  for (auto _ : state) {
    const Status status =
        index->VisitSeries(CallContext(), [&](uint32_t, const SeriesEntry& entry) -> Status {
          ++series;
          if (state.range(1) == 0) return OkStatus();
          labels.clear();
          return AppendLabels(entry.labels, index->symbols(), &labels);
        });
    if (!status.ok()) state.SkipWithError("malformed");
  }
  state.SetItemsProcessed(static_cast<int64_t>(series));
}
BENCHMARK(BM_SeriesEntries)
    ->ArgNames({"chunks", "labels"})
    ->Args({4, 0})
    ->Args({4, 1})
    ->Args({49, 0})
    ->Args({49, 1});

}  // namespace
}  // namespace thanos::block
