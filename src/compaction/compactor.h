// The compactor: one iteration over everything a bucket needs. components/compact §4.1.
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
#include "bucketblocks/fetcher.h"
#include "compaction/cleaner.h"
#include "compaction/downsampler.h"
#include "compaction/group_compactor.h"
#include "compaction/metrics.h"
#include "compaction/retention.h"
#include "thanos/bucket.h"

namespace thanos::compaction {

struct CompactorOptions {
  GroupOptions group;
  Retention retention;
  int64_t delete_delay_ms = 0;
  bool downsample = true;
  bool retention_forced = false;  // Goes by without the downsampled blocks that should be there.
  std::string downsample_dir;
  size_t group_concurrency = 1;
  size_t downsample_concurrency = 1;
  size_t file_concurrency = 1;
  size_t fetch_concurrency = 1;
  size_t merge_concurrency = 1;  // Threads that merge, of all groups together.
  /// A failed group waits before it is tried in another iteration: the first time, then doubled.
  int64_t backoff_ms = 60'000;
  int64_t backoff_max_ms = 3'600'000;
  int64_t sync_timeout_ms = 0;  // Of one sync of metas; 0: none.
};

/// What stands against a group, for people.
struct FailedGroup {
  std::string key;
  std::string labels;
  int64_t resolution_ms = 0;
  std::vector<std::string> blocks;  // What was to be compacted.
  std::string reason;
  bool halted = false;  // Will not pass by itself.
  int64_t since_ms = 0, next_try_ms = 0;
  int failures = 0;
};

/// How an iteration went.
struct IterationResult {
  Status status;        // The first error, those that halt first.
  bool halted = false;  // Some error will not pass by itself.
  size_t failed_groups = 0;
};

/// Iterations run on one thread at a time; everything else may be called meanwhile, on any thread.
class Compactor {
 public:
  /// All arguments outlive the compactor.
  Compactor(CompactorOptions options, Bucket* bucket, bucketblocks::MetaFetcher* fetcher,
            base::Executor* io, base::Logger logger, metrics::Registry* registry);

  /// Compacts until nothing changes any more, downsamples, marks what expired, removes given-up
  /// uploads. A group that fails stops nothing else; an incomplete view of the bucket stops all.
  IterationResult RunIteration(const CallContext& context);
  /// Syncs, deletes what is marked for long enough, marks what expired, removes given-up uploads:
  /// what must go on while an iteration is busy or fails.
  Status Clean(const CallContext& context);
  /// Syncs and says in metrics what is to be done.
  Status UpdateProgress(const CallContext& context);

  std::vector<FailedGroup> failed_groups() const;
  /// Of the last sync; null before the first.
  struct View {
    bucketblocks::FetchResult blocks;
    int64_t synced_ms = 0;
  };
  std::shared_ptr<const View> view() const;
  /// Of the last sync; OK when it worked.
  Status sync_error() const;

  const CompactionMetrics& metrics() const { return metrics_; }
  const Marker& marker() const { return marker_; }

 private:
  using ViewRef = std::shared_ptr<const View>;
  struct Pass;
  Result<ViewRef> Sync(const CallContext& context);
  Status CompactAll(const CallContext& context, ViewRef* view, IterationResult* result);
  std::vector<Group> GroupsToRun(const View& view);
  void CleanWorkDirectory(const std::vector<Group>& groups) const;
  Status CollectGarbage(const CallContext& context, const View& view, const UlidSet& deleted) const;
  void RunGroup(const CallContext& context, const Group& group, Pass* pass);
  void Remember(const Group& group, const GroupResult& result);
  Status DownsampleAll(const CallContext& context, ViewRef* view, IterationResult* result);
  Result<std::vector<downsampling::DownsampleTask>> DownsampleTasks(const View& view,
                                                                    int pass) const;
  ExpiredBlocks FindExpiredIn(const View& view) const;
  Status ApplyRetention(const CallContext& context, const View& view) const;
  void Add(Status status, bool halted, IterationResult* result) const;

  const CompactorOptions options_;
  Bucket* const bucket_;
  bucketblocks::MetaFetcher* const fetcher_;
  const base::Logger logger_;
  const CompactionMetrics metrics_;
  const Marker marker_;
  const Cleaner cleaner_;
  std::unique_ptr<base::Executor> groups_, blocks_, files_, merge_;
  std::unique_ptr<GroupCompactor> group_compactor_;
  std::unique_ptr<BlockDownsampler> downsampler_;
  mutable std::mutex mutex_;
  ViewRef view_;                               // Guarded by mutex_.
  Status sync_error_;                          // Guarded by mutex_.
  std::map<std::string, FailedGroup> failed_;  // By key. Guarded by mutex_.
  UlidSet emptied_;  // Marked, and replaced by nothing: not planned again. Guarded by mutex_.
};

}  // namespace thanos::compaction
