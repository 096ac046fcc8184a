// Any bytes under any encoding give samples or a status: never a crash, a read outside, or memory
// out of proportion. What decodes as XOR and is encoded again decodes to the same samples.
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "chunk/aggregate.h"
#include "chunk/decode.h"
#include "chunk/transcode.h"
#include "chunk/xor.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void RoundTrip(const chunk::Columns& columns) {
  std::vector<std::byte> bytes(chunk::XorBytesMax(columns.t.size()));
  bytes.resize(
      chunk::EncodeXor(columns.t.data(), columns.v.data(), columns.t.size(), bytes.data()));
  chunk::Columns again;
  Require(chunk::DecodeChunk(ChunkEncoding::kXor, bytes, &again).ok());
  Require(again.t == columns.t);
  for (size_t i = 0; i < columns.v.size(); ++i) {
    Require(std::bit_cast<uint64_t>(columns.v[i]) == std::bit_cast<uint64_t>(again.v[i]));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  // A block of the exact size: the sanitizer sees every read behind it.
  const auto* begin = reinterpret_cast<const std::byte*>(data) + 1;
  const std::vector<std::byte> bytes(begin, begin + size - 1);
  const auto encoding = static_cast<ChunkEncoding>(data[0] % 8);
  if (data[0] % 8 == 7) {
    for (const Aggr aggregate : chunk::kAggregateOrder) {
      const auto part = chunk::ReadAggregate(bytes, aggregate);
      Require(!part.ok() || part->data.size() <= bytes.size());
    }
    return 0;
  }
  chunk::Columns columns;
  const Status status = chunk::DecodeChunk(encoding, bytes, &columns);
  Require(columns.t.size() == columns.v.size());
  Require(columns.histogram_t.size() == columns.histograms.size());
  if (chunk::NeedsTranscoding(encoding)) {
    Require(chunk::Transcode(encoding, bytes).ok() == status.ok());
  }
  if (status.ok() && columns.t.size() <= chunk::kChunkSamplesMax) RoundTrip(columns);
  return 0;
}
