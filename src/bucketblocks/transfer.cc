#include "bucketblocks/transfer.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <vector>

#include "base/time_text.h"
#include "block/block.h"
#include "block/byte_sink.h"
#include "block/chunk_segment.h"
#include "bucketblocks/fetcher.h"
#include "bucketblocks/file_hash.h"
#include "objstore/byte_sources.h"

namespace fs = std::filesystem;

namespace thanos::bucketblocks {
namespace {

struct RemoteFile {
  std::string path;   // Relative to the block.
  int64_t size = -1;  // -1: the listing does not say.
};

bool IsChunkFile(std::string_view path) {
  return path.starts_with(std::string(block::kChunksDirectory) + "/");
}

bool IsPartOfBlock(std::string_view path) {
  return path == block::kMetaFile || path == block::kIndexFile || path == block::kTombstonesFile ||
         IsChunkFile(path);
}

Result<std::vector<RemoteFile>> ListFiles(const CallContext& context, Bucket& bucket,
                                          const std::string& prefix) {
  std::vector<RemoteFile> files;
  const ListOptions options{.prefix = prefix, .recursive = true};
  THANOS_RETURN_IF_ERROR(bucket.Iterate(context, options, [&](const ListedObject& object) {
    const std::string_view path = object.name.substr(prefix.size());
    if (path.ends_with('/') || !IsPartOfBlock(path)) return OkStatus();
    // Names become paths: one that leads elsewhere is no file of a block.
    if (path.find("..") != std::string_view::npos) return OkStatus();
    files.push_back({std::string(path), object.has_attributes ? object.attributes.size : -1});
    return OkStatus();
  }));
  return files;
}

// What an earlier try or another program left and the block does not have.
Status RemoveOthers(const std::string& directory, const std::vector<RemoteFile>& files) {
  std::set<std::string> wanted;
  for (const RemoteFile& file : files) wanted.insert(directory + "/" + file.path);
  std::vector<fs::path> others;
  std::error_code error;
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (!it->is_directory(ignored) && !wanted.contains(it->path().native())) {
      others.push_back(it->path());
    }
  }
  for (const fs::path& path : others) {
    if (!error) fs::remove(path, error);
  }
  return error ? ErrnoError(error.value(), "clean " + directory) : OkStatus();
}

Status CheckSize(const CallContext& context, Bucket& bucket, const std::string& name,
                 int64_t size) {
  THANOS_ASSIGN_OR_RETURN(const ObjectAttributes found, bucket.Attributes(context, name));
  if (found.size == size) return OkStatus();
  return DataLossError(name + ": " + std::to_string(found.size) + " bytes arrived of " +
                       std::to_string(size));
}

Status UploadFiles(const CallContext& context, Bucket& bucket, const std::string& directory,
                   block::BlockMeta* meta, const TransferOptions& options) {
  const std::string prefix = meta->ulid.ToString() + "/";
  std::vector<block::FileMeta>& files = meta->thanos.files;
  THANOS_RETURN_IF_ERROR(base::ParallelFor(options.files, files.size(), [&](size_t i) -> Status {
    block::FileMeta& file = files[i];
    const std::string local = directory + "/" + file.path;
    THANOS_ASSIGN_OR_RETURN(const auto source, objstore::OpenFileSource(local));
    file.size_bytes = source->size();
    if (options.hash_files) {
      file.has_hash = true;
      file.hash_function = "SHA256";
      THANOS_ASSIGN_OR_RETURN(file.hash_value, Sha256OfFile(local));
    }
    const Status status = bucket.Upload(context, prefix + file.path, *source, {});
    if (!status.ok()) return status.WithContext("upload " + prefix + file.path);
    return CheckSize(context, bucket, prefix + file.path, file.size_bytes);
  }));
  files.emplace_back().path = block::kMetaFile;
  const int64_t now_ms = base::NowMs();
  meta->thanos.upload_time = base::FormatRfc3339Nano(now_ms / 1000, now_ms % 1000 * 1'000'000);
  const std::string text = block::WriteMeta(*meta);
  const auto content = objstore::MemorySource(text);
  const std::string name = prefix + std::string(block::kMetaFile);
  const Status status = bucket.Upload(context, name, *content, {});
  if (!status.ok()) return status.WithContext("upload " + name);
  return CheckSize(context, bucket, name, static_cast<int64_t>(text.size()));
}

}  // namespace

WorkDirectory::~WorkDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Status WorkDirectory::Make() const {
  std::error_code error;
  fs::remove_all(path_, error);
  if (!error) fs::create_directories(path_, error);
  return error ? ErrnoError(error.value(), "make " + path_) : OkStatus();
}

