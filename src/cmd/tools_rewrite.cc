// thanos tools bucket rewrite: deletes and relabels series of blocks.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/time_text.h"
#include "block/block.h"
#include "bucketblocks/marks.h"
#include "bucketblocks/transfer.h"
#include "cmd/tool_command.h"
#include "compaction/block_merge.h"
#include "tools/block_rewrite.h"
#include "tools/rewrite_config.h"

namespace fs = std::filesystem;

namespace thanos::cmd {
namespace {

constexpr std::string_view kChangeLog = "change.log";

// What the rules do to series, told in a log.
class Editor {
 public:
  Editor(const tools::RewriteRules* rules, std::ofstream* log) : rules_(rules), log_(log) {}

  Result<tools::SeriesChange> Edit(LabelsView labels) {
    tools::SeriesChange change;
    change.labels = Labels(labels);
    if (!rules_->relabel.empty()) {
      auto relabelled = rules_->relabel.Apply(labels);
      if (!relabelled) return Dropped(labels);
      if (log_->is_open() && relabelled->view() != labels) {
        *log_ << "Relabelled " << labels.ToString() << " " << relabelled->ToString() << "\n";
      }
      change.labels = *std::move(relabelled);
    }
    for (const tools::Deletion& deletion : rules_->deletions) {
      if (!model::AllMatch(deletion.matchers, change.labels)) continue;
      if (deletion.intervals.empty()) return Dropped(change.labels);
      for (const block::Interval& interval : deletion.intervals) {
        block::AddInterval(interval, &change.deleted);
      }
    }
    if (!change.deleted.empty()) Log(change.labels, change.deleted);
    return change;
  }

 private:
  tools::SeriesChange Dropped(LabelsView labels) {
    Log(labels, {});
    return {.dropped = true, .labels = {}, .deleted = {}};
  }
  void Log(LabelsView labels, const std::vector<block::Interval>& intervals) {
    if (!log_->is_open()) return;
    *log_ << "Deleted " << labels.ToString() << " [";
    for (size_t i = 0; i < intervals.size(); ++i) {
      *log_ << (i > 0 ? " {" : "{") << intervals[i].min_ms << " " << intervals[i].max_ms << "}";
    }
    *log_ << "]\n";
  }
  const tools::RewriteRules* const rules_;
  std::ofstream* const log_;
};

class BucketRewriteCommand : public ToolCommand {
 public:
  std::string name() const override { return "tools bucket rewrite"; }
  std::string summary() const override {
    return "Rewrite chosen blocks in the bucket, while deleting or modifying series.";
  }
  void AddFlags(config::FlagSet* flags) override {
    AddBucketFlags(flags, &bucket_);
    flags->Strings("id", "ID (ULID) of the blocks for rewrite.", &ids_).Required();
    flags->String("tmp.dir", "Working directory for temporary files; removed and made at start.",
                  fs::temp_directory_path().string() + "/thanos-rewrite", &work_dir_);
    flags->Bool("dry-run", "Prints the series changes instead of doing them.", true, &dry_run_);
    flags->Bool("prom-blocks",
                "If specified, we assume the blocks to be uploaded are only used "
                "with Prometheus so we don't check external labels.",
                false, &prom_blocks_);
    flags->Bool("delete-blocks",
                "Whether to delete the original blocks after rewriting blocks "
                "successfully: they get a deletion mark.",
                false, &delete_blocks_);
    flags->Enum("hash-func", "Which hash of each file goes into meta.json; empty is none.",
                {"SHA256", ""}, "", &hash_function_);
    flags->PathOrContent("rewrite.to-delete-config",
                         "YAML file that contains []metadata.DeletionRequest that will be applied "
                         "to blocks.",
                         false, true, &deletions_yaml_, &deletions_source_);
    flags->PathOrContent("rewrite.to-relabel-config",
                         "YAML file that contains relabel configs that will be applied to blocks.",
                         false, true, &rules_.relabel_yaml, &relabel_source_);
    flags->MemoryBudget("rewrite.memory-budget",
                        "Memory that the series of a block may take while it is rewritten; over it "
                        "the block fails.",
                        &memory_budget_);
    flags->Bool("rewrite.add-change-log",
                "If specified, all modifications are written to new block directory. Disable if "
                "latency is too high.",
                true, &change_log_);
  }

 protected:
  Status Check() override {
    auto relabel = relabel::Rules::Parse(rules_.relabel_yaml, {});
    if (!relabel.ok()) return relabel.status().WithContext(relabel_source_);
    rules_.relabel = std::move(*relabel);
    auto deletions = tools::ParseDeletions(deletions_yaml_);
    if (!deletions.ok()) return deletions.status().WithContext(deletions_source_);
    rules_.deletions = std::move(*deletions);
    if (rules_.relabel.empty() && rules_.deletions.empty()) {
      return InvalidArgumentError("rewrite configuration should be provided");
    }
    THANOS_ASSIGN_OR_RETURN(ulids_, ParseIds(ids_));
    return OkStatus();
  }

