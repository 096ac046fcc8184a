#include "block/chunk_segment.h"

#include <algorithm>
#include <cstdio>

#include "codec/byte_reader.h"
#include "codec/hash.h"

namespace thanos::block {

std::string SegmentName(uint32_t segment) {
  char name[16];
  std::snprintf(name, sizeof name, "%06u", segment + 1);
  return name;
}

Status CheckSegmentHeader(std::span<const std::byte> bytes) {
  if (bytes.size() < kSegmentHeaderBytes) return DataLossError("chunk segment: file is too short");
  if (codec::LoadBe32(bytes.data()) != kSegmentMagic) {
    return DataLossError("chunk segment: bad magic number");
  }
  if (const auto version = std::to_integer<int>(bytes[4]); version != 1) {
    return DataLossError("chunk segment: unknown version " + std::to_string(version));
  }
  return OkStatus();
}

Result<StoredChunk> ReadStoredChunk(std::span<const std::byte> bytes) {
  codec::ByteReader in(bytes);
  const uint32_t length = in.Uvarint32();
  THANOS_RETURN_IF_ERROR(in.Check("chunk"));
  StoredChunk out;
  out.stored_bytes = in.position() + 1 + uint64_t{length} + 4;
  if (out.stored_bytes > bytes.size()) return out;
  const auto checked = in.Bytes(1 + length);
  if (in.Be32() != codec::Crc32c(checked)) return DataLossError("chunk: checksum mismatch");
  out.encoding = static_cast<ChunkEncoding>(checked[0]);
  out.data = checked.subspan(1);
  if (out.encoding == ChunkEncoding::kNone) return DataLossError("chunk: invalid encoding 0");
  return out;
}

ChunkWriter::ChunkWriter(SegmentFactory open, uint64_t segment_bytes_max)
    : open_(std::move(open)), segment_bytes_max_(segment_bytes_max) {}

Status ChunkWriter::BeginSegment() {
  THANOS_ASSIGN_OR_RETURN(sink_, open_(stats_.segments));
  ++stats_.segments;
  std::string header;
  codec::ByteWriter writer(&header);
  writer.Be32(kSegmentMagic);
  writer.Be32(0x01000000);
  position_ = kSegmentHeaderBytes;
  return sink_->Write(codec::AsBytes(header));
}

Status ChunkWriter::EndSegment() {
  if (!sink_) return OkStatus();
  stats_.bytes += position_;
  const auto sink = std::move(sink_);
  return sink->Finish();
}

Status ChunkWriter::WriteStored(int64_t min_ms, int64_t max_ms, std::span<const std::byte> stored) {
  if (!sink_) THANOS_RETURN_IF_ERROR(BeginSegment());
  if (position_ > UINT32_MAX) {
    return ResourceExhaustedError("chunk segment: exceeds the format's 4 GiB");
  }
  series_.push_back({min_ms, max_ms, uint64_t{stats_.segments - 1} << 32 | position_});
  THANOS_RETURN_IF_ERROR(sink_->Write(stored));
  position_ += stored.size();
  ++stats_.chunks;
  return OkStatus();
}

void ChunkWriter::BeginSeries() {
  series_.clear();
  batch_bytes_ = 0;
  first_batch_ = true;
}

// The rule of Prometheus, whose segments are compared with ours: the chunks of a series are taken
// as batches that fit a segment by their largest possible size.
Status ChunkWriter::CutBefore(uint64_t data_bytes) {
  const uint64_t chunk_bytes = kChunkFrameBytesMax + data_bytes;
  batch_bytes_ += chunk_bytes;
  bool cut = !series_.empty() && batch_bytes_ + kSegmentHeaderBytes > segment_bytes_max_;
  // position_ moves as the batch is written: what the batch began with is what counts.
  if (first_batch_ && sink_ && position_ > kSegmentHeaderBytes) {
    cut = position_ + chunk_bytes > segment_bytes_max_;
  }
  if (!cut) return OkStatus();
  first_batch_ = false;
  batch_bytes_ = chunk_bytes;
  return EndSegment();
}

Status ChunkWriter::AddChunk(const NewChunk& chunk) {
  if (chunk.data.size() > UINT32_MAX) {
    return ResourceExhaustedError("chunk segment: exceeds the format's 4 GiB");
  }
  THANOS_RETURN_IF_ERROR(CutBefore(chunk.data.size()));
  frame_.clear();
  codec::ByteWriter writer(&frame_);
  writer.Uvarint(chunk.data.size());
  const size_t checked_from = frame_.size();
  writer.U8(static_cast<uint8_t>(chunk.encoding));
  writer.Bytes(chunk.data);
  writer.Be32(codec::Crc32c(codec::AsBytes(frame_).subspan(checked_from)));
  return WriteStored(chunk.min_ms, chunk.max_ms, codec::AsBytes(frame_));
}

Status ChunkWriter::CopyChunk(int64_t min_ms, int64_t max_ms, std::span<const std::byte> stored,
                              uint64_t data_bytes) {
  THANOS_RETURN_IF_ERROR(CutBefore(data_bytes));
  return WriteStored(min_ms, max_ms, stored);
}

void ChunkWriter::EndSeries(std::vector<ChunkMeta>* metas) {
  MeasureChunks(series_);
  metas->insert(metas->end(), series_.begin(), series_.end());
}

Status ChunkWriter::WriteSeries(std::span<const NewChunk> chunks, std::vector<ChunkMeta>* metas) {
  BeginSeries();
  for (const NewChunk& chunk : chunks) THANOS_RETURN_IF_ERROR(AddChunk(chunk));
  EndSeries(metas);
  return OkStatus();
}

void ChunkWriter::MeasureChunks(std::span<const ChunkMeta> metas) {
  for (size_t i = 0; i + 2 < metas.size(); ++i) {
    if (metas[i].segment() != metas[i + 1].segment()) continue;
    stats_.chunk_size_max = std::max(stats_.chunk_size_max,
                                     int64_t{metas[i + 1].offset()} - int64_t{metas[i].offset()});
  }
}

Result<ChunkWriterStats> ChunkWriter::Finish() {
  THANOS_RETURN_IF_ERROR(EndSegment());
  return stats_;
}

}  // namespace thanos::block
