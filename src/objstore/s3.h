// Amazon S3, and what speaks its language, as a bucket.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/log.h"
#include "metrics/registry.h"
#include "objstore/bucket_config.h"
#include "thanos/bucket.h"

namespace thanos::objstore {

struct S3BucketOptions {
  std::string user_agent = "thanos";
  base::Logger logger = {};               // Of trace.enable and of what is left behind.
  metrics::Registry* registry = nullptr;  // Outlives the bucket; null counts nothing.
  /// ETags of plain objects are MD5 sums, and reads of whole objects are checked against them.
  /// Amazon's endpoints are known to be so.
  bool etags_are_md5 = false;
  /// The longest wait before the first retry; doubled for each, up to 2.5 times as much.
  std::chrono::milliseconds first_backoff{400};
};

/// Retries within: nothing of it needs WithRetry. No request is made here. kInvalidArgument for
/// what the configuration asks and cannot be had, kUnimplemented for signature_version2.
Result<std::unique_ptr<Bucket>> OpenS3Bucket(const S3Config& config, S3BucketOptions options);

}  // namespace thanos::objstore
