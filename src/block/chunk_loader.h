// Fetches the chunks of many series, over several blocks, in few reads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/pinned_bytes.h"
#include "block/block.h"
#include "block/series_stream.h"
#include "thanos/call_context.h"
#include "thanos/chunk.h"
#include "thanos/status.h"

namespace thanos::block {

/// A chunk asked for; `stream` says of which block, any number.
struct ChunkTask {
  uint32_t stream = 0;
  const Block* block = nullptr;
  WantedChunk wanted;
  uint32_t reference = 0;  // Of its series: for tombstones and messages.
  // Filled in:
  ChunkEncoding encoding = ChunkEncoding::kNone;  // kNone: its block failed.
  std::span<const std::byte> data;
};

/// What the chunks of one loading lie in.
struct ChunkReads {
  std::vector<base::PinnedBytes> pieces;
  uint64_t piece_bytes = 0;
  uint64_t chunk_bytes = 0;  // Of them: what was asked for.
};

/// A stream whose bytes could not be had or are wrong.
struct StreamFailure {
  uint32_t stream = 0;
  Status status;
};

/// Loads all; checksums are verified. A failing block leaves its chunks out and is reported, once
/// a stream; the returned status is for what concerns all: cancellation, limits.
Result<ChunkReads> LoadChunks(const CallContext& context, std::span<ChunkTask> tasks,
                              const BlockReadOptions& options,
                              std::vector<StreamFailure>* failures);

}  // namespace thanos::block
