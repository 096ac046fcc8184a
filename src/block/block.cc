#include "block/block.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "block/byte_sink.h"
#include "block/chunk_segment.h"
#include "block/index_reader.h"
#include "codec/byte_reader.h"

namespace thanos::block {
namespace {

constexpr size_t kMetaBytesMax = 64 << 20;
constexpr size_t kTombstonesBytesMax = 1 << 30;
constexpr uint32_t kSegmentsMax = 1 << 20;

}  // namespace

bool IsSegmentName(std::string_view name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Result<std::vector<std::string>> ListSegments(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; it != end && !error;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (IsSegmentName(name)) paths.push_back(it->path().string());
  }
  if (error) return ErrnoError(error.value(), "list " + directory);
  std::sort(paths.begin(), paths.end());
  return paths;
}

Result<std::shared_ptr<base::RangeReader>> OpenSegment(const CallContext& context,
                                                       const std::string& path) {
  THANOS_ASSIGN_OR_RETURN(auto file, base::OpenFileReader(path));
  const uint64_t length = std::min(file->size(), kSegmentHeaderBytes);
  THANOS_ASSIGN_OR_RETURN(const auto header, file->Read(context, 0, length));
  THANOS_RETURN_IF_ERROR(CheckSegmentHeader(header.bytes()).WithContext(path));
  return file;
}

Result<Block::SegmentOpener> OpenSegments(const CallContext& context,
                                          const std::string& directory) {
  THANOS_ASSIGN_OR_RETURN(const auto paths,
                          ListSegments(directory + "/" + std::string(kChunksDirectory)));
  std::vector<std::shared_ptr<base::RangeReader>> files;
  for (const std::string& path : paths) {
    THANOS_ASSIGN_OR_RETURN(auto file, OpenSegment(context, path));
    files.push_back(std::move(file));
  }
  return Block::SegmentOpener(
      [files = std::move(files), directory](
          const CallContext&, uint32_t i) -> Result<std::shared_ptr<base::RangeReader>> {
        if (i < files.size()) return files[i];
        return DataLossError(directory + ": a chunk lies in segment " + std::to_string(i) + " of " +
                             std::to_string(files.size()));
      });
}

Block::Block(Parts parts)
    : parts_(std::move(parts)),
      id_(parts_.meta.ulid.ToString()),
      external_labels_(parts_.meta.ExternalLabels()) {}

Result<BlockRef> Block::OpenDirectory(const CallContext& context, const std::string& path) {
  Parts parts;
  const std::string meta_path = path + "/" + std::string(kMetaFile);
  THANOS_ASSIGN_OR_RETURN(const std::string meta, ReadFile(meta_path, kMetaBytesMax));
  auto parsed = ParseMeta(meta);
  if (!parsed.ok()) return parsed.status().WithContext(path);
  parts.meta = std::move(*parsed);
  THANOS_ASSIGN_OR_RETURN(parts.index, base::OpenFileReader(path + "/" + std::string(kIndexFile)));
  THANOS_ASSIGN_OR_RETURN(const auto index, IndexReader::Open(context, parts.index, {}));
  parts.index_version = index->version();
  parts.toc = index->toc();
  parts.symbols = &index->symbols();
  parts.postings = &index->postings_table();
  parts.owner = index;
  THANOS_ASSIGN_OR_RETURN(parts.open_segment, OpenSegments(context, path));
  const std::string tombstones_path = path + "/" + std::string(kTombstonesFile);
  const auto tombstones = ReadFile(tombstones_path, kTombstonesBytesMax);
  if (tombstones.ok()) {
    auto read = Tombstones::Parse(codec::AsBytes(*tombstones));
    if (!read.ok()) return read.status().WithContext(tombstones_path);
    parts.tombstones = std::move(*read);
  } else if (tombstones.status().code() != StatusCode::kNotFound) {
    return tombstones.status();
  }
  return std::make_shared<const Block>(std::move(parts));
}

Result<std::shared_ptr<base::RangeReader>> Block::Segment(const CallContext& context,
                                                          uint32_t index) const {
  {
    std::lock_guard lock(mutex_);
    if (index < segments_.size() && segments_[index]) return segments_[index];
  }
  if (index >= kSegmentsMax) {
    return DataLossError("block " + id_ + ": a chunk lies in segment " + std::to_string(index));
  }
  THANOS_ASSIGN_OR_RETURN(auto segment, parts_.open_segment(context, index));
  std::lock_guard lock(mutex_);
  if (index >= segments_.size()) segments_.resize(index + 1);
  if (!segments_[index]) segments_[index] = std::move(segment);
  return segments_[index];
}

}  // namespace thanos::block
