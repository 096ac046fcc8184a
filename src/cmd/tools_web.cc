// thanos tools bucket web: shows the blocks of a bucket, and marks them.
#include <algorithm>
#include <memory>
#include <mutex>

#include "api/blocks_api.h"
#include "api/landing_page.h"
#include "api/status_api.h"
#include "base/executor.h"
#include "base/time_text.h"
#include "bucketblocks/fetcher.h"
#include "bucketblocks/marks.h"
#include "cmd/servers.h"
#include "cmd/tool_command.h"
#include "tools/listing.h"

namespace thanos::cmd {
namespace {

constexpr size_t kMetaThreads = 32;
constexpr std::chrono::minutes kRetryInterval{1};
constexpr int64_t kMinuteNs = 60'000'000'000;
// A page is for people: of more blocks the API tells.
constexpr size_t kBlocksOnPageMax = 5000;

struct WebFlags {
  HttpFlags http;
  BucketFlags bucket;
  std::string route_prefix, external_prefix, prefix_header, label, selector;
  bool cors_disabled = false, admin_disabled = false;
  int64_t refresh_ns = 0, timeout_ns = 0;
  config::TimeOrDuration min_time, max_time;
};

class WebRole : public Role {
 public:
  WebRole(const WebFlags& flags, const Process& process, std::unique_ptr<Bucket> bucket,
          relabel::Rules selector)
      : flags_(flags),
        process_(process),
        bucket_(std::move(bucket)),
        servers_(process, "bucket", flags.http, {}),
        io_("meta", kMetaThreads),
        fetcher_(bucket_.get(),
                 {.min_ms = [this] { return flags_.min_time.ResolveMs(base::NowMs()); },
                  .max_ms = [this] { return flags_.max_time.ResolveMs(base::NowMs()); },
                  .selector = std::move(selector),
                  .metric_prefix = "thanos_bucket_"},
                 &io_, process.logger, process.registry) {
    const std::string prefix =
        NormalisePrefix(flags.route_prefix.empty() ? flags.external_prefix : flags.route_prefix);
    routes_ = std::make_unique<api::ApiRoutes>(&servers_.http(), prefix, !flags.cors_disabled);
    api::AddStatusApi(routes_.get(), process.flag_values);
    api::AddBlocksApi(routes_.get(), flags.label, nullptr, [this] { return Show(); });
    api::BlockMarkFunction mark;
    if (!flags.admin_disabled) {
      mark = [this](const CallContext& context, const api::BlockMarkRequest& request) {
        return Mark(context, request);
      };
    }
    api::AddBlockMarkApi(routes_.get(), std::move(mark));
    api::AddLandingPage(&servers_.http(),
                        {.role = "bucket",
                         .route_prefix = prefix,
                         .external_prefix = NormalisePrefix(flags.external_prefix),
                         .prefix_header = flags.prefix_header,
                         .page = "/blocks",
                         .links = {{"/api/v1/blocks", "Blocks as JSON"},
                                   {"/api/v1/status/flags", "Flags"},
                                   {"/metrics", "Metrics"}},
                         .text = [this] { return Table(); }});
  }

  Status Start() override {
    THANOS_RETURN_IF_ERROR(servers_.StartHttp());
    servers_.SetReady(true);
    loop_ = std::make_unique<base::PeriodicTask>(
        "refresh",
        std::min(std::chrono::nanoseconds(std::max<int64_t>(flags_.refresh_ns, 1)),
                 std::chrono::nanoseconds(kRetryInterval)),
        [this] { RefreshWhenDue(); }, /*run_at_once=*/true);
    return OkStatus();
  }

  void Stop() override {
    context_.Cancel();
    loop_.reset();
    servers_.Stop();
  }

 private:
  // After a failure at the next turn of the loop, else when --refresh says.
  void RefreshWhenDue() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_refresh_) return;
    const auto view =
        fetcher_.Fetch(context_.WithTimeout(std::chrono::nanoseconds(flags_.timeout_ns)));
    const Status status = view.ok() ? view->incomplete : view.status();
    if (!status.ok()) {
      process_.logger.Warn("refreshing the view of the bucket failed", {{"err", status}});
    }
    std::lock_guard lock(mutex_);
    error_ = std::string(status.message());
    if (!status.ok()) return;
    metas_ = view->metas;
    refreshed_ms_ = base::NowMs();
    next_refresh_ = now + std::chrono::nanoseconds(flags_.refresh_ns);
  }

  bucketblocks::MetaMap Metas() const {
    std::lock_guard lock(mutex_);
    return metas_;
  }

