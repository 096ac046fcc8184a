// A block written anew with fewer or other series. Chunks that stay whole are copied to the byte.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/ulid.h"
#include "block/block.h"
#include "block/meta.h"
#include "block/tombstones.h"
#include "thanos/call_context.h"
#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::tools {

/// What becomes of one series.
struct SeriesChange {
  bool dropped = false;
  Labels labels;                         // The new ones.
  std::vector<block::Interval> deleted;  // Sorted, disjoint: samples that go.
};
/// Called once a series in the order of the source.
using SeriesEditor = std::function<Result<SeriesChange>(LabelsView labels)>;

struct RewriteCounts {
  uint64_t series_dropped = 0, series_relabelled = 0, series_cut = 0, series_merged = 0;
  uint64_t chunks_dropped = 0, chunks_cut = 0;
  bool any() const {
    return series_dropped + series_relabelled + series_cut + series_merged + chunks_dropped +
               chunks_cut >
           0;
  }
};

struct RewriteOptions {
  /// Takes out chunks without a time in common with the block, those that begin at its end, and
  /// repeated ones: what the repair of an index amounts to.
  bool drop_outside = false;
  bool dry_run = false;  // Only counts; what chunks lose is not counted then.
};

/// Writes `<parent>/<id>`; `meta` gives all but statistics and files. In memory are all series
/// entries of the index with their new labels, charged to the context's budget, and the chunks of
/// one series. Series that become one are merged: every sample once. Returns the meta as written,
/// that of a dry run is `meta`. kFailedPrecondition where downsampled chunks would have to be cut
/// or merged, kDataLoss for what is malformed.
Result<block::BlockMeta> RewriteBlock(const CallContext& context, const block::Block& source,
                                      const SeriesEditor& edit, const RewriteOptions& options,
                                      const std::string& parent, base::Ulid id,
                                      block::BlockMeta meta, RewriteCounts* counts);

}  // namespace thanos::tools
