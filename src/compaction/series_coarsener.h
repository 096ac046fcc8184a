// The result of a merge at coarser resolutions, while it is still in memory. Private to the room.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "compaction/merge_batch.h"
#include "downsampling/input_chunk.h"
#include "downsampling/series_downsampler.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::compaction {

/// One thread; its memory is that of the largest series so far, charged to the context's budget.
class SeriesCoarsener {
 public:
  /// `resolutions_ms` ascend: each is made of the one before, the first of data of `from_ms`.
  SeriesCoarsener(int64_t from_ms, std::span<const int64_t> resolutions_ms);

  /// From the batch's result to its coarser series. What fails is the batch's coarser_status.
  void Run(const CallContext& context, MergeBatch* batch);

 private:
  Status OneSeries(const CallContext& context, size_t series, MergeBatch* batch);
  Status LeaseMemory(const CallContext& context);

  std::vector<std::unique_ptr<downsampling::SeriesDownsampler>> stages_;
  std::vector<downsampling::InputChunk> inputs_;
  BudgetLease lease_;
};

}  // namespace thanos::compaction
