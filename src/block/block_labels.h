// Label names and values of blocks.
#pragma once

#include <string>
#include <vector>

#include "block/block_cursor.h"
#include "block/block_select.h"
#include "thanos/series.h"

namespace thanos::block {

/// From the tables of the blocks where no matcher is left for them, else from the series that
/// match. External labels are added, request.without_labels taken out.
Result<LabelsResult> BlockLabelNames(const CallContext& context,
                                     std::vector<BlockSelection> selections,
                                     const LabelsRequest& request,
                                     const BlockCursorOptions& options,
                                     std::shared_ptr<ReadLimiter> limiter = nullptr);
Result<LabelsResult> BlockLabelValues(const CallContext& context,
                                      std::vector<BlockSelection> selections,
                                      const std::string& name, const LabelsRequest& request,
                                      const BlockCursorOptions& options,
                                      std::shared_ptr<ReadLimiter> limiter = nullptr);

}  // namespace thanos::block
