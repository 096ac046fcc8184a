#include "compaction/metrics.h"

namespace thanos::compaction {
namespace {

constexpr int64_t kResolutionsMs[] = {0, 300'000, 3'600'000};

class Adder {
 public:
  explicit Adder(metrics::Registry* registry) : registry_(registry) {}
  metrics::Counter Counter(std::string_view name, std::string_view help) const {
    return registry_->AddCounter("thanos_compact_" + std::string(name), help);
  }
  metrics::Gauge Gauge(std::string_view name, std::string_view help) const {
    return registry_->AddGauge("thanos_compact_" + std::string(name), help);
  }
  // There from the start for all resolutions.
  metrics::CounterFamily ByResolution(std::string_view name, std::string_view help) const {
    const auto family = registry_->AddCounterFamily("thanos_compact_" + std::string(name), help);
    for (const int64_t resolution : kResolutionsMs) {
      family.With(CompactionMetrics::Resolution(resolution)).Add(0);
    }
    return family;
  }

 private:
  metrics::Registry* const registry_;
};

}  // namespace

CompactionMetrics::CompactionMetrics(metrics::Registry* registry) {
  AddGroupMetrics(registry);
  AddBlockMetrics(registry);
  AddDownsamplingMetrics(registry);
}

void CompactionMetrics::AddGroupMetrics(metrics::Registry* registry) {
  const Adder add(registry);
  halted = add.Gauge("halted", "Set to 1 if the compactor halted due to an unexpected error.");
  halted.Set(0);
  retries =
      add.Counter("retries_total", "Total number of retries after retriable compactor error.");
  iterations = add.Counter("iterations_total",
                           "Total number of iterations that were executed successfully.");
  runs_started = add.ByResolution("group_compaction_runs_started_total",
                                  "Total number of group compaction attempts.");
  runs_completed =
      add.ByResolution("group_compaction_runs_completed_total",
                       "Total number of group completed compaction runs. This also "
                       "includes compactor group runs that resulted with no compaction.");
  compactions = add.ByResolution("group_compactions_total",
                                 "Total number of group compaction attempts that resulted in a new "
                                 "block.");
  failures = add.ByResolution("group_compactions_failures_total",
                              "Total number of failed group compactions.");
  vertical =
      add.ByResolution("group_vertical_compactions_total",
                       "Total number of group compaction attempts that resulted in a new block "
                       "based on overlapping blocks.");
  held_back = registry->AddGaugeFamily(
      "thanos_compact_retention_held_back_blocks",
      "Blocks past their retention that are kept, since the downsampled data that should have "
      "replaced them is not there.");
  chunks_outside = add.Counter("chunks_outside_dropped_total",
                               "Chunks that began at the end of their block, left out of results.");
  series_repaired =
      add.Counter("series_repaired_total",
                  "Series whose chunks were out of order or overlapped in one block, put "
                  "right in results.");
  plans_made_smaller =
      add.Counter("plans_made_smaller_total",
                  "Compactions of fewer blocks than planned, since the disk had no room for all.");
}

void CompactionMetrics::AddBlockMetrics(metrics::Registry* registry) {
  const Adder add(registry);
  collections =
      add.Counter("garbage_collection_total", "Total number of garbage collection operations.");
  collection_failures = add.Counter("garbage_collection_failures_total",
                                    "Total number of failed garbage collection operations.");
  collection_seconds =
      registry->AddHistogram("thanos_compact_garbage_collection_duration_seconds",
                             "Time it took to perform garbage collection iteration.",
                             {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10});
  collected_blocks = add.Counter("garbage_collected_blocks_total",
                                 "Total number of blocks marked for deletion by compactor.");
  marked = registry->AddCounterFamily("thanos_compact_blocks_marked_total",
                                      "Total number of blocks marked in compactor.");
  using bucketblocks::MarkKind;
  for (const auto& [kind, reason] :
       {std::pair{MarkKind::kDeletion, std::string_view()},
        {MarkKind::kNoCompact, bucketblocks::kIndexSizeReason},
        {MarkKind::kNoCompact, bucketblocks::kOutOfOrderChunksReason},
        {MarkKind::kNoCompact, bucketblocks::kVerticalDownsampledReason}}) {
    CountMarks(kind, reason, 0);
  }
  cleaned = add.Counter("blocks_cleaned_total", "Total number of blocks deleted in compactor.");
  cleanup_failures = add.Counter("block_cleanup_failures_total",
                                 "Failures encountered while deleting blocks in compactor.");
  cleanup_loops =
      add.Counter("block_cleanup_loops_total",
                  "Total number of concurrent cleanup loops of partially uploaded blocks "
                  "and marked blocks that were executed successfully.");
  partial_deletions = add.Counter("aborted_partial_uploads_deletion_attempts_total",
                                  "Total number of started deletions of blocks that are assumed "
                                  "aborted and only partially uploaded.");
  todo_compactions = add.Gauge("todo_compactions", "Number of compactions to be done.");
  todo_compaction_blocks =
      add.Gauge("todo_compaction_blocks", "Number of blocks planned to be compacted.");
  todo_downsample_blocks =
      add.Gauge("todo_downsample_blocks", "Number of blocks to be downsampled.");
  todo_deletion_blocks = add.Gauge("todo_deletion_blocks",
                                   "Number of blocks that have crossed their retention period.");
}

void CompactionMetrics::AddDownsamplingMetrics(metrics::Registry* registry) {
  downsamplings = registry->AddCounterFamily("thanos_compact_downsample_total",
                                             "Total number of downsampling attempts.");
  downsampling_failures = registry->AddCounterFamily(
      "thanos_compact_downsample_failures_total", "Total number of failed downsampling attempts.");
  for (const int64_t resolution : {kResolutionsMs[0], kResolutionsMs[1]}) {
    downsamplings.With(Resolution(resolution)).Add(0);
    downsampling_failures.With(Resolution(resolution)).Add(0);
  }
  downsampling_seconds = registry->AddHistogramFamily("thanos_compact_downsample_duration_seconds",
                                                      "Duration of downsample runs",
                                                      {60, 300, 900, 1800, 3600, 7200, 14400});
  downsampled_at_once = registry->AddCounter(
      "thanos_compact_downsampled_while_compacted_total",
      "Blocks of coarser resolution made in the pass of the compaction, without reading its result "
      "again.");
}

void CompactionMetrics::CountMarks(bucketblocks::MarkKind kind, std::string_view reason,
                                   int count) const {
  marked
      .With(
          {{"marker", std::string(bucketblocks::MarkFile(kind))}, {"reason", std::string(reason)}})
      .Add(count);
}

}  // namespace thanos::compaction
