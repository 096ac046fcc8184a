// Any bytes as the chunks of a series give chunks that can be downsampled again, in time order, or
// a status.
#include <cstdint>
#include <vector>

#include "chunk/aggregate.h"
#include "downsampling/series_downsampler.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

namespace {

constexpr int64_t k5m = 300'000, k1h = 3'600'000;

// Pieces of "encoding, length, bytes" stand for chunks of a day each.
std::vector<downsampling::InputChunk> Pieces(std::span<const std::byte> data) {
  std::vector<downsampling::InputChunk> chunks;
  int64_t day = 0;
  while (data.size() > 2 && chunks.size() < 8) {
    const auto encoding = static_cast<ChunkEncoding>(std::to_integer<uint8_t>(data[0]));
    const size_t size = std::min<size_t>(std::to_integer<size_t>(data[1]), data.size() - 2);
    constexpr int64_t kDayMs = 86'400'000;
    chunks.push_back({day * kDayMs, (day + 1) * kDayMs - 1, encoding, data.subspan(2, size)});
    data = data.subspan(2 + size);
    ++day;
  }
  return chunks;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto chunks = Pieces(std::as_bytes(std::span(data, size)));
  downsampling::SeriesDownsampler raw(0, k5m), aggregates(k5m, k1h);
  (void)aggregates.Run(chunks, {}).ok();
  if (!raw.Run(chunks, {}).ok()) return 0;
  std::vector<downsampling::InputChunk> fine;
  for (const block::NewChunk& chunk : raw.chunks()) {
    if (chunk.min_ms > chunk.max_ms) __builtin_trap();
    if (!fine.empty() && fine.back().max_ms >= chunk.min_ms) __builtin_trap();
    if (!chunk::SplitAggregates(chunk.data).ok()) __builtin_trap();
    fine.push_back({chunk.min_ms, chunk.max_ms, chunk.encoding, chunk.data});
  }
  if (!aggregates.Run(fine, {}).ok()) __builtin_trap();
  return 0;
}
