// thanos compact: makes larger blocks of small ones, downsamples, lets expired ones go.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/json_text.h"
#include "base/time_text.h"
#include "bucketblocks/fetcher.h"
#include "cmd/block_viewer.h"
#include "cmd/compact_flags.h"
#include "compaction/compactor.h"
#include "ui/ui.h"

namespace thanos::cmd {
namespace {

using bucketblocks::MetaFetcher;

bucketblocks::FetchOptions FetchOptionsOf(const CompactFlags& flags, relabel::Rules selector) {
  bucketblocks::FetchOptions options;
  options.cache_dir = flags.data_dir;
  options.consistency_delay_ms = flags.consistency_delay_ns / 1'000'000;
  // A block marked for half of the delay is on its way out.
  options.ignore_deletion_marks_delay_ms = flags.delete_delay_ns / 1'000'000 / 2;
  flags.time_range.Limit(&options);
  options.selector = std::move(selector);
  options.labels_hidden_from_selector = flags.replica_labels;
  options.replica_labels = flags.SplitReplicaLabels();
  options.for_writing = true;
  return options;
}

class CompactRole : public Role {
 public:
  CompactRole(const CompactFlags& flags, const Process& process, std::unique_ptr<Bucket> bucket,
              relabel::Rules selector)
      : flags_(flags),
        process_(process),
        bucket_(std::move(bucket)),
        servers_(process, "compact", flags.http, GrpcFlags()),
        io_("meta", flags.meta_fetch.threads()),
        fetcher_(bucket_.get(), FetchOptionsOf(flags, std::move(selector)), &io_, process.logger,
                 process.registry),
        compactor_(flags.Options(), bucket_.get(), &fetcher_, &io_, process.logger,
                   process.registry),
        context_(CallContext().WithBudget(servers_.budgets().Show(
            Budget::Make("merging series", flags.memory_budget, "compact.memory-budget")))) {
    process.registry->AddGauge("thanos_delete_delay_seconds", "Configured delete delay in seconds.")
        .Set(static_cast<double>(flags.delete_delay_ns) / 1e9);
    if (flags.wait && !flags.web_disabled) AddWeb();
  }

  Status Start() override {
    std::error_code error;
    std::filesystem::create_directories(flags_.data_dir + "/compact", error);
    if (error) return ErrnoError(error.value(), "create " + flags_.data_dir + "/compact");
    THANOS_RETURN_IF_ERROR(servers_.StartHttp());
    servers_.SetReady(true);
    if (!flags_.wait) {
      once_ = std::thread([this] { process_.end(compactor_.RunIteration(context_).status); });
      return OkStatus();
    }
    StartLoops();
    return OkStatus();
  }

  void Stop() override {
    context_.Cancel();
    if (once_.joinable()) once_.join();
    loop_.reset();
    reminder_.reset();
    cleanup_.reset();
    progress_.reset();
    viewer_.reset();
    servers_.Stop();
  }

 private:
  std::unique_ptr<base::PeriodicTask> Every(const char* name, int64_t interval_ns,
                                            std::function<void()> body, bool at_once) {
    if (interval_ns <= 0) return nullptr;
    return std::make_unique<base::PeriodicTask>(name, std::chrono::nanoseconds(interval_ns),
                                                std::move(body), at_once);
  }

