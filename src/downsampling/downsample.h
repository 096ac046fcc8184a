// A block at a coarser resolution, written beside its source.
#pragma once

#include <cstdint>
#include <string>

#include "base/log.h"
#include "base/ulid.h"
#include "block/block.h"
#include "block/chunk_segment.h"
#include "block/meta.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::downsampling {

struct DownsampleOptions {
  uint64_t segment_bytes_max = block::kSegmentBytesMax;
  base::Logger logger;
};

/// Makes `<output_parent>/<id>` out of `source`, series by series: in memory are one series with
/// its chunks, the symbols, and four bytes for each label of each series, the first of which is
/// charged to the context's budget. The new block has the source's times, labels, compaction
/// section and extensions; series without a sample that counts are left out.
///
/// Returns the meta as written. kInvalidArgument unless `resolution_ms` is the next coarser one;
/// kDataLoss naming the series where the source is malformed, when nothing of the new block stays.
/// Blocking; any thread.
Result<block::BlockMeta> Downsample(const CallContext& context, const block::Block& source,
                                    int64_t resolution_ms, const std::string& output_parent,
                                    base::Ulid id, const DownsampleOptions& options = {});

}  // namespace thanos::downsampling
