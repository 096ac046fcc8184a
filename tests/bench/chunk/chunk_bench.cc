// Cost of XOR chunks per sample: it bounds every query (decode) and every head and downsampling
// (encode). 120 samples a chunk, 15 s apart; half integer counters, half noisy gauges. The memcpy
// and xxh64 rows measure the machine, so that figures can be carried from one CPU to another.
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "chunk/decode.h"
#include "chunk/xor.h"
#include "codec/hash.h"

namespace thanos::chunk {
namespace {

constexpr size_t kSamples = 120;
constexpr size_t kChunks = 4000;

enum Shape : int { kMixed, kCounters, kGauges, kJitter, kConst };

struct Data {
  std::vector<std::vector<int64_t>> t;
  std::vector<std::vector<double>> v;
  std::vector<std::vector<std::byte>> chunks;
  size_t bytes = 0;
};

double NextValue(Shape shape, size_t series, double before, std::mt19937_64& random) {
  if (shape == kConst) return before;
  const bool counter = shape == kCounters || (shape != kGauges && series % 2 == 0);
  if (counter) return before + static_cast<double>(random() % 50);
  return 50 + 10 * std::normal_distribution<double>()(random);
}

const Data& MakeData(Shape shape) {
  static Data all[5];
  Data& data = all[shape];
  if (!data.t.empty()) return data;
  std::mt19937_64 random(42);
  for (size_t series = 0; series < kChunks; ++series) {
    std::vector<int64_t> t(kSamples);
    std::vector<double> v(kSamples);
    double value = static_cast<double>(random() % 100000);
    for (size_t i = 0; i < kSamples; ++i) {
      t[i] = 1'699'574'400'000 + static_cast<int64_t>(i * 15000);
      if (shape == kJitter) t[i] += static_cast<int64_t>(random() % 11) - 5;
      v[i] = value = NextValue(shape, series, value, random);
    }
    std::vector<std::byte> chunk(XorBytesMax(kSamples));
    chunk.resize(EncodeXor(t.data(), v.data(), kSamples, chunk.data()));
    data.bytes += chunk.size();
    data.t.push_back(std::move(t));
    data.v.push_back(std::move(v));
    data.chunks.push_back(std::move(chunk));
  }
  return data;
}

void BM_XorDecode(benchmark::State& state) {
  const Data& data = MakeData(static_cast<Shape>(state.range(0)));
  Columns columns;
  for (auto _ : state) {
    for (size_t i = 0; i < kChunks; ++i) {
      if (i % 12 == 0) columns.Clear();  // A series of a day: 12 blocks of one chunk each.
      if (!DecodeChunk(ChunkEncoding::kXor, data.chunks[i], &columns).ok()) {
        state.SkipWithError("malformed");
      }
    }
    benchmark::DoNotOptimize(columns.v.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kChunks * kSamples));
  state.counters["bytes_per_sample"] =
      static_cast<double>(data.bytes) / static_cast<double>(kChunks * kSamples);
}

void BM_XorEncode(benchmark::State& state) {
  const Data& data = MakeData(static_cast<Shape>(state.range(0)));
  std::vector<std::byte> out(XorBytesMax(kSamples));
  for (auto _ : state) {
    for (size_t i = 0; i < kChunks; ++i) {
      benchmark::DoNotOptimize(EncodeXor(data.t[i].data(), data.v[i].data(), kSamples, out.data()));
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kChunks * kSamples));
}

void BM_XorAppend(benchmark::State& state) {
  const Data& data = MakeData(kMixed);
  for (auto _ : state) {
    for (size_t i = 0; i < kChunks; ++i) {
      XorAppender appender;
      for (size_t j = 0; j < kSamples; ++j) {
        if (!appender.Append(data.t[i][j], data.v[i][j])) state.SkipWithError("full");
      }
      benchmark::DoNotOptimize(appender.bytes().data());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kChunks * kSamples));
}

#define THANOS_SHAPES \
  ->ArgName("shape")->Arg(kMixed)->Arg(kCounters)->Arg(kGauges)->Arg(kJitter)->Arg(kConst)
BENCHMARK(BM_XorDecode) THANOS_SHAPES;
BENCHMARK(BM_XorEncode) THANOS_SHAPES;
BENCHMARK(BM_XorAppend);

void BM_Memcpy(benchmark::State& state) {
  std::vector<char> from(1 << 16, 1), to(1 << 16);
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(from.size()));
}
BENCHMARK(BM_Memcpy);

void BM_Xxh64(benchmark::State& state) {
  const std::vector<std::byte> bytes(540, std::byte{7});
  for (auto _ : state) benchmark::DoNotOptimize(codec::Xxh64(bytes));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}
BENCHMARK(BM_Xxh64);

}  // namespace
}  // namespace thanos::chunk
