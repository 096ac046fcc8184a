// What the block viewers of `compact` and `tools bucket web` have in common.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/blocks_api.h"
#include "api/blocks_page.h"
#include "base/executor.h"
#include "base/log.h"
#include "bucketblocks/fetcher.h"

namespace thanos::cmd {

/// What /api/v1/blocks tells of blocks.
api::BlocksView ShowBlocks(const bucketblocks::MetaMap& metas, int64_t refreshed_ms,
                           const Status& error);
/// A block's row of a page: put together by the value of the external label `group_by`, by all of
/// them where there is none of that name.
api::BlockRow MakeRow(const block::BlockMeta& meta, const std::string& group_by);

/// The whole bucket as it was seen last, duplicates and all. Refresh on one thread, the rest on
/// any.
class BucketView {
 public:
  /// `options` says what is left out. The fetcher's metrics are there from now.
  BucketView(Bucket* bucket, bucketblocks::FetchOptions options, base::Executor* io,
             const base::Logger& logger, metrics::Registry* registry);
  /// A view that failed or is not whole is told of, and the one before stays.
  Status Refresh(const CallContext& context);
  api::BlocksView Show() const;
  std::vector<api::BlockRow> Rows(const std::string& group_by) const;
  /// What a page says above the rows: that they are old, and why.
  std::vector<std::string> Remarks() const;

 private:
  struct Seen {
    std::shared_ptr<const bucketblocks::MetaMap> metas;
    int64_t refreshed_ms = 0;
    Status error;
  };
  Seen Get() const;

  bucketblocks::MetaFetcher fetcher_;
  mutable std::mutex mutex_;
  Seen seen_;  // Guarded by mutex_.
};

/// The block that a request to mark one is about: kInvalidArgument for an id that is none,
/// kNotFound for one that is not in the bucket.
Result<base::Ulid> BlockToMark(const CallContext& context, Bucket& bucket, const std::string& id);

}  // namespace thanos::cmd
