// What the tools have in common: commands that work once and end, a bucket from flags.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "bucketblocks/fetcher.h"
#include "cmd/role.h"
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

struct BucketFlags {
  std::string config, source;
};
/// --objstore.config, required.
void AddBucketFlags(config::FlagSet* flags, BucketFlags* values);
Result<std::unique_ptr<Bucket>> OpenBucket(const BucketFlags& values, const Process& process);

/// --selector.relabel-config.
void AddSelectorFlag(config::FlagSet* flags, std::string* text);

/// One view of the bucket, for who changes it: whole, or an error. `options` are completed with
/// the selector.
Result<bucketblocks::FetchResult> FetchView(const CallContext& context, Bucket& bucket,
                                            bucketblocks::FetchOptions options,
                                            const std::string& selector, const Process& process);

/// Writes all of it, or says why not.
Status PrintOut(std::string_view text);

/// A selector's rules, an error names the flag.
Result<relabel::Rules> ParseSelector(const std::string& text);

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
