// Local blocks as a source of series.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "block/block.h"
#include "block/block_cursor.h"
#include "block/block_select.h"
#include "thanos/series.h"

namespace thanos::block {

/// A fixed set of blocks. Thread-safe.
class BlockSource : public SeriesSource {
 public:
  /// The executor in `options`, when given, outlives the source.
  BlockSource(std::string name, std::vector<BlockRef> blocks, BlockCursorOptions options = {});

  SourceInfo Info() const override;
  Result<std::unique_ptr<SeriesCursor>> Select(const CallContext& context,
                                               const SelectRequest& request) override;
  Result<LabelsResult> LabelNames(const CallContext& context,
                                  const LabelsRequest& request) override;
  Result<LabelsResult> LabelValues(const CallContext& context, const std::string& name,
                                   const LabelsRequest& request) override;

 private:
  const std::string name_;
  const std::vector<BlockRef> blocks_;
  const BlockCursorOptions options_;
};

/// What blocks say of themselves: distinct external label sets, time range, and per set the runs of
/// adjacent or overlapping blocks. No blocks: min INT64_MAX, max INT64_MIN.
SourceInfo InfoOfBlocks(std::string name, std::span<const BlockCandidate> blocks);

}  // namespace thanos::block
