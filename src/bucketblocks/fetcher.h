// Which blocks a bucket holds: their metas, fetched once and kept, and the filters of a reader.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "base/ulid.h"
#include "block/meta.h"
#include "metrics/registry.h"
#include "relabel/relabel.h"
#include "thanos/bucket.h"

namespace thanos::bucketblocks {

using MetaRef = std::shared_ptr<const block::BlockMeta>;
using MetaMap = std::map<base::Ulid, MetaRef>;

struct FetchOptions {
  std::string cache_dir;  // "" keeps metas in memory only.
  /// Blocks younger than this are left out, unless a compactor made them.
  int64_t consistency_delay_ms = 0;
  /// Blocks marked for deletion longer ago than this are left out; negative keeps them all.
  int64_t ignore_deletion_marks_delay_ms = -1;
  /// Blocks outside [min_ms(), max_ms()] are left out; called at each fetch.
  std::function<int64_t()> min_ms, max_ms;
  /// Blocks all of whose sources another block of the group has are left out.
  bool drop_duplicates = true;
  /// On the external labels and `__block_id`: what it drops is left out.
  relabel::Rules selector;
};

struct FetchResult {
  MetaMap metas;
  /// Not OK: some meta could not be read for a passing reason. What is missing may be there:
  /// nothing may be dropped or deleted because of it.
  Status incomplete;
  size_t partial_blocks = 0;  // Directories without a (readable) meta.json.
};

/// Thread-safe, one fetch at a time.
class MetaFetcher {
 public:
  MetaFetcher(Bucket* bucket, FetchOptions options, base::Executor* io, base::Logger logger,
              metrics::Registry* registry);

  /// An error when the listing failed: nothing is known then.
  Result<FetchResult> Fetch(const CallContext& context);

 private:
  struct Loaded {
    MetaRef meta;   // Null when there is none.
    Status status;  // Of a passing failure.
    bool corrupted = false;
    bool deletion_marked = false;
    int64_t deletion_time_s = 0;
  };
  Result<std::vector<base::Ulid>> ListBlocks(const CallContext& context);
  Loaded Load(const CallContext& context, const base::Ulid& ulid);
  Result<std::string> ReadMetaText(const CallContext& context, const base::Ulid& ulid,
                                   bool* from_cache);
  Status LoadDeletionMark(const CallContext& context, const base::Ulid& ulid, Loaded* loaded);
  bool Selected(const block::BlockMeta& meta) const;
  void Filter(std::map<base::Ulid, Loaded>* loaded, FetchResult* result);
  void DropDuplicates(MetaMap* metas, size_t* dropped) const;
  void CleanCache(const std::vector<base::Ulid>& listed) const;
  void SaveToCache(const base::Ulid& ulid, const std::string& text) const;

  Bucket* const bucket_;
  const FetchOptions options_;
  base::Executor* const io_;
  const base::Logger logger_;
  metrics::Counter syncs_, failures_, base_syncs_;
  metrics::Histogram seconds_;
  metrics::GaugeFamily synced_;
  std::mutex mutex_;
  MetaMap known_;  // Guarded by mutex_. Blocks never change: a meta is read once.
};

/// Deletes in the order that leaves no half block that looks whole: meta.json first, the deletion
/// mark last. Absent is fine.
Status DeleteBlock(const CallContext& context, Bucket& bucket, const base::Ulid& ulid);

}  // namespace thanos::bucketblocks
