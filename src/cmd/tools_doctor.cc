// thanos tools bucket doctor: what every block waits for, and safe steps of repair.
#include "base/executor.h"
#include "base/time_text.h"
#include "cmd/compact_flags.h"
#include "cmd/tool_command.h"
#include "compaction/cleaner.h"
#include "compaction/group_compactor.h"
#include "compaction/metrics.h"
#include "tools/doctor.h"

namespace thanos::cmd {
namespace {

class BucketDoctorCommand : public ToolCommand {
 public:
  std::string name() const override { return "tools bucket doctor"; }
  std::string summary() const override {
    return "Says of every block why it is not compacted, downsampled or deleted yet, what comes "
           "next, and what should be repaired. Give it the flags of the bucket's compactor.";
  }
  void AddFlags(config::FlagSet* flags) override {
    sync_.Add(flags);
    retention_.Add(flags);
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
    THANOS_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(sync_.bucket, "bucket", process));
    tools::BucketViews views;
    bucketblocks::FetchOptions all;
    all.drop_duplicates = false;
    THANOS_ASSIGN_OR_RETURN(views.all, FetchView(context, *bucket, std::move(all), sync_.selector,
                                                 process, sync_.threads()));
    THANOS_ASSIGN_OR_RETURN(views.active, sync_.Fetch(context, *bucket, process));
    const tools::BucketDiagnosis diagnosis =
        tools::Diagnose(views, {.now_ms = base::NowMs(),
                                .delete_delay_ms = sync_.delete_delay_ms(),
                                .consistency_delay_ms = sync_.consistency_delay_ms(),
                                .retention = retention_.Get(),
                                .wait_for_downsampled = !no_downsampling_ && !retention_forced_,
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
    base::Executor io("cleanup", sync_.threads());
    const compaction::Cleaner cleaner(&bucket, sync_.delete_delay_ms(), &io, process.logger,
                                      &metrics);
    std::vector<base::Ulid> deleted;
    const Status marked = cleaner.DeleteMarked(context, view, &deleted);
    const Status partial = cleaner.DeletePartial(context, view);
    process.logger.Info("repair done", {{"deleted", deleted.size()}});
    return marked.ok() ? partial : marked;
  }

  SyncFlags sync_;
  RetentionFlags retention_;
  std::string output_;
  bool vertical_ = false, no_downsampling_ = false, retention_forced_ = false, dry_run_ = true;
};

}  // namespace

std::unique_ptr<Command> MakeBucketDoctorCommand() {
  return std::make_unique<BucketDoctorCommand>();
}

}  // namespace thanos::cmd
