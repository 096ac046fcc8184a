// Taking blocks out of a bucket: those marked long enough ago, uploads that were given up.
#pragma once

#include <cstdint>

#include "base/executor.h"
#include "base/log.h"
#include "bucketblocks/fetcher.h"
#include "compaction/metrics.h"
#include "thanos/bucket.h"

namespace thanos::compaction {

/// How old the newest object of a block without meta.json is when its upload counts as given up.
inline constexpr int64_t kPartialUploadAgeMs = 48LL * 3'600'000;

/// Thread-safe.
class Cleaner {
 public:
  Cleaner(Bucket* bucket, int64_t delete_delay_ms, base::Executor* io, base::Logger logger,
          const CompactionMetrics* metrics)
      : bucket_(bucket),
        delete_delay_ms_(delete_delay_ms),
        io_(io),
        logger_(std::move(logger)),
        metrics_(metrics) {}

  /// Blocks, whole or half deleted, whose deletion mark is older than the delay. All are tried; the
  /// first error is returned. Ids of those that are gone are appended to `deleted`.
  Status DeleteMarked(const CallContext& context, const bucketblocks::FetchResult& view,
                      std::vector<base::Ulid>* deleted) const;
  /// Directories without meta.json and without a deletion mark, given up for long.
  Status DeletePartial(const CallContext& context, const bucketblocks::FetchResult& view) const;

 private:
  Result<bool> IsGivenUp(const CallContext& context, const base::Ulid& ulid) const;

  Bucket* const bucket_;
  const int64_t delete_delay_ms_;
  base::Executor* const io_;
  const base::Logger logger_;
  const CompactionMetrics* const metrics_;
};

}  // namespace thanos::compaction
