// From --objstore.config to a bucket.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"
#include "metrics/registry.h"
#include "thanos/bucket.h"

namespace thanos::objstore {

struct BucketUser {
  std::string component = "bucket";  // "store": servers see "thanos-store/<version>".
  base::Logger logger = {};
};

/// The YAML of components/common §4.1, strict but for FILESYSTEM's own keys, as Go has it. A
/// provider that is not built is kUnimplemented by name. The bucket has retries, metrics and its
/// prefix around it. `registry` must outlive it; null leaves the metrics out.
Result<std::unique_ptr<Bucket>> MakeBucket(std::string_view yaml, metrics::Registry* registry,
                                           const BucketUser& user = {});

}  // namespace thanos::objstore
