// What a select over local blocks costs, without and with decoding: 12 blocks of two hours, 5,000
// series of four chunks each, 15 s apart, half counters and half gauges. It bounds the engine.
#include <algorithm>
#include <filesystem>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "block/block_source.h"
#include "block/block_writer.h"
#include "chunk/xor.h"
#include "codec/byte_reader.h"

namespace thanos::block {
namespace {

constexpr int kBlocks = 12, kSeries = 5000, kChunks = 4, kSamples = 120;
constexpr int64_t kBegin = 1'699'574'400'000, kBlockMs = 7'200'000, kStepMs = 15'000;

Labels LabelsOf(int series) {
  return Labels::Of({{"__name__", "metric_" + std::to_string(1000 + series % 50)},
                     {"code", "200"},
                     {"instance", "10.0.0." + std::to_string(series % 100) + ":9100"},
                     {"job", "job-" + std::to_string(series % 10)},
                     {"namespace", "ns-" + std::to_string(series % 7)},
                     {"pod", "pod-" + std::to_string(100000 + series)}});
}

void WriteBlock(const std::string& directory, int block, const std::vector<Labels>& series) {
  const base::Ulid id = base::Ulid::Make(kBegin + block);
  auto writer = BlockWriter::Create(directory, id, {}).value();
  std::set<std::string> symbols;
  for (const Labels& labels : series) {
    for (const Label& label : labels) symbols.emplace(label.name), symbols.emplace(label.value);
  }
  for (const auto& symbol : symbols) (void)writer->AddSymbol(symbol).ok();
  std::mt19937_64 random(static_cast<uint64_t>(block));
  std::normal_distribution<double> normal;
  for (size_t s = 0; s < series.size(); ++s) {
    std::vector<std::vector<std::byte>> data;
    std::vector<NewChunk> chunks;
    double value = 1000;
    for (int c = 0; c < kChunks; ++c) {
      std::vector<int64_t> t(kSamples);
      std::vector<double> v(kSamples);
      for (int i = 0; i < kSamples; ++i) {
        t[i] = kBegin + block * kBlockMs + (c * kSamples + i) * kStepMs;
        v[i] = value =
            s % 2 == 0 ? value + static_cast<double>(random() % 50) : 50 + normal(random);
      }
      data.emplace_back(chunk::XorBytesMax(kSamples));
      data.back().resize(chunk::EncodeXor(t.data(), v.data(), kSamples, data.back().data()));
      chunks.push_back({t.front(), t.back(), ChunkEncoding::kXor, {}});
    }
    for (int c = 0; c < kChunks; ++c) chunks[c].data = data[c];
    (void)writer->AddSeries(series[s], chunks).ok();
  }
  BlockMeta meta;
  meta.min_ms = kBegin + block * kBlockMs;
  meta.max_ms = meta.min_ms + kBlockMs;
  meta.thanos.labels = {{"cluster", "bench"}, {"replica", "a"}};
  (void)writer->Finish(meta).value();
}

const std::vector<BlockRef>& Blocks() {
  static const std::vector<BlockRef> blocks = [] {
    const std::string directory =
        std::filesystem::temp_directory_path() / ("block-bench-" + std::to_string(getpid()));
    std::filesystem::create_directories(directory);
    std::vector<Labels> series;
    for (int i = 0; i < kSeries; ++i) series.push_back(LabelsOf(i));
    std::sort(series.begin(), series.end());
    for (int i = 0; i < kBlocks; ++i) WriteBlock(directory, i, series);
    std::vector<BlockRef> out;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      out.push_back(Block::OpenDirectory(CallContext(), entry.path().string()).value());
    }
    std::filesystem::remove_all(directory);  // The files stay open.
    return out;
  }();
  return blocks;
}

enum Mode : int { kSkipChunks, kChunksOnly, kDecode };

void BM_Select(benchmark::State& state) {
  BlockCursorOptions options;
  options.chunk_hashes = false;
  BlockSource source("bench", Blocks(), options);
  SelectRequest request;
  request.min_ms = kBegin;
  request.max_ms = kBegin + kBlocks * kBlockMs;
  request.skip_chunks = state.range(0) == kSkipChunks;
  chunk::Columns columns;
  size_t series = 0, samples = 0;
  for (auto _ : state) {
    const auto cursor = source.Select(CallContext(), request).value();
    cursor->Start();
    while (true) {
      auto batch = cursor->Next();
      if (!batch.ok()) state.SkipWithError("select failed");
      if (!batch.ok() || !*batch) break;
      for (const SeriesView& view : (*batch)->series()) {
        ++series;
        if (state.range(0) != kDecode) continue;
        columns.Clear();
        for (const ChunkView& chunk : view.chunks) {
          if (!chunk::DecodeChunk(chunk.parts[0].encoding, chunk.parts[0].data, &columns).ok()) {
            state.SkipWithError("malformed");
          }
        }
        samples += columns.t.size();
      }
    }
  }
  state.counters["block_series"] =
      benchmark::Counter(static_cast<double>(series) * kBlocks, benchmark::Counter::kIsRate);
  state.counters["samples"] =
      benchmark::Counter(static_cast<double>(samples), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_Select)
    ->ArgName("mode")
    ->Arg(kSkipChunks)
    ->Arg(kChunksOnly)
    ->Arg(kDecode)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace thanos::block
