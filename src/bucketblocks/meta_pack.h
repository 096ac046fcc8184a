// The meta.json of many blocks in one local file: a start reads one file, not one for each block.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ulid.h"
#include "thanos/status.h"

namespace thanos::bucketblocks {

/// A log of records: a block's text, or that it is gone. Records that are damaged are passed over
/// and what lies behind a torn end is cut off: what is missing is fetched again. The file is
/// rewritten when most of it is of no use any more. Ours; not synced, for it can be made anew.
/// One thread.
class MetaPack {
 public:
  explicit MetaPack(std::string path) : path_(std::move(path)) {}

  using Texts = std::vector<std::pair<base::Ulid, std::string_view>>;
  /// The newest text of each block; they lie in `*content`. Absent or foreign files hold nothing.
  Result<Texts> Read(std::string* content);

  /// Adds texts, and drops the blocks that are not in `keep`. Read() comes first.
  Status Update(const std::vector<std::pair<base::Ulid, std::string>>& added,
                const std::function<bool(const base::Ulid& ulid)>& keep);

 private:
  Status Rewrite(const std::vector<std::pair<base::Ulid, std::string>>& added);
  const std::string path_;
  std::map<base::Ulid, uint64_t> held_;  // Bytes of each block's newest record.
  uint64_t file_bytes_ = 0;              // Of good records, the head included; 0: no file.
};

/// One record, for tests and fuzzing: how many bytes of `bytes` it takes, 0 when it is cut short
/// or damaged beyond finding the next one.
struct MetaPackRecord {
  base::Ulid ulid;
  std::string_view text;  // "" says that the block is gone.
  bool intact = false;
  size_t bytes = 0;
};
MetaPackRecord ReadMetaPackRecord(std::string_view bytes);

}  // namespace thanos::bucketblocks
