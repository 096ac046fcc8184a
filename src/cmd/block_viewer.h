// What the block viewers of `compact` and `tools bucket web` have in common.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/blocks_api.h"
#include "base/executor.h"
#include "base/log.h"
#include "bucketblocks/fetcher.h"

namespace thanos::cmd {

/// What /api/v1/blocks tells of a look at the bucket, and of marks that were put since.
api::BlocksView ShowBlocks(const bucketblocks::FetchResult& seen,
                           const std::vector<bucketblocks::Mark>& since, int64_t refreshed_ms,
                           const Status& error);

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
  /// A mark was put: it is shown before the next refresh finds it.
  void AddMark(bucketblocks::Mark mark);
  /// The marks since the last refresh.
  std::vector<bucketblocks::Mark> fresh_marks() const;

 private:
  bucketblocks::MetaFetcher fetcher_;
  mutable std::mutex mutex_;
  // All guarded by mutex_.
  std::shared_ptr<const bucketblocks::FetchResult> seen_;
  std::vector<bucketblocks::Mark> fresh_marks_;
  int64_t refreshed_ms_ = 0;
  Status error_;
};

/// The block that a request to mark one is about: kInvalidArgument for an id that is none,
/// kNotFound for one that is not in the bucket.
Result<base::Ulid> BlockToMark(const CallContext& context, Bucket& bucket, const std::string& id);
/// The mark that it asks for, made now.
bucketblocks::Mark MarkFor(const api::BlockMarkRequest& request, const base::Ulid& ulid);

}  // namespace thanos::cmd
