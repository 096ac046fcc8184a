// thanos tools bucket cleanup, retention: parts of a compactor's iteration, once.
#include "base/executor.h"
#include "base/time_text.h"
#include "cmd/tool_command.h"
#include "compaction/cleaner.h"
#include "compaction/group_compactor.h"
#include "compaction/metrics.h"
#include "compaction/retention.h"

namespace thanos::cmd {
namespace {

constexpr int64_t kNsInMs = 1'000'000;

// What both sync by.
struct SyncFlags {
  BucketFlags bucket;
  std::string selector;
  int64_t delete_delay_ns = 0, consistency_delay_ns = 0, concurrency = 0;

  void Add(config::FlagSet* flags) {
    AddBucketFlags(flags, &bucket);
    flags->GoDuration("delete-delay",
                      "Time before a block marked for deletion is deleted from bucket.", "48h",
                      &delete_delay_ns);
    flags->GoDuration(
        "consistency-delay",
        "Minimum age of fresh (non-compacted) blocks before they are being processed.", "30m",
        &consistency_delay_ns);
    flags->Int("block-sync-concurrency", "Number of requests for block metadata at the same time.",
               20, &concurrency);
    AddSelectorFlag(flags, &selector);
  }
  size_t threads() const { return static_cast<size_t>(std::max<int64_t>(concurrency, 1)); }
  bucketblocks::FetchOptions FetchOptions() const {
    bucketblocks::FetchOptions options;
    options.consistency_delay_ms = consistency_delay_ns / kNsInMs;
    options.ignore_deletion_marks_delay_ms = delete_delay_ns / kNsInMs / 2;
    return options;
  }
};

class BucketCleanupCommand : public ToolCommand {
 public:
  std::string name() const override { return "tools bucket cleanup"; }
  std::string summary() const override {
    return "Cleans up all blocks marked for deletion, and uploads that were given up.";
  }
  void AddFlags(config::FlagSet* flags) override { sync_.Add(flags); }

 protected:
  Status Run(const CallContext& context, const Process& process) override {
    THANOS_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(sync_.bucket, process));
    THANOS_ASSIGN_OR_RETURN(const auto view, FetchView(context, *bucket, sync_.FetchOptions(),
                                                       sync_.selector, process));
    const compaction::CompactionMetrics metrics(process.registry);
    base::Executor io("cleanup", sync_.threads());
    const compaction::Cleaner cleaner(bucket.get(), sync_.delete_delay_ns / kNsInMs, &io,
                                      process.logger, &metrics);
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
    const auto add = [&](const std::string& resolution, int64_t* target_ns) {
      flags->PromDuration("retention.resolution-" + resolution,
                          "How long to retain blocks of resolution " + resolution +
                              ". Setting this to 0d keeps them forever.",
                          "0d", target_ns);
    };
    add("raw", &raw_ns_);
    add("5m", &five_minutes_ns_);
    add("1h", &one_hour_ns_);
  }

 protected:
  Status Run(const CallContext& context, const Process& process) override {
    THANOS_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(sync_.bucket, process));
    THANOS_ASSIGN_OR_RETURN(const auto view, FetchView(context, *bucket, sync_.FetchOptions(),
                                                       sync_.selector, process));
    const compaction::CompactionMetrics metrics(process.registry);
    const compaction::Marker marker(bucket.get(), process.logger, &metrics);
    const compaction::Retention retention{raw_ns_ / kNsInMs, five_minutes_ns_ / kNsInMs,
                                          one_hour_ns_ / kNsInMs};
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
  int64_t raw_ns_ = 0, five_minutes_ns_ = 0, one_hour_ns_ = 0;
};

}  // namespace

std::unique_ptr<Command> MakeBucketCleanupCommand() {
  return std::make_unique<BucketCleanupCommand>();
}
std::unique_ptr<Command> MakeBucketRetentionCommand() {
  return std::make_unique<BucketRetentionCommand>();
}

}  // namespace thanos::cmd
