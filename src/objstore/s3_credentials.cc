#include "objstore/s3_credentials.h"

#include <algorithm>

#include "base/time_text.h"

namespace thanos::objstore {
namespace {

constexpr std::chrono::seconds kRefreshPeriod{10};
constexpr std::chrono::seconds kRefreshTimeout{30};
// What expires sooner is not handed out: a request takes its time to arrive.
constexpr int64_t kExpiryMarginMs = 5000;

CredentialSource ConfiguredCredentials(S3Credentials keys) {
  return [keys = std::move(keys)](const CallContext&) -> Result<ExpiringCredentials> {
    return ExpiringCredentials{keys, 0};
  };
}

}  // namespace

S3CredentialChain::S3CredentialChain(std::vector<CredentialSource> sources, base::Logger logger)
    : sources_(std::move(sources)), logger_(std::move(logger)), life_(CallContext().WithCancel()) {}

S3CredentialChain::~S3CredentialChain() {
  life_.Cancel();
  refresher_.reset();
}

Result<S3Credentials> S3CredentialChain::Get(const CallContext& context) {
  const auto valid = [this] {
    return held_ && (credentials_.expires_ms == 0 ||
                     credentials_.expires_ms - kExpiryMarginMs > base::NowMs());
  };
  uint64_t failures_before;
  {
    std::lock_guard lock(mutex_);
    if (valid()) return credentials_.keys;
    failures_before = failures_;
  }
  std::lock_guard fetching(fetching_);
  {
    // Another caller fetched them meanwhile, or tried to: its answer is ours.
    std::lock_guard lock(mutex_);
    if (valid()) return credentials_.keys;
    if (failures_ != failures_before && context.Check().ok()) return failure_;
  }
  Result<S3Credentials> got = Fetch(context);
  if (!got.ok() && context.Check().ok()) {
    std::lock_guard lock(mutex_);
    ++failures_;
    failure_ = got.status();
  }
  return got;
}

// With fetching_ held.
Result<S3Credentials> S3CredentialChain::Fetch(const CallContext& context) {
  std::string tried;
  for (const CredentialSource& source : sources_) {
    Result<ExpiringCredentials> got = source(context);
    if (!got.ok() && got.status().code() == StatusCode::kNotFound) {
      tried += (tried.empty() ? "" : "; ") + std::string(got.status().message());
      continue;
    }
    if (!got.ok()) return got.status().WithContext("S3 credentials");
    const int64_t now = base::NowMs();
    std::lock_guard lock(mutex_);
    credentials_ = *std::move(got);
    held_ = true;
    if (credentials_.expires_ms != 0) {
      refresh_at_ms_ = now + (credentials_.expires_ms - now) / 5 * 4;
      if (!refresher_) {
        refresher_ = std::make_unique<base::PeriodicTask>(
            "s3-credentials", kRefreshPeriod, [this] { RefreshWhenDue(); }, false);
      }
    }
    return credentials_.keys;
  }
  return Status(StatusCode::kUnauthenticated, "no S3 credentials: " + tried);
}

void S3CredentialChain::RefreshWhenDue() {
  {
    std::lock_guard lock(mutex_);
    if (base::NowMs() < refresh_at_ms_) return;
  }
  std::lock_guard fetching(fetching_);
  const auto fetched = Fetch(life_.WithTimeout(kRefreshTimeout));
  if (!fetched.ok() && life_.Check().ok()) {
    logger_.Warn("refreshing the S3 credentials failed; the old ones are used until they expire",
                 {{"err", fetched.status()}});
  }
}

void S3CredentialChain::Refused(const S3Credentials& credentials) {
  std::lock_guard lock(mutex_);
  if (credentials_.keys.access_key == credentials.access_key &&
      credentials_.keys.session_token == credentials.session_token) {
    held_ = false;
  }
}

std::unique_ptr<S3CredentialChain> MakeS3Credentials(const S3Config& config, base::Logger logger) {
  std::vector<CredentialSource> sources;
  if (!config.access_key.empty()) {
    sources = {ConfiguredCredentials({config.access_key, config.secret_key, config.session_token})};
  } else if (config.aws_sdk_auth) {
    sources = {EnvironmentCredentials(), WebIdentityCredentials(config.sts_endpoint),
               FileCredentials(true), ContainerCredentials(config.sts_endpoint),
               InstanceCredentials(config.sts_endpoint)};
  } else {
    sources = {EnvironmentCredentials(), FileCredentials(false),
               WebIdentityCredentials(config.sts_endpoint),
               ContainerCredentials(config.sts_endpoint), InstanceCredentials(config.sts_endpoint)};
  }
  return std::make_unique<S3CredentialChain>(std::move(sources), std::move(logger));
}

}  // namespace thanos::objstore
