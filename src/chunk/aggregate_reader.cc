#include "chunk/aggregate_reader.h"

#include <vector>

#include "chunk/downsampled.h"

namespace thanos::chunk {

Status DecodeAverage(const ChunkPart& count, const ChunkPart& sum, Columns* out) {
  return ReadAverage({count.encoding, count.data}, {sum.encoding, sum.data}, out);
}

Status DecodeCounter(std::span<const CounterChunk> chunks, Columns* out) {
  std::vector<EncodedChunk> encoded;
  encoded.reserve(chunks.size());
  for (const CounterChunk& chunk : chunks) encoded.push_back({chunk.encoding, chunk.data});
  return ReadCounter(encoded, out);
}

}  // namespace thanos::chunk
