// What the tools have in common: commands that work once and end, a bucket from flags.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/executor.h"
#include "bucketblocks/fetcher.h"
#include "cmd/bucket_flags.h"
#include "cmd/servers.h"
#include "thanos/bucket.h"
#include "thanos/call_context.h"

namespace thanos::cmd {

/// A command whose process ends when Run returns, with its status.
class ToolCommand : public Command {
 public:
  Result<std::unique_ptr<Role>> MakeRole(const Process& process) override;

 protected:
  /// What can be told of the flags before anything is done.
  virtual Status Check() { return OkStatus(); }
  /// On a thread of its own; `context` is cancelled when a signal comes.
  virtual Status Run(const CallContext& context, const Process& process) = 0;
};

/// A role that does the same again and again, beside an HTTP server of its own.
class LoopRole : public Role {
 public:
  Status Start() override;
  void Stop() override;

 protected:
  LoopRole(const Process& process, const std::string& component, const HttpFlags& http,
           std::chrono::nanoseconds interval)
      : process_(process),
        servers_(process, component, http, {}),
        component_(component),
        interval_(std::max(interval, std::chrono::nanoseconds(1))) {}
  /// At once and then after each interval, on one thread of its own.
  virtual void Turn() = 0;

  const Process& process_;
  Servers servers_;
  const CallContext context_ = CallContext().WithCancel();  // Cancelled by Stop.

 private:
  const std::string component_;
  const std::chrono::nanoseconds interval_;
  std::unique_ptr<base::PeriodicTask> loop_;
};

/// Requests for metas at the same time, where no flag says.
inline constexpr size_t kMetaThreads = 32;

/// One view of the bucket, for who changes it: whole, or an error. `options` are completed with
/// the selector; metas are asked for `threads` at a time.
Result<bucketblocks::FetchResult> FetchView(const CallContext& context, Bucket& bucket,
                                            bucketblocks::FetchOptions options,
                                            const std::string& selector, const Process& process,
                                            size_t threads = kMetaThreads);

/// What the tools that do a compactor's work see of a bucket: the blocks a compactor would see.
struct SyncFlags {
  BucketFlags bucket;
  std::string selector;
  int64_t delete_delay_ns = 0, consistency_delay_ns = 0, concurrency = 0;

  void Add(config::FlagSet* flags);
  size_t threads() const;
  int64_t delete_delay_ms() const { return delete_delay_ns / 1'000'000; }
  int64_t consistency_delay_ms() const { return consistency_delay_ns / 1'000'000; }
  Result<bucketblocks::FetchResult> Fetch(const CallContext& context, Bucket& bucket,
                                          const Process& process) const;
};

/// The values of --id.
Result<std::vector<base::Ulid>> ParseIds(const std::vector<std::string>& texts);

/// Writes all of it, or says why not.
Status PrintOut(std::string_view text);

std::unique_ptr<Command> MakeRulesCheckCommand();
std::unique_ptr<Command> MakeBucketLsCommand();
std::unique_ptr<Command> MakeBucketInspectCommand();
std::unique_ptr<Command> MakeBucketMarkCommand();
std::unique_ptr<Command> MakeBucketUploadCommand();
std::unique_ptr<Command> MakeBucketCleanupCommand();
std::unique_ptr<Command> MakeBucketRetentionCommand();
std::unique_ptr<Command> MakeBucketWebCommand();
std::unique_ptr<Command> MakeBucketDownsampleCommand();
std::unique_ptr<Command> MakeBucketReplicateCommand();
std::unique_ptr<Command> MakeBucketRewriteCommand();
std::unique_ptr<Command> MakeBucketVerifyCommand();
std::unique_ptr<Command> MakeBucketDoctorCommand();

}  // namespace thanos::cmd