  void StartLoops() {
    loop_ = Every("compact", flags_.wait_interval_ns, [this] { Iterate(); }, true);
    reminder_ = Every("reminder", 60'000'000'000, [this] { RemindOfHalt(); }, false);
    const auto warn = [this](const char* what, const Status& status) {
      if (!status.ok()) process_.logger.Warn(what, {{"err", status}});
    };
    cleanup_ = Every(
        "cleanup", flags_.cleanup_interval_ns,
        [this, warn] { warn("cleaning failed", compactor_.Clean(context_)); }, false);
    progress_ = Every(
        "progress", flags_.progress_interval_ns,
        [this, warn] { warn("progress is not known", compactor_.UpdateProgress(context_)); }, true);
    if (bucket_view_) {
      viewer_ = Every("viewer", flags_.viewer_interval_ns, [this] { LookAtBucket(); }, true);
    }
  }

  void Iterate() {
    const compaction::IterationResult result = compactor_.RunIteration(context_);
    if (!context_.Check().ok()) return;
    servers_.SetReady(!result.halted && result.failed_groups == 0);
    if (result.status.ok()) {
      compactor_.metrics().iterations.Add();
      return;
    }
    if (!result.halted) {
      process_.logger.Error("retriable error", {{"err", result.status}});
      compactor_.metrics().retries.Add();
      return;
    }
    if (!flags_.halt_on_error) {
      process_.end(result.status);
      return;
    }
    process_.logger.Error("critical error detected; halting what it concerns",
                          {{"err", result.status}});
  }

  void RemindOfHalt() {
    for (const compaction::FailedGroup& group : compactor_.failed_groups()) {
      if (!group.halted) continue;
      process_.logger.Error("group is halted", {{"group", group.key},
                                                {"labels", group.labels},
                                                {"since", base::FormatRfc3339Ms(group.since_ms)},
                                                {"err", group.reason}});
    }
  }

  // What failed is what the view tells.
  void LookAtBucket() {
    (void)bucket_view_->Refresh(context_.WithTimeout(
        std::chrono::nanoseconds(std::max<int64_t>(flags_.viewer_timeout_ns, 1))));
  }

  void AddWeb() {
    bucketblocks::FetchOptions options;
    options.metric_prefix = "thanos_bucket_ui";
    bucket_view_ = std::make_unique<BucketView>(bucket_.get(), std::move(options), &io_,
                                                process_.logger, process_.registry);
    routes_ = std::make_unique<api::ApiRoutes>(&servers_.http(), "", !flags_.web.cors_disabled);
    api::AddStatusApi(routes_.get(), process_.flag_values);
    api::AddBlocksApi(
        routes_.get(), flags_.web_label, [this] { return LoadedView(); },
        [this] { return bucket_view_->Show(); });
    api::BlockMarkFunction mark;
    if (!flags_.admin_disabled) {
      mark = [this](const CallContext& context, const api::BlockMarkRequest& request) {
        return MarkBlock(context, request);
      };
    }
    api::AddBlockMarkApi(routes_.get(), std::move(mark));
    routes_->Handle({"GET"}, "/compact/halted", "compact_halted",
                    [this](const CallContext&, const net::HttpRequest&) {
                      return api::Success(FailedGroupsJson(), {});
                    });
    // The pages are at the root: an external prefix is what links begin with.
    ui::UiOptions ui{.prefix = {.external = NormalisePrefix(flags_.web.external_prefix),
                                .header = flags_.web.prefix_header},
                     .home = "/loaded",
                     .logger = process_.logger};
    ui.config.component = "compact";
    ui.config.admin_operations = !flags_.admin_disabled;
    ui::AddUi(&servers_.http(), std::move(ui));
  }

  api::BlocksView LoadedView() {
    const auto view = compactor_.view();
    return ShowBlocks(view ? view->blocks : bucketblocks::FetchResult(),
                      bucket_view_->fresh_marks(), view ? view->synced_ms : 0,
                      compactor_.sync_error());
  }

  std::string FailedGroupsJson() {
    std::string out = "{\"groups\":[";
    const auto text = [&](const char* name, std::string_view value) {
      out += std::string(",\"") + name + "\":";
      base::AppendJsonString(value, &out, true);
    };
    bool first = true;
    for (const compaction::FailedGroup& group : compactor_.failed_groups()) {
      out += first ? "{" : ",{";
      first = false;
      out += std::string("\"halted\":") + (group.halted ? "true" : "false");
      text("key", group.key);
      text("labels", group.labels);
      out += ",\"resolution\":" + std::to_string(group.resolution_ms);
      text("reason", group.reason);
      text("since", base::FormatRfc3339Ms(group.since_ms));
      text("nextTry", base::FormatRfc3339Ms(group.next_try_ms));
      out += ",\"failures\":" + std::to_string(group.failures) + ",\"blocks\":[";
      for (size_t i = 0; i < group.blocks.size(); ++i) {
        if (i > 0) out += ',';
        base::AppendJsonString(group.blocks[i], &out, true);
      }
      out += "]}";
    }
    return out + "]}";
  }

  Status MarkBlock(const CallContext& context, const api::BlockMarkRequest& request) {
    THANOS_ASSIGN_OR_RETURN(const base::Ulid ulid, BlockToMark(context, *bucket_, request.id));
    const bucketblocks::Mark mark = MarkFor(request, ulid);
    THANOS_RETURN_IF_ERROR(compactor_.marker().Put(mark.kind, ulid, mark.reason, mark.details));
    bucket_view_->AddMark(mark);
    return OkStatus();
  }

  const CompactFlags& flags_;
  const Process& process_;
  std::unique_ptr<Bucket> bucket_;
  Servers servers_;
  base::Executor io_;
  MetaFetcher fetcher_;
  compaction::Compactor compactor_;
  CallContext context_;                      // Of all work; cancelled by Stop.
  std::unique_ptr<BucketView> bucket_view_;  // Null without the viewer.
  std::unique_ptr<api::ApiRoutes> routes_;
  std::thread once_;
  std::unique_ptr<base::PeriodicTask> loop_, reminder_, cleanup_, progress_, viewer_;
};

class CompactCommand : public Command {
 public:
  std::string name() const override { return "compact"; }
  std::string summary() const override {
    return "Continuously compacts blocks in an object store bucket.";
  }
  void AddFlags(config::FlagSet* flags) override { AddCompactFlags(flags, &flags_); }
  Result<std::unique_ptr<Role>> MakeRole(const Process& process) override {
    THANOS_RETURN_IF_ERROR(CheckCompactFlags(flags_));
    THANOS_ASSIGN_OR_RETURN(auto bucket, OpenBucket(flags_.bucket, "compact", process));
    THANOS_ASSIGN_OR_RETURN(auto selector, ParseSelector(flags_.selector_config));
    return std::unique_ptr<Role>(
        std::make_unique<CompactRole>(flags_, process, std::move(bucket), std::move(selector)));
  }

 private:
  CompactFlags flags_;
};

}  // namespace

std::unique_ptr<Command> MakeCompactCommand() { return std::make_unique<CompactCommand>(); }

}  // namespace thanos::cmd