  api::BlocksView Show() const {
    api::BlocksView view;
    for (const auto& [ulid, meta] : Metas()) view.metas.push_back(block::WriteMeta(*meta));
    std::lock_guard lock(mutex_);
    view.refreshed_ms = refreshed_ms_;
    view.error = error_;
    return view;
  }

  std::string Table() const {
    bucketblocks::MetaMap metas = Metas();
    std::string note = std::to_string(metas.size()) + " blocks";
    if (metas.size() > kBlocksOnPageMax) {
      // The oldest ids go.
      metas.erase(
          metas.begin(),
          std::next(metas.begin(), static_cast<ptrdiff_t>(metas.size() - kBlocksOnPageMax)));
      note += ", the newest " + std::to_string(kBlocksOnPageMax) + " of which are shown";
    }
    std::string out;
    const Status status =
        tools::WriteInspection(metas, {}, {"FROM", "UNTIL"}, tools::TableFormat::kTable, &out);
    return note + "\n\n" + (status.ok() ? out : std::string(status.message()));
  }

  Status Mark(const CallContext& context, const api::BlockMarkRequest& request) {
    auto ulid = base::Ulid::Parse(request.id);
    if (!ulid.ok()) return InvalidArgumentError("ULID \"" + request.id + "\" is not valid");
    bucketblocks::Mark mark;
    mark.ulid = *ulid;
    mark.time_s = base::NowMs() / 1000;
    mark.details = request.detail;
    if (!request.deletion) {
      mark.kind = bucketblocks::MarkKind::kNoCompact;
      mark.reason = bucketblocks::kManualReason;
    }
    auto written = bucketblocks::PutMark(context, *bucket_, mark);
    if (!written.ok()) return written.status();
    process_.logger.Info(*written ? "block has been marked" : "block had a mark, which stays",
                         {{"block", request.id},
                          {"marker", bucketblocks::MarkFile(mark.kind)},
                          {"details", request.detail}});
    return OkStatus();
  }

  const WebFlags& flags_;
  const Process& process_;
  const CallContext context_ = CallContext().WithCancel();
  std::unique_ptr<Bucket> bucket_;
  Servers servers_;
  base::Executor io_;
  bucketblocks::MetaFetcher fetcher_;
  std::unique_ptr<api::ApiRoutes> routes_;
  std::chrono::steady_clock::time_point next_refresh_;  // Of the loop.
  mutable std::mutex mutex_;
  bucketblocks::MetaMap metas_;  // Guarded by mutex_.
  std::string error_;            // Guarded by mutex_.
  int64_t refreshed_ms_ = 0;     // Guarded by mutex_.
  std::unique_ptr<base::PeriodicTask> loop_;
};

class BucketWebCommand : public Command {
 public:
  std::string name() const override { return "tools bucket web"; }
  std::string summary() const override { return "Web interface for remote storage bucket."; }
  void AddFlags(config::FlagSet* flags) override {
    AddHttpFlags(flags, &flags_.http);
    AddBucketFlags(flags, &flags_.bucket);
    flags->String("web.route-prefix", "Prefix for API and UI endpoints.", "", &flags_.route_prefix);
    flags->String("web.external-prefix", "Static prefix for links and redirects.", "",
                  &flags_.external_prefix);
    flags->String("web.prefix-header",
                  "Name of HTTP request header used for dynamic prefixing of links and redirects.",
                  "", &flags_.prefix_header);
    flags->Bool("web.disable-cors", "Whether to disable CORS headers to be set by Thanos.", false,
                &flags_.cors_disabled);
    flags->GoDuration("refresh", "Refresh interval to download metadata from remote storage.",
                      "30m", &flags_.refresh_ns);
    flags->GoDuration("timeout", "Timeout to download metadata from remote storage.", "5m",
                      &flags_.timeout_ns);
    flags->String("label", "External block label to use as group title.", "", &flags_.label);
    flags->Bool(
        "disable-admin-operations",
        "Disable UI/API admin operations like marking blocks for deletion and no compaction.",
        false, &flags_.admin_disabled);
    flags->Time("min-time", "Start of time range limit to show blocks.", "0000-01-01T00:00:00Z",
                &flags_.min_time);
    flags->Time("max-time", "End of time range limit to show blocks.", "9999-12-31T23:59:59Z",
                &flags_.max_time);
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
    THANOS_ASSIGN_OR_RETURN(auto bucket, OpenBucket(flags_.bucket, process));
    return std::unique_ptr<Role>(
        std::make_unique<WebRole>(flags_, process, std::move(bucket), std::move(selector)));
  }

 private:
  WebFlags flags_;
};

}  // namespace

std::unique_ptr<Command> MakeBucketWebCommand() { return std::make_unique<BucketWebCommand>(); }

}  // namespace thanos::cmd
