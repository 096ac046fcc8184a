// Whole blocks between a bucket and local directories.
#pragma once

#include <string>

#include "base/executor.h"
#include "base/ulid.h"
#include "block/block.h"
#include "block/meta.h"
#include "thanos/bucket.h"

namespace thanos::bucketblocks {

struct TransferOptions {
  base::Executor* files = nullptr;  // For several files of a block at once; null: one by one.
  bool hash_files = false;          // Upload: SHA-256 of every file into the meta.
  bool without_chunks = false;      // Download: the segments stay in the bucket.
  /// Download: index and segments may be the bucket's own files (Bucket::Link), since nobody writes
  /// to them. They take no room then, and need no copying.
  bool may_link = false;
  bool leave_on_failure = false;  // Upload: for who tries again, and must never delete.
};

/// A directory that goes, with all that is in it, when this does.
class WorkDirectory {
 public:
  explicit WorkDirectory(std::string path) : path_(std::move(path)) {}
  ~WorkDirectory();
  WorkDirectory(const WorkDirectory&) = delete;
  /// Empty, whatever was there.
  Status Make() const;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

/// The block's index, segments, tombstones and meta.json into `directory`, which is made. A file
/// that is there with the right size is not fetched again, one that the bucket does not have is
/// removed. Errors name the object.
Status DownloadBlock(const CallContext& context, Bucket& bucket, const base::Ulid& ulid,
                     const std::string& directory, const TransferOptions& options);

/// The segments of a block in a bucket, as OpenSegments has those of a local one: listed now, read
/// by ranges. The header of each is checked when it is opened. The bucket outlives what is opened;
/// what is opened serves one thread.
Result<block::Block::SegmentOpener> OpenRemoteSegments(const CallContext& context, Bucket* bucket,
                                                       const base::Ulid& ulid);

/// Segments and index of the block in `directory`, the size of each looked at in the bucket, and
/// then meta.json: from there on the block exists. `meta` gets the list of files and the time.
/// What an error leaves behind is removed as far as possible, unless it is to be left.
Status UploadBlock(const CallContext& context, Bucket& bucket, const std::string& directory,
                   block::BlockMeta* meta, const TransferOptions& options);

}  // namespace thanos::bucketblocks
