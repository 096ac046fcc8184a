// `tools bucket verify`: looking for known faults of blocks, and repairing them. components/tools.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/log.h"
#include "bucketblocks/fetcher.h"
#include "metrics/registry.h"
#include "thanos/bucket.h"

namespace thanos::tools {

enum class Issue : uint8_t { kIndexKnownIssues, kOverlappedBlocks, kDuplicatedCompaction };

/// "index_known_issues", "overlapped_blocks", "duplicated_compaction".
Result<Issue> ParseIssue(std::string_view name);
std::string_view IssueName(Issue issue);
/// Overlaps are found, not repaired.
bool IsRepairable(Issue issue);

struct VerifyOptions {
  bool repair = false;
  int64_t delete_delay_ms = 0;  // 0: repaired blocks are deleted at once, else marked.
  std::string work_dir;         // For copies of blocks; made, and removed at the end.
};

struct VerifyReport {
  uint64_t found = 0;     // Faults.
  uint64_t repaired = 0;  // Of these.
};

/// One thread at a time. The buckets outlive it.
class Verifier {
 public:
  /// `backup` may be null without repair.
  Verifier(VerifyOptions options, Bucket* bucket, Bucket* backup, base::Logger logger,
           metrics::Registry* registry);

  /// Looks for one kind of fault in the blocks and tells each in the log. An error is of the
  /// bucket or the disk, not of a block.
  Status Run(const CallContext& context, Issue issue, const bucketblocks::MetaMap& metas,
             VerifyReport* report);

 private:
  Status VerifyIndexes(const CallContext& context, const bucketblocks::MetaMap& metas,
                       VerifyReport* report);
  Status CheckOneIndex(const CallContext& context, const block::BlockMeta& meta, Status* fault);
  Status RepairBlock(const CallContext& context, const block::BlockMeta& meta);
  Status VerifyOverlaps(const CallContext& context, const bucketblocks::MetaMap& metas,
                        VerifyReport* report);
  Status VerifyDuplicates(const CallContext& context, const bucketblocks::MetaMap& metas,
                          VerifyReport* report);
  Status BackUpAndDelete(const CallContext& context, const base::Ulid& ulid);

  const VerifyOptions options_;
  Bucket* const bucket_;
  Bucket* const backup_;
  const base::Logger logger_;
  metrics::Counter marked_;
};

}  // namespace thanos::tools
