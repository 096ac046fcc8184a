// The chunks of a block as they are stored, one after the other in few reads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "block/block.h"
#include "block/chunk_segment.h"
#include "block/file_window.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::block {

/// A chunk with its frame, its checksum verified.
struct StoredFrame {
  StoredChunk chunk;
  std::span<const std::byte> bytes;  // With length, encoding and checksum.
  base::PinnedBytes pin;             // Keeps both alive.
};

/// Cheap as long as chunks come in the order of the segments, right in any order. Holds one piece
/// of one segment, however many there are. One thread.
class ChunkStream {
 public:
  /// Chunks have at most so many bytes, else they are refused as kDataLoss.
  static constexpr uint64_t kFrameBytesMax = 64 << 20;
  explicit ChunkStream(Block::SegmentOpener open, uint64_t piece_bytes = FileWindow::kPieceBytes)
      : open_(std::move(open)), piece_bytes_(piece_bytes) {}
  /// The block outlives the stream.
  explicit ChunkStream(const Block& block)
      : open_([&block](const CallContext& context, uint32_t segment) {
          return block.Segment(context, segment);
        }),
        piece_bytes_(FileWindow::kPieceBytes) {}

  /// kDataLoss names segment and offset.
  Result<StoredFrame> Read(const CallContext& context, uint64_t reference);

 private:
  Result<StoredFrame> ReadAt(const CallContext& context, uint64_t offset);

  const Block::SegmentOpener open_;
  const uint64_t piece_bytes_;
  std::optional<FileWindow> window_;
  uint32_t segment_ = 0;  // That the window is of.
};

}  // namespace thanos::block
