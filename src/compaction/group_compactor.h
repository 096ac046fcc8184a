// One step of one group: plan, fetch, merge, check, upload, mark. components/compact §4.4, §4.5.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "compaction/block_merge.h"
#include "compaction/downsample_outlook.h"
#include "compaction/metrics.h"
#include "compaction/plan.h"
#include "compaction/scratch_space.h"
#include "thanos/bucket.h"

namespace thanos::compaction {

struct GroupOptions {
  std::string work_dir;            // `<work_dir>/<group key>/<ULID>` hold copies of blocks.
  std::vector<int64_t> ranges_ms;  // Ascending, the longest last.
  bool vertical = false;           // Overlapping blocks are merged; else only identical ones.
  bool penalty = false;            // With vertical: replicas are deduplicated.
  bool accept_malformed_index = false;
  bool skip_out_of_order = false;   // Blocks with chunks out of order get a mark, no repair.
  uint64_t index_bytes_max = 0;     // Of the sources together; 0: no limit.
  block::IndexLimits index_limits;  // Of the format: a merge that passes one is not tried again.
  bool hash_files = false;
  base::Executor* blocks = nullptr;    // For several downloads at once; null: one by one.
  base::Executor* files = nullptr;     // For several files of a block at once.
  base::Executor* merge = nullptr;     // Threads that merge; null: that of the group only.
  ScratchSpace::FreeBytes free_bytes;  // Of the disk under work_dir; null: asks the system.
};

struct GroupResult {
  /// OK, or why the group could not be compacted: nothing of it was replaced then.
  Status status;
  bool retriable = false;  // The error may pass by itself.
  bool rerun = false;      // Something changed: plan again after the next sync.
  MetaList plan;           // What was worked on.
  bool emptied = false;    // No sample of the plan was left: it is marked, and nothing replaces it.
  bool postponed = false;  // Other groups fill the disk just now: nothing was done, try again.
};

/// Adds marks as the compactor does: not twice, not to a block that is gone, and to the end even
/// when the process is asked to stop. Thread-safe.
class Marker {
 public:
  Marker(Bucket* bucket, base::Logger logger, const CompactionMetrics* metrics)
      : bucket_(bucket), logger_(std::move(logger)), metrics_(metrics) {}
  Status Put(bucketblocks::MarkKind kind, const base::Ulid& ulid, std::string_view reason,
             std::string details) const;

 private:
  Bucket* const bucket_;
  const base::Logger logger_;
  const CompactionMetrics* const metrics_;
};

/// Thread-safe for different groups.
class GroupCompactor {
 public:
  GroupCompactor(GroupOptions options, Bucket* bucket, const Marker* marker,
                 const CompactionMetrics* metrics, base::Logger logger);

  /// One plan at most. Sources are marked for deletion once the result is whole in the bucket.
  /// Then come the blocks of coarser resolution that `outlook` says; what fails of them is left to
  /// the downsampling of whole blocks, as all is when it is null.
  GroupResult Compact(const CallContext& context, const Group& group, const UlidSet& no_compact,
                      const DownsampleOutlook* outlook);

 private:
  struct Job;
  Result<MetaList> Plan(const CallContext& context, const Group& group, UlidSet no_compact);
  Result<bool> ExcludeLargest(const CallContext& context, const MetaList& plan,
                              UlidSet* no_compact);
  Result<int64_t> IndexBytes(const CallContext& context, const block::BlockMeta& meta) const;
  struct Way;
  std::vector<Way> WaysOf(const Job& job) const;
  Result<ScratchSpace::Answer> Ask(const MetaList& plan, const Way& way, uint64_t headroom,
                                   Job* job);
  Status FitToDisk(const DownsampleOutlook* outlook, Job* job);
  Status FitSmaller(uint64_t needed_bytes, uint64_t room_bytes, Job* job);
  Status OpenChunks(const CallContext& context, Job* job);
  Status Fetch(const CallContext& context, Job* job);
  Status CheckSources(const CallContext& context, Job* job);
  MergeRequest RequestOf(const Job& job) const;
  Result<MergedBlock> Merge(const CallContext& context, Job* job);
  Status MergeAndUpload(const CallContext& context, Job* job);
  Status MarkEmptied(const MergedBlock& merged, Job* job);
  Status Verify(const CallContext& context, const Job& job, MergedBlock* merged) const;
  Status Upload(const CallContext& context, Job* job, MergedBlock* merged);
  void UploadCoarser(const CallContext& context, const Job& job, MergedBlock* merged);
  void PlanCoarser(const DownsampleOutlook* outlook, Job* job) const;
  Status ExcludeAfter(const CallContext& context, const Status& too_large, Job* job);
  Status CheckNoOverlap(const Job& job, const block::BlockMeta& result) const;
  Status MarkSources(const MetaList& sources, const std::string& why);
  Status Run(const CallContext& context, const DownsampleOutlook* outlook, Job* job);

  const GroupOptions options_;
  Bucket* const bucket_;
  const Marker* const marker_;
  const CompactionMetrics* const metrics_;
  const base::Logger logger_;
  ScratchSpace space_;
};

}  // namespace thanos::compaction
