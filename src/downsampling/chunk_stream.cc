#include "downsampling/chunk_stream.h"

#include <algorithm>

namespace thanos::downsampling {
namespace {

constexpr uint64_t kSequentialBytes = 1 << 20;
constexpr uint64_t kRandomBytes = 16 << 10;

}  // namespace

Status ChunkStream::Load(const CallContext& context, uint64_t offset, uint64_t bytes) {
  THANOS_RETURN_IF_ERROR(context.Check());
  const uint64_t size = segment_->size();
  if (offset >= size) {
    return DataLossError(segment_->name() + ": a chunk lies at " + std::to_string(offset) + " of " +
                         std::to_string(size) + " bytes");
  }
  THANOS_ASSIGN_OR_RETURN(piece_, segment_->Read(context, offset, std::min(bytes, size - offset)));
  piece_begin_ = offset;
  return OkStatus();
}

Result<block::StoredChunk> ChunkStream::Read(const CallContext& context,
                                             const block::ChunkMeta& meta, base::PinnedBytes* pin) {
  if (!segment_ || meta.segment() != segment_index_) {
    THANOS_ASSIGN_OR_RETURN(segment_, block_.Segment(context, meta.segment()));
    segment_index_ = meta.segment();
    piece_ = {};
    expected_ = block::kSegmentHeaderBytes;
  }
  const uint64_t offset = meta.offset();
  const bool sequential = offset == expected_;
  const bool inside = offset >= piece_begin_ && offset < piece_begin_ + piece_.size();
  if (!inside) {
    THANOS_RETURN_IF_ERROR(Load(context, offset, sequential ? kSequentialBytes : kRandomBytes));
  }
  const auto read = [&] {
    return block::ReadStoredChunk(piece_.bytes().subspan(offset - piece_begin_));
  };
  // A chunk's head may be cut off at the end of the piece: what is there then is not malformed.
  constexpr uint64_t kHeadBytes = 5;
  const uint64_t rest = piece_begin_ + piece_.size() - offset;
  if (rest < kHeadBytes && piece_begin_ + piece_.size() < segment_->size()) {
    THANOS_RETURN_IF_ERROR(Load(context, offset, sequential ? kSequentialBytes : kRandomBytes));
  }
  auto chunk = read();
  if (chunk.ok() && !chunk->complete()) {
    if (chunk->stored_bytes > segment_->size() - offset) {
      chunk = DataLossError("chunk: passes the end of its segment");
    } else {
      const uint64_t bytes =
          std::max(chunk->stored_bytes, sequential ? kSequentialBytes : kRandomBytes);
      THANOS_RETURN_IF_ERROR(Load(context, offset, bytes));
      chunk = read();
    }
  }
  if (!chunk.ok()) {
    return chunk.status().WithContext(segment_->name() + " at " + std::to_string(offset));
  }
  expected_ = offset + chunk->stored_bytes;
  *pin = piece_;
  return chunk;
}

}  // namespace thanos::downsampling
