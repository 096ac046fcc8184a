#include "objstore/factory.h"

#include "objstore/bucket_config.h"
#include "objstore/decorators.h"
#include "objstore/filesystem.h"

namespace thanos::objstore {
namespace {

std::string TrimSlashes(std::string text) {
  text.erase(0, text.find_first_not_of('/'));
  while (!text.empty() && text.back() == '/') text.pop_back();
  return text;
}

}  // namespace

Result<std::unique_ptr<Bucket>> MakeBucket(std::string_view yaml, metrics::Registry* registry) {
  THANOS_ASSIGN_OR_RETURN(const BucketConfig config, ParseBucketConfig(yaml));
  if (config.type != "FILESYSTEM") {
    return UnimplementedError("bucket with type " + config.type + " is not built yet");
  }
  auto provider = OpenFilesystemBucket(config.directory);
  if (!provider.ok()) return provider.status().WithContext("create bucket client");
  std::unique_ptr<Bucket> bucket = *std::move(provider);
  if (registry != nullptr) bucket = WithMetrics(std::move(bucket), registry);
  bucket = WithRetry(WithTraces(std::move(bucket)), {});
  std::string prefix = TrimSlashes(config.prefix);
  if (!prefix.empty()) bucket = WithPrefix(std::move(bucket), std::move(prefix));
  return bucket;
}

}  // namespace thanos::objstore
