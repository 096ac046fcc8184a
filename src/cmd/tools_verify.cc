// thanos tools bucket verify: faults of blocks, and their repair.
#include <filesystem>
#include <set>

#include <unistd.h>

#include "cmd/tool_command.h"
#include "tools/verify.h"

namespace thanos::cmd {
namespace {

class BucketVerifyCommand : public ToolCommand {
 public:
  std::string name() const override { return "tools bucket verify"; }
  std::string summary() const override {
    return "Verify all blocks in the bucket against specified issues. NOTE: Depending on issue "
           "this might take time and will need downloading all specified blocks to disk.";
  }
  void AddFlags(config::FlagSet* flags) override {
    AddBucketFlags(flags, &bucket_);
    flags->PathOrContent("objstore-backup.config",
                         "The object store configuration in YAML of where repaired blocks go "
                         "before they are deleted; used only with --repair.",
                         false, true, &backup_.config, &backup_.source);
    flags
        ->Bool("repair", "Attempt to repair blocks for which issues were detected.", false,
               &repair_)
        .Short('r');
    flags
        ->Strings("issues",
                  "Issues to verify (and optionally repair): index_known_issues, "
                  "overlapped_blocks, duplicated_compaction. The first two when none is given.",
                  &issue_names_)
        .Short('i');
    flags->Strings("id",
                   "Block IDs to verify (and optionally repair) only. If none is given, all "
                   "blocks are.",
                   &ids_);
    flags->MemoryBudget("verify.memory-budget",
                        "Memory that the series of a block may take while it is repaired; over it "
                        "the repair fails.",
                        &memory_budget_);
    flags->PromDuration("delete-delay",
                        "Duration after which blocks marked for deletion would be deleted "
                        "permanently from source bucket by compactor component. 0 deletes at once.",
                        "0s", &delete_delay_ns_);
  }

 protected:
  Status Check() override {
    if (issue_names_.empty()) issue_names_ = {"index_known_issues", "overlapped_blocks"};
    for (const std::string& name : issue_names_) {
      THANOS_ASSIGN_OR_RETURN(const tools::Issue issue, tools::ParseIssue(name));
      if (repair_ && !tools::IsRepairable(issue)) {
        return InvalidArgumentError("issue " + name + " cannot be repaired");
      }
      issues_.push_back(issue);
    }
    if (repair_ && backup_.config.empty()) {
      return InvalidArgumentError(
          "repair is specified, so backup client is required: "
          "--objstore-backup.config");
    }
    THANOS_ASSIGN_OR_RETURN(const auto ids, ParseIds(ids_));
    ulids_.insert(ids.begin(), ids.end());
    return OkStatus();
  }

  Status Run(const CallContext& context, const Process& process) override {
    THANOS_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(bucket_, "bucket", process));
    std::unique_ptr<Bucket> backup;
    if (repair_) {
      THANOS_ASSIGN_OR_RETURN(backup, OpenBucket(backup_, "bucket", process));
    }
    const std::string work_dir = std::filesystem::temp_directory_path().string() +
                                 "/thanos-verify-" + std::to_string(getpid());
    tools::Verifier verifier(
        {.repair = repair_, .delete_delay_ms = delete_delay_ns_ / 1'000'000, .work_dir = work_dir},
        bucket.get(), backup.get(), process.logger, process.registry);
    const CallContext limited = context.WithBudget(
        Budget::Make("repairing blocks", memory_budget_, "verify.memory-budget"));
    tools::VerifyReport report;
    Status status;
    for (const tools::Issue issue : issues_) {
      if (status.ok()) status = RunOne(limited, process, *bucket, issue, &verifier, &report);
    }
    std::error_code ignored;
    std::filesystem::remove_all(work_dir, ignored);
    THANOS_RETURN_IF_ERROR(status);
    process.logger.Info("verify done", {{"found", report.found}, {"repaired", report.repaired}});
    if (report.found == report.repaired) return OkStatus();
    return FailedPreconditionError(std::to_string(report.found - report.repaired) +
                                   " issues were found and not repaired");
  }

 private:
  // A repair changes what there is: the blocks are looked for again.
  Status RunOne(const CallContext& context, const Process& process, Bucket& bucket,
                tools::Issue issue, tools::Verifier* verifier, tools::VerifyReport* report) {
    bucketblocks::FetchOptions options;
    options.drop_duplicates = false;
    options.ignore_deletion_marks_delay_ms = 0;
    THANOS_ASSIGN_OR_RETURN(auto view, FetchView(context, bucket, std::move(options), "", process));
    if (!ulids_.empty()) {
      std::erase_if(view.metas, [&](const auto& item) { return !ulids_.contains(item.first); });
    }
    process.logger.Info("starting verify",
                        {{"verifier", tools::IssueName(issue)}, {"blocks", view.metas.size()}});
    return verifier->Run(context, issue, view.metas, report);
  }

  BucketFlags bucket_, backup_;
  bool repair_ = false;
  std::vector<std::string> issue_names_, ids_;
  std::vector<tools::Issue> issues_;
  std::set<base::Ulid> ulids_;
  int64_t delete_delay_ns_ = 0;
  uint64_t memory_budget_ = 0;
};

}  // namespace

std::unique_ptr<Command> MakeBucketVerifyCommand() {
  return std::make_unique<BucketVerifyCommand>();
}

}  // namespace thanos::cmd
