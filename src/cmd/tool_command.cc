#include "cmd/tool_command.h"

#include <cerrno>
#include <cstdio>
#include <thread>

#include "base/executor.h"
#include "objstore/factory.h"

namespace thanos::cmd {
namespace {

constexpr size_t kMetaThreads = 32;

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

void AddBucketFlags(config::FlagSet* flags, BucketFlags* values) {
  flags->PathOrContent("objstore.config", "The object store configuration in YAML.", true, true,
                       &values->config, &values->source);
}

Result<std::unique_ptr<Bucket>> OpenBucket(const BucketFlags& values, const Process& process) {
  auto bucket = objstore::MakeBucket(values.config, process.registry, {"bucket", process.logger});
  if (!bucket.ok()) return bucket.status().WithContext(values.source);
  return bucket;
}

void AddSelectorFlag(config::FlagSet* flags, std::string* text) {
  flags->PathOrContent("selector.relabel-config",
                       "Relabelling rules in YAML that choose blocks, by their external labels "
                       "and __block_id: keep, drop and hashmod.",
                       false, true, text);
}

Result<relabel::Rules> ParseSelector(const std::string& text) {
  auto rules = relabel::Rules::Parse(text, relabel::SelectorOptions());
  if (!rules.ok()) return rules.status().WithContext("selector.relabel-config");
  return rules;
}

Result<bucketblocks::FetchResult> FetchView(const CallContext& context, Bucket& bucket,
                                            bucketblocks::FetchOptions options,
                                            const std::string& selector, const Process& process) {
  THANOS_ASSIGN_OR_RETURN(options.selector, ParseSelector(selector));
  options.for_writing = true;
  options.metric_prefix = "thanos_bucket_";
  base::Executor io("meta", kMetaThreads);
  bucketblocks::MetaFetcher fetcher(&bucket, std::move(options), &io, process.logger,
                                    process.registry);
  auto view = fetcher.Fetch(context);
  if (view.ok() && !view->incomplete.ok()) return view->incomplete;
  return view;
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
