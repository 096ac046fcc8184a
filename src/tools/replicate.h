// Copying blocks as they are from one bucket to another. components/tools, bucket replicate.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "base/log.h"
#include "bucketblocks/fetcher.h"
#include "metrics/registry.h"
#include "model/matcher.h"
#include "thanos/bucket.h"

namespace thanos::tools {

/// Which blocks are copied. With ids nothing else counts.
struct ReplicateFilter {
  model::Matchers matchers;  // On external labels.
  std::set<int64_t> resolutions_ms;
  std::set<int64_t> levels;
  std::set<base::Ulid> ids;

  bool Wants(const block::BlockMeta& meta) const;
};

/// One thread at a time. The buckets outlive it.
class Replicator {
 public:
  Replicator(Bucket* from, Bucket* to, ReplicateFilter filter, base::Logger logger,
             metrics::Registry* registry);

  /// Oldest blocks first, so that who compacts the target sees no gap: chunks, index, then the
  /// meta.json as it is, from where on the block exists there. What the target has already, by name
  /// and size, is not copied again. The first error ends it, naming the block.
  Status Run(const CallContext& context, const bucketblocks::MetaMap& metas);

 private:
  Status CopyBlock(const CallContext& context, const base::Ulid& ulid);
  Status CopyObject(const CallContext& context, const std::string& name);

  Bucket* const from_;
  Bucket* const to_;
  const ReplicateFilter filter_;
  const base::Logger logger_;
  metrics::Counter already_replicated_, blocks_replicated_, objects_replicated_;
};

}  // namespace thanos::tools
