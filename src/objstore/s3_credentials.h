// Where the keys for S3 come from, and keeping them fresh.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "objstore/bucket_config.h"
#include "objstore/s3_answers.h"
#include "thanos/call_context.h"

namespace thanos::objstore {

/// One place to look. kNotFound: nothing is set up there, the next place is asked.
using CredentialSource = std::function<Result<ExpiringCredentials>(const CallContext&)>;

/// Of the process's environment.
CredentialSource EnvironmentCredentials();
/// AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials; `with_config` looks into AWS_CONFIG_FILE or
/// ~/.aws/config too. The profile is AWS_PROFILE or "default". kUnimplemented names what a profile
/// asks for and is not built.
CredentialSource FileCredentials(bool with_config);
/// AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, by way of STS. `endpoint` "" is Amazon's.
CredentialSource WebIdentityCredentials(std::string endpoint);
/// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or ..._FULL_URI.
CredentialSource ContainerCredentials(std::string endpoint);
/// The metadata service of EC2, version 2 (1 only where 2 does not answer in time).
CredentialSource InstanceCredentials(std::string endpoint);

/// Asks its sources in order and keeps what it got. Credentials that expire are fetched anew at 80
/// % of their life, in the background; until they expire the old ones hold. Thread-safe.
class S3CredentialChain {
 public:
  S3CredentialChain(std::vector<CredentialSource> sources, base::Logger logger);
  ~S3CredentialChain();

  /// kUnauthenticated when no source has any.
  Result<S3Credentials> Get(const CallContext& context);
  /// The server called these expired: the next Get fetches, unless others are held by now.
  void Refused(const S3Credentials& credentials);

 private:
  Result<S3Credentials> Fetch(const CallContext& context);
  void RefreshWhenDue();

  const std::vector<CredentialSource> sources_;
  const base::Logger logger_;
  std::mutex fetching_;  // One fetch at a time; taken before mutex_.
  std::mutex mutex_;
  bool held_ = false;  // Guarded by mutex_, as what follows.
  ExpiringCredentials credentials_;
  int64_t refresh_at_ms_ = 0;
  uint64_t failures_ = 0;  // Fetches that failed, and why the last one did.
  Status failure_;
  CallContext life_;  // Of background fetches; cancelled by the destructor.
  std::unique_ptr<base::PeriodicTask> refresher_;
};

/// In Go Thanos' order: keys of the configuration, else environment, file, web identity, container,
/// instance; with aws_sdk_auth the SDK's order.
std::unique_ptr<S3CredentialChain> MakeS3Credentials(const S3Config& config, base::Logger logger);

}  // namespace thanos::objstore
