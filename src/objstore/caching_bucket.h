// A bucket that keeps what is asked for again and again: small files of blocks, the list of blocks,
// pieces of chunk segments. YAML and metrics: components/store §5.2, §6.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "cache/cache.h"
#include "metrics/registry.h"
#include "thanos/bucket.h"
#include "thanos/status.h"

namespace thanos::objstore {

/// Times in milliseconds.
struct CachingOptions {
  int64_t subrange_bytes = 16000;     // 0 or less: chunks are not kept.
  int64_t subrange_requests_max = 3;  // 0 or less: no limit.
  int64_t attributes_ttl_ms = 86'400'000, subrange_ttl_ms = 86'400'000;
  int64_t iter_ttl_ms = 300'000;
  int64_t exists_ttl_ms = 7'200'000, doesnt_exist_ttl_ms = 900'000;
  int64_t content_ttl_ms = 86'400'000;
  int64_t content_bytes_max = 1 << 20;
};

/// Attributes and ranges of `*/chunks/<digits>`, attributes and contents of `*/meta.json` and
/// `*/deletion-mark.json`, the listing of the root. All else passes through. Writes and deletions
/// made elsewhere are seen when what is kept grows old. `registry` may be null.
std::unique_ptr<Bucket> WithCache(std::unique_ptr<Bucket> inner,
                                  std::unique_ptr<cache::Cache> cache,
                                  const CachingOptions& options, metrics::Registry* registry);

/// From the YAML of --store.caching-bucket.config. kInvalidArgument in Go's words; kUnimplemented
/// names a type that is not built.
Result<std::unique_ptr<Bucket>> WithConfiguredCache(std::unique_ptr<Bucket> inner,
                                                    std::string_view yaml,
                                                    metrics::Registry* registry);

}  // namespace thanos::objstore
