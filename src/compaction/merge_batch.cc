#include "compaction/merge_batch.h"

namespace thanos::compaction {

void MergeBatch::Clear() {
  labels.Clear();
  sources.Clear();
  plain.clear();
  chunks.Clear();
  pins.clear();
  chunk_bytes = pinned_bytes = 0;
  arena.Reset();
  result.Clear();
  for (CoarserSeries& one : coarser) {
    one.chunks.Clear();
    one.samples.clear();
  }
  coarser_status = OkStatus();
  counts = {};
  lease.Reset();
}

}  // namespace thanos::compaction
