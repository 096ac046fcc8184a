// Reads the chunks of a block one after the other, in few large reads. Private to the room.
#pragma once

#include <cstdint>
#include <memory>

#include "base/pinned_bytes.h"
#include "block/block.h"
#include "block/chunk_segment.h"
#include "block/series_entry.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::downsampling {

/// Cheap as long as chunks come in the order of the segment files, right in any order. One thread.
class ChunkStream {
 public:
  /// `block` outlives the stream.
  explicit ChunkStream(const block::Block& block) : block_(block) {}

  /// The chunk's data, its checksum verified. *pin keeps the bytes alive.
  Result<block::StoredChunk> Read(const CallContext& context, const block::ChunkMeta& meta,
                                  base::PinnedBytes* pin);

 private:
  Status Load(const CallContext& context, uint64_t offset, uint64_t bytes);

  const block::Block& block_;
  std::shared_ptr<base::RangeReader> segment_;
  uint32_t segment_index_ = 0;
  base::PinnedBytes piece_;
  uint64_t piece_begin_ = 0;  // In the segment.
  uint64_t expected_ = 0;     // Where the next chunk lies when they come in order.
};

}  // namespace thanos::downsampling
