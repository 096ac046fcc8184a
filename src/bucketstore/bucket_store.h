// Series out of the blocks of a bucket.
// Behaviour: components/store, formats/algorithms §6 to §8.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "block/block_cursor.h"
#include "bucketstore/block_set.h"
#include "bucketstore/limits.h"
#include "bucketstore/store_metrics.h"
#include "metrics/registry.h"
#include "thanos/series.h"

namespace thanos::bucketstore {

struct BucketStoreOptions {
  std::string name = "store";
  /// Requests and Info are cut to these; asked at each use. Null: no cut.
  std::function<int64_t()> min_ms, max_ms;
  StoreLimits limits;
  uint64_t gap_bytes_max = 512 << 10;
  uint64_t series_bytes = 64 << 10;   // Read for an entry whose length is not known.
  uint64_t chunk_bytes = 16000;       // Read for a chunk whose length is not known.
  uint32_t series_batch_max = 10000;  // Entries of one block fetched at once.
  /// Encodings 4 to 6 are rewritten, since Go queriers cannot read them.
  bool transcode = true;
  /// Looks anew which blocks there are. Called when an object of a block is gone before anything of
  /// it was sent: its successor is then asked instead, once a call. Null: the call fails.
  std::function<Status(const CallContext& context)> refresh;
  /// Keeps bytes of indexes between calls; null: none. Outlives the store.
  block::IndexCache* index_cache = nullptr;
  /// Bytes that calls may still charge: with much room more is read at once. Null: no bound.
  std::function<size_t()> room;
};

/// What a request may carry beside a SelectRequest.
struct StoreSelect {
  /// Only blocks whose external labels and `__block_id` match.
  model::Matchers block_matchers;
};

/// Thread-safe. `blocks` and `executor` outlive it, it outlives its cursors. In
/// PartialStrategy::kWarn a block that fails is named in a warning and the others answer; when none
/// is left that could, and in kAbort, the call fails.
class BucketStore : public SeriesSource {
 public:
  BucketStore(BlockSet* blocks, BucketStoreOptions options, base::Executor* executor,
              metrics::Registry* registry);
  /// Waits for reads that cancelled cursors left behind on the executor.
  ~BucketStore() override;

  SourceInfo Info() const override;
  Result<std::unique_ptr<SeriesCursor>> Select(const CallContext& context,
                                               const SelectRequest& request) override {
    return SelectBlocks(context, request, {});
  }
  Result<std::unique_ptr<SeriesCursor>> SelectBlocks(const CallContext& context,
                                                     const SelectRequest& request,
                                                     const StoreSelect& more);
  Result<LabelsResult> LabelNames(const CallContext& context,
                                  const LabelsRequest& request) override {
    return LabelNamesOf(context, request, {});
  }
  Result<LabelsResult> LabelValues(const CallContext& context, const std::string& name,
                                   const LabelsRequest& request) override {
    return LabelValuesOf(context, name, request, {});
  }
  Result<LabelsResult> LabelNamesOf(const CallContext& context, const LabelsRequest& request,
                                    const StoreSelect& more);
  Result<LabelsResult> LabelValuesOf(const CallContext& context, const std::string& name,
                                     const LabelsRequest& request, const StoreSelect& more);

  /// Ids of the blocks that a select would ask, for statistics of queries.
  std::vector<base::Ulid> BlocksOf(const SelectRequest& request, const StoreSelect& more) const;

 private:
  struct Choice {
    base::Ulid id;
    bucketblocks::MetaRef meta;
    model::Matchers matchers;
    bool quarantined = false;
  };
  class Cursor;
  struct InFlight;
  struct LabelBlocks;
  std::vector<Choice> Choose(std::span<const model::Matcher> matchers, int64_t min_ms,
                             int64_t max_ms, int64_t max_resolution_ms,
                             std::span<const model::Matcher> block_matchers) const;
  /// Whether each block of `before` is there still, or another block was made of its sources.
  bool AreCovered(const std::vector<Choice>& before) const;
  void Clip(int64_t* min_ms, int64_t* max_ms) const;
  block::BlockCursorOptions CursorOptions(PartialStrategy partial) const;
  struct Call;
  Result<std::unique_ptr<SeriesCursor>> OpenCall(const CallContext& context,
                                                 const std::shared_ptr<Call>& call,
                                                 Warnings* warnings) const;
  Status OpenChosen(const CallContext& context, std::vector<Choice> choices,
                    PartialStrategy partial, std::vector<block::BlockSelection>* selections,
                    Warnings* warnings, Status* told = nullptr) const;
  Result<LabelBlocks> OpenForLabels(const CallContext& context, const LabelsRequest& request,
                                    const StoreSelect& more) const;

  std::shared_ptr<InFlight> in_flight_;
  BlockSet* const blocks_;
  const BucketStoreOptions options_;
  base::Executor* const executor_;
  mutable block::ReadPace pace_;        // Of the bucket.
  mutable base::SingleFlight flights_;  // Of its reads.
  const StoreMetrics metrics_;
};

}  // namespace thanos::bucketstore
