// thanos tools bucket doctor: what every block waits for, and safe steps of repair.
#include "base/executor.h"
#include "base/time_text.h"
#include "cmd/tool_command.h"
#include "compaction/cleaner.h"
#include "compaction/group_compactor.h"
#include "compaction/metrics.h"
#include "tools/doctor.h"

namespace thanos::cmd {
namespace {

constexpr int64_t kNsInMs = 1'000'000;
constexpr size_t kThreads = 20;

class BucketDoctorCommand : public ToolCommand {
 public:
  std::string name() const override { return "tools bucket doctor"; }
  std::string summary() const override {
    return "Says of every block why it is not compacted, downsampled or deleted yet, what comes "
           "next, and what should be repaired. Give it the flags of the bucket's compactor.";
  }
  void AddFlags(config::FlagSet* flags) override {
    AddBucketFlags(flags, &bucket_);
    AddSelectorFlag(flags, &selector_);
    flags->GoDuration("delete-delay",
                      "Time before a block marked for deletion is deleted from bucket.", "48h",
                      &delete_delay_ns_);
    flags->GoDuration("consistency-delay",
                      "Minimum age of fresh (non-compacted) blocks before they are being "
                      "processed.",
                      "30m", &consistency_delay_ns_);
    const auto add = [&](const std::string& resolution, int64_t* target_ns) {
      flags->PromDuration(
          "retention.resolution-" + resolution,
          "How long blocks of resolution " + resolution + " are retained. 0d keeps them forever.",
          "0d", target_ns);
    };
    add("raw", &raw_ns_);
    add("5m", &five_minutes_ns_);
    add("1h", &one_hour_ns_);
    flags->Bool("compact.enable-vertical-compaction", "The compactor merges overlapping blocks.",
                false, &vertical_);
    flags->Bool("downsampling.disable", "The compactor does not downsample.", false,
                &no_downsampling_);
    flags->Bool("retention.force",
                "The compactor lets expired blocks go before they are downsampled.", false,
                &retention_forced_);
    flags->Enum("output", "Format of the diagnosis.", {"text", "json"}, "text", &output_)
        .Short('o');
    flags->Bool("dry-run", "Only tells the repair plan. --no-dry-run carries it out.", true,
                &dry_run_);
  }

 protected:
  Status Run(const CallContext& context, const Process& process) override {
    THANOS_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(bucket_, process));
    tools::BucketViews views;
    bucketblocks::FetchOptions all;
    all.drop_duplicates = false;
    THANOS_ASSIGN_OR_RETURN(views.all,
                            FetchView(context, *bucket, std::move(all), selector_, process));
    bucketblocks::FetchOptions active;
    active.consistency_delay_ms = consistency_delay_ns_ / kNsInMs;
    active.ignore_deletion_marks_delay_ms = delete_delay_ns_ / kNsInMs / 2;
    THANOS_ASSIGN_OR_RETURN(views.active,
                            FetchView(context, *bucket, std::move(active), selector_, process));
    const tools::BucketDiagnosis diagnosis = tools::Diagnose(
        views,
        {.now_ms = base::NowMs(),
         .delete_delay_ms = delete_delay_ns_ / kNsInMs,
         .consistency_delay_ms = consistency_delay_ns_ / kNsInMs,
         .retention = {raw_ns_ / kNsInMs, five_minutes_ns_ / kNsInMs, one_hour_ns_ / kNsInMs},
         .vertical = vertical_});
    THANOS_RETURN_IF_ERROR(PrintOut(output_ == "json" ? tools::DiagnosisJson(diagnosis)
                                                      : tools::DiagnosisText(diagnosis)));
    if (dry_run_) return OkStatus();
    return Repair(context, *bucket, diagnosis, views.all, process);
  }

 private:
  // The steps a compactor would take, by its own means.
  Status Repair(const CallContext& context, Bucket& bucket, const tools::BucketDiagnosis& diagnosis,
                const bucketblocks::FetchResult& view, const Process& process) {
    const compaction::CompactionMetrics metrics(process.registry);
    const compaction::Marker marker(&bucket, process.logger, &metrics);
    for (const tools::RepairStep& step : diagnosis.plan) {
      if (step.kind != tools::RepairKind::kMarkDuplicate &&
          step.kind != tools::RepairKind::kMarkExpired) {
        continue;
      }
      THANOS_RETURN_IF_ERROR(context.Check());
      THANOS_RETURN_IF_ERROR(
          marker.Put(bucketblocks::MarkKind::kDeletion, step.ulid, "", step.details));
    }
    base::Executor io("cleanup", kThreads);
    const compaction::Cleaner cleaner(&bucket, delete_delay_ns_ / kNsInMs, &io, process.logger,
                                      &metrics);
    std::vector<base::Ulid> deleted;
    const Status marked = cleaner.DeleteMarked(context, view, &deleted);
    const Status partial = cleaner.DeletePartial(context, view);
    process.logger.Info("repair done", {{"deleted", deleted.size()}});
    return marked.ok() ? partial : marked;
  }

  BucketFlags bucket_;
  std::string selector_, output_;
  int64_t delete_delay_ns_ = 0, consistency_delay_ns_ = 0;
  int64_t raw_ns_ = 0, five_minutes_ns_ = 0, one_hour_ns_ = 0;
  bool vertical_ = false, no_downsampling_ = false, retention_forced_ = false, dry_run_ = true;
};

}  // namespace

std::unique_ptr<Command> MakeBucketDoctorCommand() {
  return std::make_unique<BucketDoctorCommand>();
}

}  // namespace thanos::cmd
