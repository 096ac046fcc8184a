#include "bucketblocks/block_check.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/pinned_bytes.h"
#include "block/chunk_segment.h"
#include "block/index_format.h"
#include "codec/byte_reader.h"
#include "codec/hash.h"

namespace fs = std::filesystem;

namespace thanos::bucketblocks {
namespace {

constexpr uint64_t kPieceBytes = 256 << 10;

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

Status CheckIndex(const CallContext& context, const std::string& path) {
  THANOS_ASSIGN_OR_RETURN(const auto file, base::OpenFileReader(path));
  const auto check = [&]() -> Status {
    const uint64_t size = file->size();
    if (size < block::kIndexHeaderBytes + block::IndexToc::kSizeBytes) {
      return DataLossError("file is too short: " + std::to_string(size) + " bytes");
    }
    THANOS_ASSIGN_OR_RETURN(const auto header, file->Read(context, 0, block::kIndexHeaderBytes));
    THANOS_RETURN_IF_ERROR(block::ReadIndexVersion(header.bytes()).status());
    const uint64_t toc_at = size - block::IndexToc::kSizeBytes;
    THANOS_ASSIGN_OR_RETURN(const auto bytes,
                            file->Read(context, toc_at, block::IndexToc::kSizeBytes));
    THANOS_ASSIGN_OR_RETURN(const block::IndexToc toc, block::ReadIndexToc(bytes.bytes(), size));
    THANOS_RETURN_IF_ERROR(CheckSection(context, *file, toc.symbols, toc.series, "symbols"));
    return CheckSection(context, *file, toc.postings_table, toc_at, "postings table");
  };
  return check().WithContext(path);
}

Status CheckSegments(const CallContext& context, const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator it(directory, error);
  for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().native());
  }
  if (error) return DataLossError(directory + ": " + error.message());
  std::sort(names.begin(), names.end());
  for (uint32_t i = 0; i < names.size(); ++i) {
    const std::string path = directory + "/" + names[i];
    if (names[i] != block::SegmentName(i)) {
      return DataLossError(path + ": segment " + block::SegmentName(i) + " should be here");
    }
    THANOS_ASSIGN_OR_RETURN(const auto file, base::OpenFileReader(path));
    if (file->size() < block::kSegmentHeaderBytes) {
      return DataLossError(path + ": chunk segment: file is too short");
    }
    THANOS_ASSIGN_OR_RETURN(const auto head, file->Read(context, 0, block::kSegmentHeaderBytes));
    THANOS_RETURN_IF_ERROR(block::CheckSegmentHeader(head.bytes()).WithContext(path));
  }
  return OkStatus();
}

}  // namespace

Status CheckLocalBlock(const CallContext& context, const std::string& path,
                       const block::BlockMeta& meta) {
  if (meta.min_ms >= meta.max_ms) {
    return DataLossError(path + "/" + std::string(block::kMetaFile) + ": its times are empty");
  }
  THANOS_RETURN_IF_ERROR(CheckIndex(context, path + "/" + std::string(block::kIndexFile)));
  const std::string chunks = path + "/" + std::string(block::kChunksDirectory);
  THANOS_RETURN_IF_ERROR(CheckSegments(context, chunks));
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
