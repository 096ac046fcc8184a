// thanos tools bucket web: shows the blocks of a bucket, and marks them.
#include <algorithm>
#include <memory>

#include "api/status_api.h"
#include "base/executor.h"
#include "bucketblocks/marks.h"
#include "cmd/block_viewer.h"
#include "cmd/servers.h"
#include "cmd/tool_command.h"
#include "ui/ui.h"

namespace thanos::cmd {
namespace {

constexpr std::chrono::minutes kRetryInterval{1};
constexpr int64_t kMinuteNs = 60'000'000'000;

struct BucketWebFlags {
  HttpFlags http;
  BucketFlags bucket;
  WebFlags web;
  std::string label, selector;
  bool admin_disabled = false;
  int64_t refresh_ns = 0, timeout_ns = 0;
  TimeRangeFlags time_range;
};

bucketblocks::FetchOptions FetchOptionsOf(const BucketWebFlags& flags, relabel::Rules selector) {
  bucketblocks::FetchOptions options{.selector = std::move(selector),
                                     .metric_prefix = "thanos_bucket_"};
  flags.time_range.Limit(&options);
  return options;
}

class WebRole : public LoopRole {
 public:
  WebRole(const BucketWebFlags& flags, const Process& process, std::unique_ptr<Bucket> bucket,
          relabel::Rules selector)
      : LoopRole(process, "bucket", flags.http,
                 std::min(std::chrono::nanoseconds(flags.refresh_ns),
                          std::chrono::nanoseconds(kRetryInterval))),
        flags_(flags),
        bucket_(std::move(bucket)),
        io_("meta", kMetaThreads),
        view_(bucket_.get(), FetchOptionsOf(flags, std::move(selector)), &io_, process.logger,
              process.registry) {
    const std::string prefix = flags.web.ServedAt();
    routes_ = std::make_unique<api::ApiRoutes>(&servers_.http(), prefix, !flags.web.cors_disabled);
    api::AddStatusApi(routes_.get(), process.flag_values);
    api::AddBlocksApi(routes_.get(), flags.label, nullptr, [this] { return view_.Show(); });
    api::BlockMarkFunction mark;
    if (!flags.admin_disabled) {
      mark = [this](const CallContext& context, const api::BlockMarkRequest& request) {
        return Mark(context, request);
      };
    }
    api::AddBlockMarkApi(routes_.get(), std::move(mark));
    ui::UiOptions options{
        .prefix = PrefixOf(flags.web), .home = "/blocks", .logger = process.logger};
    options.config.component = "bucket";
    options.config.admin_operations = !flags.admin_disabled;
    ui::AddUi(&servers_.http(), std::move(options));
  }

 private:
  // After a failure at the next turn of the loop, else when --refresh says.
  void Turn() override {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_refresh_) return;
    const Status status =
        view_.Refresh(context_.WithTimeout(std::chrono::nanoseconds(flags_.timeout_ns)));
    if (!status.ok()) {
      process_.logger.Warn("refreshing the view of the bucket failed", {{"err", status}});
      return;
    }
    next_refresh_ = now + std::chrono::nanoseconds(flags_.refresh_ns);
  }

  Status Mark(const CallContext& context, const api::BlockMarkRequest& request) {
    THANOS_ASSIGN_OR_RETURN(const base::Ulid ulid, BlockToMark(context, *bucket_, request.id));
    const bucketblocks::Mark mark = MarkFor(request, ulid);
    auto written = bucketblocks::PutMark(context, *bucket_, mark);
    if (!written.ok()) return written.status();
    view_.AddMark(mark);
    process_.logger.Info(*written ? "block has been marked" : "block had a mark, which stays",
                         {{"block", request.id},
                          {"marker", bucketblocks::MarkFile(mark.kind)},
                          {"details", request.detail}});
    return OkStatus();
  }

  const BucketWebFlags& flags_;
  std::unique_ptr<Bucket> bucket_;
  base::Executor io_;
  BucketView view_;
  std::unique_ptr<api::ApiRoutes> routes_;
  std::chrono::steady_clock::time_point next_refresh_;  // Of the loop.
};

class BucketWebCommand : public Command {
 public:
  std::string name() const override { return "tools bucket web"; }
  std::string summary() const override { return "Web interface for remote storage bucket."; }
  void AddFlags(config::FlagSet* flags) override {
    AddHttpFlags(flags, &flags_.http);
    AddBucketFlags(flags, &flags_.bucket);
    AddRoutePrefixFlag(flags, &flags_.web);
    AddWebFlags(flags, &flags_.web);
    flags->GoDuration("refresh", "Refresh interval to download metadata from remote storage.",
                      "30m", &flags_.refresh_ns);
    flags->GoDuration("timeout", "Timeout to download metadata from remote storage.", "5m",
                      &flags_.timeout_ns);
    flags->String("label", "External block label to use as group title.", "", &flags_.label);
    flags->Bool(
        "disable-admin-operations",
        "Disable UI/API admin operations like marking blocks for deletion and no compaction.",
        false, &flags_.admin_disabled);
    flags_.time_range.Add(flags, "show blocks");
    AddSelectorFlag(flags, &flags_.selector);
  }
  Result<std::unique_ptr<Role>> MakeRole(const Process& process) override {
    const auto warn = [&](bool when, const char* what) {
      if (when) process.logger.Warn(what);
    };
    warn(flags_.refresh_ns < 5 * kMinuteNs,
         "Refreshing metadata more often than every 5m costs many requests");
    warn(flags_.timeout_ns < kMinuteNs, "Timeout less than 1m could lead to frequent failures");
    warn(flags_.refresh_ns < 2 * flags_.timeout_ns,
         "Refresh interval should be at least 2 times the timeout");
    THANOS_ASSIGN_OR_RETURN(auto selector, ParseSelector(flags_.selector));
    THANOS_ASSIGN_OR_RETURN(auto bucket, OpenBucket(flags_.bucket, "bucket", process));
    return std::unique_ptr<Role>(
        std::make_unique<WebRole>(flags_, process, std::move(bucket), std::move(selector)));
  }

 private:
  BucketWebFlags flags_;
};

}  // namespace

std::unique_ptr<Command> MakeBucketWebCommand() { return std::make_unique<BucketWebCommand>(); }

}  // namespace thanos::cmd
