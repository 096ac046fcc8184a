#include "objstore/factory.h"

#include "objstore/bucket_config.h"
#include "objstore/decorators.h"
#include "objstore/filesystem.h"
#include "objstore/s3.h"
#include "thanos/version.h"

namespace thanos::objstore {
namespace {

std::string TrimSlashes(std::string text) {
  text.erase(0, text.find_first_not_of('/'));
  while (!text.empty() && text.back() == '/') text.pop_back();
  return text;
}

// Amazon's ETags of plain objects are their MD5 sums.
bool IsAmazonEndpoint(std::string_view endpoint) {
  const std::string_view host = endpoint.substr(0, endpoint.rfind(':'));
  return host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
}

Result<std::unique_ptr<Bucket>> OpenProvider(const BucketConfig& config,
                                             metrics::Registry* registry, const BucketUser& user) {
  if (config.type == "FILESYSTEM") return OpenFilesystemBucket(config.directory);
  if (config.type == "S3") {
    for (const std::string& key : config.s3.http.without_effect) {
      user.logger.Warn("setting has no effect", {{"config", "objstore.config"}, {"key", key}});
    }
    return OpenS3Bucket(config.s3,
                        {.user_agent = "thanos-" + user.component + "/" + std::string(kVersion),
                         .logger = user.logger,
                         .registry = registry,
                         .etags_are_md5 = IsAmazonEndpoint(config.s3.endpoint)});
  }
  return UnimplementedError("bucket with type " + config.type + " is not built yet");
}

}  // namespace

Result<std::unique_ptr<Bucket>> MakeBucket(std::string_view yaml, metrics::Registry* registry,
                                           const BucketUser& user) {
  THANOS_ASSIGN_OR_RETURN(const BucketConfig config, ParseBucketConfig(yaml));
  auto provider = OpenProvider(config, registry, user);
  if (!provider.ok()) {
    if (provider.status().code() == StatusCode::kUnimplemented) return provider.status();
    return provider.status().WithContext("create bucket client");
  }
  std::unique_ptr<Bucket> bucket = *std::move(provider);
  if (registry != nullptr) bucket = WithMetrics(std::move(bucket), registry);
  bucket = WithTraces(std::move(bucket));
  // S3 tries again itself, each request and part of an object.
  if (config.type != "S3") bucket = WithRetry(std::move(bucket), {});
  std::string prefix = TrimSlashes(config.prefix);
  if (!prefix.empty()) bucket = WithPrefix(std::move(bucket), std::move(prefix));
  return bucket;
}

}  // namespace thanos::objstore
