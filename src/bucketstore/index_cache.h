// The index cache of a store, over any cache of bytes.
// YAML and metrics: components/store §5.1, §6.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "block/index_cache.h"
#include "metrics/registry.h"
#include "thanos/status.h"

namespace thanos::bucketstore {

/// From the YAML of --index-cache.config; where that is empty, an in-memory cache of `bytes_max`.
/// kInvalidArgument in Go's words for what it refuses.
Result<std::unique_ptr<block::IndexCache>> MakeIndexCache(std::string_view yaml, uint64_t bytes_max,
                                                          metrics::Registry* registry);

}  // namespace thanos::bucketstore
