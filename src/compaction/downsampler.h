// Downsampling as a step of the compactor: which blocks, fetched, checked, uploaded.
// components/compact §4.7.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "bucketblocks/fetcher.h"
#include "compaction/metrics.h"
#include "downsampling/plan.h"
#include "thanos/bucket.h"

namespace thanos::compaction {

struct DownsamplerOptions {
  std::string work_dir;  // `<work_dir>/<ULID>` hold copies of blocks; cleared by Clean().
  size_t concurrency = 1;
  bool accept_malformed_index = false;
  bool hash_files = false;
  base::Executor* files = nullptr;  // For several files of a block at once.
};

/// One pass at a time.
class BlockDownsampler {
 public:
  BlockDownsampler(DownsamplerOptions options, Bucket* bucket, const CompactionMetrics* metrics,
                   base::Logger logger);

  /// Makes what is due by these metas, as Downsample does.
  Status RunPass(const CallContext& context, const bucketblocks::FetchResult& view,
                 bool* retriable);
  /// Makes these blocks; sources are kept. All are tried, the first error is returned. `retriable`
  /// becomes false when one of the errors will not pass by itself.
  Status Downsample(const CallContext& context, const bucketblocks::FetchResult& view,
                    const std::vector<downsampling::DownsampleTask>& tasks, bool* retriable);
  /// Removes copies that an earlier run left.
  void Clean() const;

 private:
  Status DownsampleBlock(const CallContext& context, const block::BlockMeta& meta,
                         int64_t resolution_ms, bool* retriable);

  const DownsamplerOptions options_;
  Bucket* const bucket_;
  const CompactionMetrics* const metrics_;
  const base::Logger logger_;
  const std::unique_ptr<base::Executor> workers_;
};

}  // namespace thanos::compaction
