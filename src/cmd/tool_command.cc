#include "cmd/tool_command.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <thread>

#include "base/executor.h"

namespace thanos::cmd {
namespace {

class ToolRole : public Role {
 public:
  ToolRole(const Process& process, std::function<Status(const CallContext&)> run)
      : process_(process), run_(std::move(run)) {}

  Status Start() override {
    thread_ = std::thread([this] {
      outcome_ = run_(context_);
      process_.end(outcome_);
    });
    return OkStatus();
  }
  void Stop() override {
    context_.Cancel();
    if (thread_.joinable()) thread_.join();
  }
  Status Outcome() override { return outcome_; }

 private:
  const Process& process_;
  const std::function<Status(const CallContext&)> run_;
  const CallContext context_ = CallContext().WithCancel();
  Status outcome_;  // Of the thread; read after it was joined.
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Role>> ToolCommand::MakeRole(const Process& process) {
  THANOS_RETURN_IF_ERROR(Check());
  return std::unique_ptr<Role>(std::make_unique<ToolRole>(
      process, [this, &process](const CallContext& context) { return Run(context, process); }));
}

Status LoopRole::Start() {
  THANOS_RETURN_IF_ERROR(servers_.StartHttp());
  servers_.SetReady(true);
  loop_ = std::make_unique<base::PeriodicTask>(
      component_, interval_, [this] { Turn(); }, /*run_at_once=*/true);
  return OkStatus();
}

void LoopRole::Stop() {
  context_.Cancel();
  loop_.reset();
  servers_.Stop();
}

Result<bucketblocks::FetchResult> FetchView(const CallContext& context, Bucket& bucket,
                                            bucketblocks::FetchOptions options,
                                            const std::string& selector, const Process& process,
                                            size_t threads) {
  THANOS_ASSIGN_OR_RETURN(options.selector, ParseSelector(selector));
  options.for_writing = true;
  options.metric_prefix = "thanos_bucket_";
  base::Executor io("meta", threads);
  bucketblocks::MetaFetcher fetcher(&bucket, std::move(options), &io, process.logger,
                                    process.registry);
  auto view = fetcher.Fetch(context);
  if (view.ok() && !view->incomplete.ok()) return view->incomplete;
  return view;
}

void SyncFlags::Add(config::FlagSet* flags) {
  AddBucketFlags(flags, &bucket);
  flags->GoDuration("delete-delay",
                    "Time before a block marked for deletion is deleted from bucket.", "48h",
                    &delete_delay_ns);
  flags->GoDuration("consistency-delay",
                    "Minimum age of fresh (non-compacted) blocks before they are processed.", "30m",
                    &consistency_delay_ns);
  flags->Int("block-sync-concurrency", "Number of requests to the bucket at the same time.", 20,
             &concurrency);
  AddSelectorFlag(flags, &selector);
}

size_t SyncFlags::threads() const { return static_cast<size_t>(std::max<int64_t>(concurrency, 1)); }

Result<bucketblocks::FetchResult> SyncFlags::Fetch(const CallContext& context, Bucket& bucket,
                                                   const Process& process) const {
  bucketblocks::FetchOptions options;
  options.consistency_delay_ms = consistency_delay_ms();
  // A block marked for half of the delay is on its way out.
  options.ignore_deletion_marks_delay_ms = delete_delay_ms() / 2;
  return FetchView(context, bucket, std::move(options), selector, process, threads());
}

Result<std::vector<base::Ulid>> ParseIds(const std::vector<std::string>& texts) {
  std::vector<base::Ulid> ids;
  for (const std::string& text : texts) {
    auto ulid = base::Ulid::Parse(text);
    if (!ulid.ok()) {
      return InvalidArgumentError("--id: \"" + text + "\" is not a valid block ULID");
    }
    ids.push_back(*ulid);
  }
  return ids;
}

Status PrintOut(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return ErrnoError(errno, "write to standard output");
  }
  return OkStatus();
}

void AddToolsCommands(std::vector<std::unique_ptr<Command>>* commands) {
  commands->push_back(MakeRulesCheckCommand());
  commands->push_back(MakeBucketLsCommand());
  commands->push_back(MakeBucketInspectCommand());
  commands->push_back(MakeBucketMarkCommand());
  commands->push_back(MakeBucketUploadCommand());
  commands->push_back(MakeBucketCleanupCommand());
  commands->push_back(MakeBucketRetentionCommand());
  commands->push_back(MakeBucketWebCommand());
  commands->push_back(MakeBucketDownsampleCommand());
  commands->push_back(MakeBucketReplicateCommand());
  commands->push_back(MakeBucketRewriteCommand());
  commands->push_back(MakeBucketVerifyCommand());
  commands->push_back(MakeBucketDoctorCommand());
}

}  // namespace thanos::cmd
