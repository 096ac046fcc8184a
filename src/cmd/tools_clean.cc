// thanos tools bucket cleanup, retention: parts of a compactor's iteration, once.
#include "base/executor.h"
#include "base/time_text.h"
#include "cmd/compact_flags.h"
#include "cmd/tool_command.h"
#include "compaction/cleaner.h"
#include "compaction/group_compactor.h"
#include "compaction/metrics.h"
#include "compaction/retention.h"

namespace thanos::cmd {
namespace {

class BucketCleanupCommand : public ToolCommand {
 public:
  std::string name() const override { return "tools bucket cleanup"; }
  std::string summary() const override {
    return "Cleans up all blocks marked for deletion, and uploads that were given up.";
  }
  void AddFlags(config::FlagSet* flags) override { sync_.Add(flags); }

 protected:
  Status Run(const CallContext& context, const Process& process) override {
    THANOS_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(sync_.bucket, "bucket", process));
    THANOS_ASSIGN_OR_RETURN(const auto view, sync_.Fetch(context, *bucket, process));
    const compaction::CompactionMetrics metrics(process.registry);
    base::Executor io("cleanup", sync_.threads());
    const compaction::Cleaner cleaner(bucket.get(), sync_.delete_delay_ms(), &io, process.logger,
                                      &metrics);
    const Status partial = cleaner.DeletePartial(context, view);
    std::vector<base::Ulid> deleted;
    const Status marked = cleaner.DeleteMarked(context, view, &deleted);
    process.logger.Info("cleanup done", {{"deleted", deleted.size()}});
    return partial.ok() ? marked : partial;
  }

 private:
  SyncFlags sync_;
};

class BucketRetentionCommand : public ToolCommand {
 public:
  std::string name() const override { return "tools bucket retention"; }
  std::string summary() const override {
    return "Retention applies retention policies on the given bucket: it marks blocks, once.";
  }
  void AddFlags(config::FlagSet* flags) override {
    sync_.Add(flags);
    retention_.Add(flags);
  }

 protected:
  Status Run(const CallContext& context, const Process& process) override {
    THANOS_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(sync_.bucket, "bucket", process));
    THANOS_ASSIGN_OR_RETURN(const auto view, sync_.Fetch(context, *bucket, process));
    const compaction::CompactionMetrics metrics(process.registry);
    const compaction::Marker marker(bucket.get(), process.logger, &metrics);
    const compaction::Retention retention = retention_.Get();
    const auto found = compaction::FindExpired(view.metas, retention, base::NowMs(), false, {});
    for (const auto& meta : found.expired) {
      THANOS_RETURN_IF_ERROR(context.Check());
      if (view.deletion_marks.contains(meta->ulid)) continue;
      THANOS_RETURN_IF_ERROR(
          marker.Put(bucketblocks::MarkKind::kDeletion, meta->ulid, "",
                     compaction::RetentionReason(retention.Of(meta->thanos.resolution_ms))));
    }
    process.logger.Info("retention applied", {{"expired", found.expired.size()}});
    return OkStatus();
  }

 private:
  SyncFlags sync_;
  RetentionFlags retention_;
};

}  // namespace

std::unique_ptr<Command> MakeBucketCleanupCommand() {
  return std::make_unique<BucketCleanupCommand>();
}
std::unique_ptr<Command> MakeBucketRetentionCommand() {
  return std::make_unique<BucketRetentionCommand>();
}

}  // namespace thanos::cmd