  Status Run(const CallContext& context, const Process& process) override {
    THANOS_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(bucket_, "bucket", process));
    std::error_code error;
    fs::remove_all(work_dir_, error);
    if (!error) fs::create_directories(work_dir_, error);
    if (error) return ErrnoError(error.value(), "make " + work_dir_);
    const CallContext limited = context.WithBudget(
        Budget::Make("rewriting series", memory_budget_, "rewrite.memory-budget"));
    for (const base::Ulid& ulid : ulids_) {
      const Status status = RewriteOne(limited, *bucket, ulid, process.logger);
      if (!status.ok()) return status.WithContext("block " + ulid.ToString());
    }
    process.logger.Info("rewrite done", {{"blocks", ulids_.size()}});
    return OkStatus();
  }

 private:
  Status RewriteOne(const CallContext& context, Bucket& bucket, const base::Ulid& ulid,
                    const base::Logger& logger) {
    const std::string directory = work_dir_ + "/" + ulid.ToString();
    THANOS_RETURN_IF_ERROR(bucketblocks::DownloadBlock(context, bucket, ulid, directory, {}));
    THANOS_ASSIGN_OR_RETURN(const auto source, block::Block::OpenDirectory(context, directory));
    const base::Ulid id = base::Ulid::Make(base::NowMs());
    block::BlockMeta meta = source->meta();
    THANOS_ASSIGN_OR_RETURN(
        meta.thanos.rewrites_json,
        tools::AppendRewrite(meta.thanos.rewrites_json, meta.compaction.sources, rules_));
    meta.compaction.sources = {id};
    meta.thanos.source = "bucket.rewrite";
    meta.thanos.files.clear();
    const std::string log_path = work_dir_ + "/" + id.ToString() + "." + std::string(kChangeLog);
    std::ofstream log;
    if (change_log_ || dry_run_) log.open(log_path);
    Editor editor(&rules_, &log);
    tools::RewriteCounts counts;
    THANOS_ASSIGN_OR_RETURN(
        meta, tools::RewriteBlock(
                  context, *source, [&](LabelsView labels) { return editor.Edit(labels); },
                  {.dry_run = dry_run_}, work_dir_, id, std::move(meta), &counts));
    if (log.is_open()) log.close();
    if (log.fail()) return InternalError("write " + log_path + " failed");
    logger.Info(dry_run_ ? "dry run finished" : "wrote new block after modifications",
                {{"source", ulid.ToString()},
                 {"new", id.ToString()},
                 {"dropped", counts.series_dropped},
                 {"relabelled", counts.series_relabelled},
                 {"cut", counts.series_cut},
                 {"merged", counts.series_merged},
                 {"changes", log_path}});
    if (dry_run_) return PrintFile(log_path);
    return Replace(context, bucket, ulid, log_path, &meta, logger);
  }

  // Checks the new block, uploads it, and marks the old one where that is asked for.
  Status Replace(const CallContext& context, Bucket& bucket, const base::Ulid& old,
                 const std::string& log_path, block::BlockMeta* meta, const base::Logger& logger) {
    const std::string directory = work_dir_ + "/" + meta->ulid.ToString();
    const Status valid = compaction::VerifyBlock(context, directory, *meta);
    if (!valid.ok()) return valid.WithContext("new block is not valid");
    if (meta->thanos.labels.empty() && !prom_blocks_) {
      return FailedPreconditionError("empty external labels are not allowed for Thanos block");
    }
    if (change_log_) {
      std::error_code error;
      fs::rename(log_path, directory + "/" + std::string(kChangeLog), error);
      if (error) return ErrnoError(error.value(), "move " + log_path);
    }
    THANOS_RETURN_IF_ERROR(bucketblocks::UploadBlock(context, bucket, directory, meta,
                                                     {.hash_files = hash_function_ == "SHA256"}));
    logger.Info("uploaded", {{"source", old.ToString()}, {"new", meta->ulid.ToString()}});
    if (!delete_blocks_) return OkStatus();
    const auto marked = bucketblocks::PutMark(
        context, bucket,
        {bucketblocks::MarkKind::kDeletion, old, base::NowMs() / 1000, "block rewritten", ""});
    return marked.status();
  }

  static Status PrintFile(const std::string& path) {
    THANOS_ASSIGN_OR_RETURN(const std::string text, config::ReadFileText(path));
    if (std::fwrite(text.data(), 1, text.size(), stderr) != text.size()) {
      return InternalError("write to standard error failed");
    }
    return OkStatus();
  }

  BucketFlags bucket_;
  std::vector<std::string> ids_;
  std::vector<base::Ulid> ulids_;
  std::string work_dir_, hash_function_, deletions_yaml_, deletions_source_, relabel_source_;
  tools::RewriteRules rules_;
  uint64_t memory_budget_ = 0;
  bool dry_run_ = true, prom_blocks_ = false, delete_blocks_ = false, change_log_ = true;
};

}  // namespace

std::unique_ptr<Command> MakeBucketRewriteCommand() {
  return std::make_unique<BucketRewriteCommand>();
}

}  // namespace thanos::cmd
