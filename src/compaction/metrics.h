// The metrics of a compactor, by the names of Go Thanos. components/compact §6.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bucketblocks/marks.h"
#include "metrics/registry.h"

namespace thanos::compaction {

/// Handles into a registry that outlives them. Thread-safe.
struct CompactionMetrics {
  explicit CompactionMetrics(metrics::Registry* registry);

  metrics::Gauge halted;
  metrics::Counter retries, iterations;
  // By resolution of the group.
  metrics::CounterFamily runs_started, runs_completed, compactions, failures, vertical;
  metrics::Counter collections, collection_failures, collected_blocks;
  metrics::Histogram collection_seconds;
  metrics::CounterFamily marked;  // By marker and reason.
  metrics::Counter cleaned, cleanup_failures, cleanup_loops, partial_deletions;
  metrics::Gauge todo_compactions, todo_compaction_blocks, todo_downsample_blocks,
      todo_deletion_blocks;
  metrics::GaugeFamily held_back;  // By reason: blocks that retention would let go and keeps.
  metrics::Counter chunks_outside, series_repaired, plans_made_smaller;
  metrics::CounterFamily downsamplings, downsampling_failures;  // By resolution of the source.
  metrics::HistogramFamily downsampling_seconds;
  metrics::Counter downsampled_at_once;

  void CountMarks(bucketblocks::MarkKind kind, std::string_view reason, int count = 1) const;
  static metrics::LabelPairs Resolution(int64_t resolution_ms) {
    return {{"resolution", std::to_string(resolution_ms)}};
  }

 private:
  void AddGroupMetrics(metrics::Registry* registry);
  void AddBlockMetrics(metrics::Registry* registry);
  void AddDownsamplingMetrics(metrics::Registry* registry);
};

}  // namespace thanos::compaction
