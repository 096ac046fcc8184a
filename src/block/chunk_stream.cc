#include "block/chunk_stream.h"

namespace thanos::block {
namespace {

constexpr uint64_t kHeadBytes = 16;  // Enough to see how long a chunk is.

}  // namespace

Result<StoredFrame> ChunkStream::ReadAt(const CallContext& context, uint64_t offset) {
  THANOS_ASSIGN_OR_RETURN(auto bytes, window_->View(context, offset, kHeadBytes));
  THANOS_ASSIGN_OR_RETURN(StoredChunk chunk, ReadStoredChunk(bytes));
  if (!chunk.complete()) {
    if (offset > window_->size() || chunk.stored_bytes > window_->size() - offset) {
      return DataLossError("chunk passes the end of its segment");
    }
    if (chunk.stored_bytes > kFrameBytesMax) {
      return DataLossError("chunk of " + std::to_string(chunk.stored_bytes) + " bytes");
    }
    THANOS_ASSIGN_OR_RETURN(bytes, window_->View(context, offset, chunk.stored_bytes));
    THANOS_ASSIGN_OR_RETURN(chunk, ReadStoredChunk(bytes));
    if (!chunk.complete()) return InternalError("chunk changed its length");
  }
  return StoredFrame{chunk, bytes.first(chunk.stored_bytes), window_->pin()};
}

Result<StoredFrame> ChunkStream::Read(const CallContext& context, uint64_t reference) {
  const auto segment = static_cast<uint32_t>(reference >> 32);
  const auto offset = static_cast<uint32_t>(reference);
  if (!window_ || segment != segment_) {
    window_.reset();
    THANOS_ASSIGN_OR_RETURN(auto file, open_(context, segment));
    window_.emplace(std::move(file), piece_bytes_);
    segment_ = segment;
  }
  auto frame = ReadAt(context, offset);
  if (!frame.ok()) {
    return frame.status().WithContext(window_->name() + ", offset " + std::to_string(offset));
  }
  return frame;
}

}  // namespace thanos::block
