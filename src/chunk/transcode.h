// Chunks of Prometheus 3.14's encodings 4 to 6, rewritten for readers that know 1 to 3 only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "thanos/chunk.h"
#include "thanos/status.h"

namespace thanos::chunk {

/// True for encodings 4 to 6: Go Thanos cannot read them.
constexpr bool NeedsTranscoding(ChunkEncoding encoding) {
  return encoding >= ChunkEncoding::kXor2 && encoding <= ChunkEncoding::kFloatHistogramSt;
}

/// The encoding that Transcode writes: 4 to 6 become 1 to 3.
constexpr ChunkEncoding TranscodedEncoding(ChunkEncoding encoding) {
  return NeedsTranscoding(encoding) ? static_cast<ChunkEncoding>(static_cast<uint8_t>(encoding) - 3)
                                    : encoding;
}

/// The same samples as a chunk of TranscodedEncoding(encoding); start timestamps are dropped.
/// kDataLoss when malformed, kInvalidArgument for an encoding that needs no transcoding.
Result<std::string> Transcode(ChunkEncoding encoding, std::span<const std::byte> data);

/// A chunk that is left after some samples were taken out.
struct FilteredChunk {
  uint32_t samples = 0;  // 0: nothing is left, data is empty.
  int64_t min_ms = 0, max_ms = 0;
  std::string data;  // Of TranscodedEncoding(encoding).
};

/// Rewrites a chunk of encoding 1 to 6 with the samples whose time `keep` accepts. kDataLoss when
/// malformed.
Result<FilteredChunk> FilterSamples(ChunkEncoding encoding, std::span<const std::byte> data,
                                    const std::function<bool(int64_t t_ms)>& keep);

}  // namespace thanos::chunk
