// Chunk segment files of a block: reading single chunks, writing a block's chunks in order.
// Format: formats/tsdb-block §5.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "block/byte_sink.h"
#include "block/series_entry.h"
#include "thanos/chunk.h"
#include "thanos/status.h"

namespace thanos::block {

inline constexpr uint32_t kSegmentMagic = 0x85BD40DD;
inline constexpr uint64_t kSegmentHeaderBytes = 8;
inline constexpr uint64_t kSegmentBytesMax = 512 << 20;
/// Length varint, encoding, checksum: what stands around a chunk's data at most.
inline constexpr uint64_t kChunkFrameBytesMax = 5 + 1 + 4;

/// "000001" is segment 0.
std::string SegmentName(uint32_t segment);
/// kDataLoss unless the bytes begin with a segment's magic and version.
Status CheckSegmentHeader(std::span<const std::byte> bytes);

/// A chunk as it lies in a segment; borrowed.
struct StoredChunk {
  ChunkEncoding encoding = ChunkEncoding::kNone;
  std::span<const std::byte> data;
  uint64_t stored_bytes = 0;  // With its frame. More than was given: read so many and try again.
  bool complete() const { return encoding != ChunkEncoding::kNone; }
};

/// The chunk that `bytes` begins with, its checksum verified. kDataLoss when that is wrong.
Result<StoredChunk> ReadStoredChunk(std::span<const std::byte> bytes);

/// A chunk to be written.
struct NewChunk {
  int64_t min_ms = 0, max_ms = 0;
  ChunkEncoding encoding = ChunkEncoding::kXor;
  std::span<const std::byte> data;
};

struct ChunkWriterStats {
  uint64_t chunks = 0;
  uint64_t bytes = 0;
  uint32_t segments = 0;
  int64_t chunk_size_max = 0;  // As meta.json states it: from adjacent references.
};

/// Writes the segments of a block. One thread.
class ChunkWriter {
 public:
  /// Opens the sink of segment 0, 1, …; asked for as segments begin.
  using SegmentFactory = std::function<Result<std::unique_ptr<ByteSink>>(uint32_t segment)>;
  explicit ChunkWriter(SegmentFactory open, uint64_t segment_bytes_max = kSegmentBytesMax);

  /// The chunks of one series, in order; appends their metas with references.
  Status WriteSeries(std::span<const NewChunk> chunks, std::vector<ChunkMeta>* metas);
  /// The same chunk by chunk: BeginSeries, each chunk, EndSeries.
  void BeginSeries();
  Status AddChunk(const NewChunk& chunk);
  /// A whole stored chunk of another segment, with its frame, copied unchanged. `data_bytes` of it
  /// are the chunk's data.
  Status CopyChunk(int64_t min_ms, int64_t max_ms, std::span<const std::byte> stored,
                   uint64_t data_bytes);
  void EndSeries(std::vector<ChunkMeta>* metas);
  /// Finishes the last segment.
  Result<ChunkWriterStats> Finish();

 private:
  Status BeginSegment();
  Status EndSegment();
  Status CutBefore(uint64_t data_bytes);
  Status WriteStored(int64_t min_ms, int64_t max_ms, std::span<const std::byte> stored);
  void MeasureChunks(std::span<const ChunkMeta> metas);

  SegmentFactory open_;
  const uint64_t segment_bytes_max_;
  std::unique_ptr<ByteSink> sink_;
  uint64_t position_ = 0;  // In the open segment.
  std::string frame_;
  std::vector<ChunkMeta> series_;  // Chunks of the series that was begun.
  uint64_t batch_bytes_ = 0;
  bool first_batch_ = true;
  ChunkWriterStats stats_;
};

}  // namespace thanos::block
