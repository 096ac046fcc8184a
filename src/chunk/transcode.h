// Chunks of Prometheus 3.14's encodings 4 to 6, rewritten for readers that know 1 to 3 only.
#pragma once

#include <cstddef>
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
  return NeedsTranscoding(encoding)
             ? static_cast<ChunkEncoding>(static_cast<uint8_t>(encoding) - 3)
             : encoding;
}

/// The same samples as a chunk of TranscodedEncoding(encoding); start timestamps are dropped.
/// kDataLoss when malformed, kInvalidArgument for an encoding that needs no transcoding.
Result<std::string> Transcode(ChunkEncoding encoding, std::span<const std::byte> data);

}  // namespace thanos::chunk