Status DownloadBlock(const CallContext& context, Bucket& bucket, const base::Ulid& ulid,
                     const std::string& directory, const TransferOptions& options) {
  const std::string prefix = ulid.ToString() + "/";
  THANOS_ASSIGN_OR_RETURN(auto files, ListFiles(context, bucket, prefix));
  if (options.without_chunks) {
    std::erase_if(files, [](const RemoteFile& file) { return IsChunkFile(file.path); });
  }
  std::error_code error;
  fs::create_directories(directory + "/" + std::string(block::kChunksDirectory), error);
  if (error) return ErrnoError(error.value(), "create " + directory);
  THANOS_RETURN_IF_ERROR(RemoveOthers(directory, files));
  return base::ParallelFor(options.files, files.size(), [&](size_t i) -> Status {
    const std::string local = directory + "/" + files[i].path;
    std::error_code absent;
    const auto size = fs::file_size(local, absent);
    if (!absent && files[i].size >= 0 && size == static_cast<uint64_t>(files[i].size)) {
      return OkStatus();
    }
    fs::create_directories(fs::path(local).parent_path(), absent);
    fs::remove(local, absent);
    if (options.may_link && (IsChunkFile(files[i].path) || files[i].path == block::kIndexFile)) {
      const Status linked = bucket.Link(context, prefix + files[i].path, local);
      if (linked.code() != StatusCode::kUnimplemented) {
        return linked.WithContext("link " + prefix + files[i].path);
      }
    }
    const Status status = objstore::DownloadToFile(context, bucket, prefix + files[i].path, local);
    return status.WithContext("download " + prefix + files[i].path);
  });
}

Result<block::Block::SegmentOpener> OpenRemoteSegments(const CallContext& context, Bucket* bucket,
                                                       const base::Ulid& ulid) {
  using Reader = std::shared_ptr<base::RangeReader>;
  const std::string prefix = ulid.ToString() + "/";
  THANOS_ASSIGN_OR_RETURN(auto files, ListFiles(context, *bucket, prefix));
  std::erase_if(files, [](const RemoteFile& file) {
    return !IsChunkFile(file.path) ||
           !block::IsSegmentName(fs::path(file.path).filename().native());
  });
  std::sort(files.begin(), files.end(),
            [](const RemoteFile& a, const RemoteFile& b) { return a.path < b.path; });
  auto opened = std::make_shared<std::vector<Reader>>();
  for (RemoteFile& file : files) {
    const std::string name = prefix + file.path;
    if (file.size < 0) {
      THANOS_ASSIGN_OR_RETURN(const ObjectAttributes found, bucket->Attributes(context, name));
      file.size = found.size;
    }
    opened->push_back(objstore::MakeObjectReader(bucket, name, static_cast<uint64_t>(file.size)));
  }
  auto checked = std::make_shared<std::vector<bool>>(opened->size());
  return block::Block::SegmentOpener([=](const CallContext& call, uint32_t i) -> Result<Reader> {
    if (i >= opened->size()) {
      return DataLossError(prefix + ": a chunk lies in segment " + std::to_string(i) + " of " +
                           std::to_string(opened->size()));
    }
    const Reader& file = (*opened)[i];
    if (!(*checked)[i]) {
      const uint64_t length = std::min(file->size(), block::kSegmentHeaderBytes);
      THANOS_ASSIGN_OR_RETURN(const auto header, file->Read(call, 0, length));
      THANOS_RETURN_IF_ERROR(block::CheckSegmentHeader(header.bytes()).WithContext(file->name()));
      (*checked)[i] = true;
    }
    return file;
  });
}

Status UploadBlock(const CallContext& context, Bucket& bucket, const std::string& directory,
                   block::BlockMeta* meta, const TransferOptions& options) {
  const std::string chunks(block::kChunksDirectory);
  THANOS_ASSIGN_OR_RETURN(const auto segments, block::ListSegments(directory + "/" + chunks));
  meta->thanos.files.clear();
  meta->thanos.segment_files.clear();
  for (const std::string& path : segments) {
    const std::string name = fs::path(path).filename().native();
    meta->thanos.segment_files.push_back(name);
    meta->thanos.files.emplace_back().path = chunks + "/" + name;
  }
  meta->thanos.files.emplace_back().path = block::kIndexFile;
  const Status status = UploadFiles(context, bucket, directory, meta, options);
  if (status.ok() || options.leave_on_failure) return status;
  // Without a meta.json it is no block; what stays is removed as a partial upload some day.
  const Status ignored = DeleteBlock(context, bucket, meta->ulid);
  return status;
}

}  // namespace thanos::bucketblocks
