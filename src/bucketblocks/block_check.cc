#include "bucketblocks/block_check.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/pinned_bytes.h"
#include "block/block.h"
#include "block/chunk_segment.h"
#include "block/index_format.h"
#include "block/index_reader.h"
#include "block/series_entry.h"
#include "codec/byte_reader.h"
#include "codec/hash.h"

namespace fs = std::filesystem;

namespace thanos::bucketblocks {
namespace {

constexpr uint64_t kPieceBytes = 256 << 10;
constexpr uint64_t kChunkBytesMin = 6;  // Length, encoding, checksum.

struct Segment {
  std::string path;
  uint64_t bytes = 0;
  uint64_t last_chunk = 0;  // Where the last chunk begins that the index knows.
};

// `be32 length | payload | be32 crc32c`, with the section's end at `end` at the latest.
Status CheckSection(const CallContext& context, base::RangeReader& file, uint64_t at, uint64_t end,
                    const std::string& what) {
  const auto bad = [&](const char* why) {
    return DataLossError(what + " at " + std::to_string(at) + ": " + why);
  };
  if (end < at || end - at < 8) return bad("section is too short");
  THANOS_ASSIGN_OR_RETURN(const auto head, file.Read(context, at, 4));
  const uint64_t length = codec::LoadBe32(head.bytes().data());
  if (length > end - at - 8) return bad("length passes the section's end");
  uint32_t crc = 0;
  for (uint64_t done = 0; done < length;) {
    THANOS_RETURN_IF_ERROR(context.Check());
    const uint64_t size = std::min(kPieceBytes, length - done);
    THANOS_ASSIGN_OR_RETURN(const auto piece, file.Read(context, at + 4 + done, size));
    crc = codec::Crc32cExtend(crc, piece.bytes());
    done += size;
  }
  THANOS_ASSIGN_OR_RETURN(const auto stored, file.Read(context, at + 4 + length, 4));
  return codec::LoadBe32(stored.bytes().data()) == crc ? OkStatus() : bad("checksum mismatch");
}

Result<std::vector<Segment>> CheckSegments(const CallContext& context,
                                           const std::string& directory) {
  const auto paths = block::ListSegments(directory);
  if (!paths.ok()) return DataLossError(std::string(paths.status().message()));
  std::vector<Segment> segments;
  for (uint32_t i = 0; i < paths->size(); ++i) {
    const std::string& path = (*paths)[i];
    if (path != directory + "/" + block::SegmentName(i)) {
      return DataLossError(path + ": segment " + block::SegmentName(i) + " should be here");
    }
    THANOS_ASSIGN_OR_RETURN(const auto file, block::OpenSegment(context, path));
    segments.push_back({path, file->size(), 0});
  }
  return segments;
}

// That every chunk of a series begins inside its segment; notes the last one of each.
Status CheckChunks(const block::SeriesEntry& entry, std::vector<Segment>* segments) {
  for (const block::ChunkMeta& chunk : entry.chunks) {
    const uint64_t segment = chunk.segment(), at = chunk.offset();
    if (segment < segments->size() && at >= block::kSegmentHeaderBytes &&
        at + kChunkBytesMin <= (*segments)[segment].bytes) {
      (*segments)[segment].last_chunk = std::max((*segments)[segment].last_chunk, at);
      continue;
    }
    return DataLossError("a chunk at " + std::to_string(at) + " of segment " +
                         block::SegmentName(static_cast<uint32_t>(segment)) +
                         " lies outside of it");
  }
  return OkStatus();
}

Status CheckIndex(const CallContext& context, const std::string& path,
                  std::vector<Segment>* segments) {
  THANOS_ASSIGN_OR_RETURN(const auto file, base::OpenFileReader(path));
  const auto check = [&]() -> Status {
    THANOS_ASSIGN_OR_RETURN(const block::IndexHead head, block::ReadIndexHead(context, *file));
    const block::IndexToc& toc = head.toc;
    const uint64_t toc_at = file->size() - block::IndexToc::kSizeBytes;
    THANOS_RETURN_IF_ERROR(CheckSection(context, *file, toc.symbols, toc.series, "symbols"));
    THANOS_RETURN_IF_ERROR(
        CheckSection(context, *file, toc.postings_table, toc_at, "postings table"));
    return block::VisitSeries(
        context, *file, toc, head.reference_unit(),
        [&](uint32_t, const block::SeriesEntry& entry) { return CheckChunks(entry, segments); });
  };
  return check().WithContext(path);
}

// A segment that was cut short ends inside its last chunk, if not before.
Status CheckLastChunk(const CallContext& context, const Segment& segment) {
  THANOS_ASSIGN_OR_RETURN(const auto file, base::OpenFileReader(segment.path));
  const uint64_t left = segment.bytes - segment.last_chunk;
  THANOS_ASSIGN_OR_RETURN(auto bytes,
                          file->Read(context, segment.last_chunk, std::min(left, kPieceBytes)));
  THANOS_ASSIGN_OR_RETURN(block::StoredChunk chunk, block::ReadStoredChunk(bytes.bytes()));
  if (chunk.complete()) return OkStatus();
  if (chunk.stored_bytes > left) {
    return DataLossError("chunk segment: ends " + std::to_string(chunk.stored_bytes - left) +
                         " bytes before its last chunk does");
  }
  THANOS_ASSIGN_OR_RETURN(bytes, file->Read(context, segment.last_chunk, chunk.stored_bytes));
  return block::ReadStoredChunk(bytes.bytes()).status();
}

}  // namespace

Status CheckLocalBlock(const CallContext& context, const std::string& path,
                       const block::BlockMeta& meta) {
  if (meta.min_ms >= meta.max_ms) {
    return DataLossError(path + "/" + std::string(block::kMetaFile) + ": its times are empty");
  }
  THANOS_ASSIGN_OR_RETURN(
      std::vector<Segment> segments,
      CheckSegments(context, path + "/" + std::string(block::kChunksDirectory)));
  THANOS_RETURN_IF_ERROR(
      CheckIndex(context, path + "/" + std::string(block::kIndexFile), &segments));
  for (const Segment& segment : segments) {
    if (segment.last_chunk == 0) continue;
    THANOS_RETURN_IF_ERROR(CheckLastChunk(context, segment).WithContext(segment.path));
  }
  for (const block::FileMeta& file : meta.thanos.files) {
    if (file.size_bytes == 0) continue;
    std::error_code error;
    const auto size = fs::file_size(path + "/" + file.path, error);
    if (!error && std::cmp_equal(size, file.size_bytes)) continue;
    return DataLossError(path + "/" + file.path + ": has " + (error ? "no" : std::to_string(size)) +
                         " bytes, meta.json states " + std::to_string(file.size_bytes));
  }
  return OkStatus();
}

}  // namespace thanos::bucketblocks
