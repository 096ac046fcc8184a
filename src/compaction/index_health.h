// Is an index fit to be compacted: a walk over all its series. components/compact §4.12.
#pragma once

#include <cstdint>
#include <string>

#include "block/index_reader.h"
#include "block/meta.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::compaction {

/// What the walk found. Times are compared with the [min_ms, max_ms) that the block's meta states.
struct IndexHealth {
  uint64_t series = 0;
  uint64_t chunks = 0;
  uint64_t duplicated_chunks = 0;    // Same times as the one before: taken for the same data.
  uint64_t out_of_order_chunks = 0;  // Otherwise begins before the one before has ended.
  uint64_t out_of_order_series = 0;  // Series that have such chunks.
  uint64_t outside_chunks = 0;       // Begins before min_ms, or ends behind max_ms.
  uint64_t complete_outside = 0;     // Of these, with no time in common with the block.
  uint64_t at_end_outside = 0;       // Of the others, begins at max_ms: a fault of Prometheus 2.0.
  uint64_t out_of_order_labels = 0;  // Label names smaller than the one before.
  int64_t series_size_max = 0;       // As meta.json's index_stats state them.
  int64_t chunk_size_max = 0;

  /// Chunks outside of the block for which there is no known harmless reason.
  Status CriticalError() const;
  Status AtEndError() const;
  Status OutOfOrderChunksError() const;
  Status OutOfOrderLabelsError() const;
  /// The first of all that a freshly written index must not have.
  Status AnyError() const;
};

/// Bounded memory. kDataLoss for what cannot be read, a series without labels or chunks, label sets
/// that do not ascend.
Result<IndexHealth> CheckIndex(const CallContext& context, const block::IndexReader& index,
                               int64_t min_ms, int64_t max_ms);

/// The same of the index in a local block's directory, by the times of `meta`.
Result<IndexHealth> CheckIndexFile(const CallContext& context, const std::string& directory,
                                   const block::BlockMeta& meta);

}  // namespace thanos::compaction
