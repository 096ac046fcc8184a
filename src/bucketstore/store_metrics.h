// The metrics of a store's calls, as dashboards and alerts name them.
// Names: components/store §6.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "block/read_stats.h"
#include "metrics/registry.h"
#include "thanos/series.h"

namespace thanos::bucketstore {

/// What one call observed beside its reading. Not thread-safe.
struct CallObservations {
  double get_all_seconds = 0;  // Opening the blocks and reading up to the first batch.
  double merge_seconds = 0;    // Reading and merging the rest.
  std::vector<double> chunk_size_counts;
  double chunk_bytes = 0;

  /// Counts the chunk bytes of each series.
  void Take(const SeriesBatch& batch);
};

/// Thread-safe. All families are there from the start, those by tenant with the default one.
class StoreMetrics {
 public:
  explicit StoreMetrics(metrics::Registry* registry);

  metrics::CounterFamily dropped() const { return dropped_; }
  void BlocksQueried(const std::string& tenant, size_t blocks) const;
  /// Counts batches of entries as they are fetched.
  void Follow(const std::string& tenant, block::ReadStats* stats) const;
  /// At the end of a call.
  void Finish(const std::string& tenant, const block::ReadStats& stats,
              const CallObservations& call, uint64_t series) const;

 private:
  void AddDataFamilies(metrics::Registry* registry);
  void AddCallFamilies(metrics::Registry* registry);
  void AddLazyFamilies(metrics::Registry* registry);
  void ShowDefaultTenant() const;
  void FinishData(const std::string& tenant, const char* type,
                  const block::ReadCounts& counts) const;

  metrics::CounterFamily dropped_, series_refetches_, chunk_refetches_, empty_postings_;
  metrics::HistogramFamily touched_, fetched_, touched_bytes_, fetched_bytes_;
  metrics::HistogramFamily blocks_queried_, result_series_, get_all_, merge_, chunk_size_;
  metrics::HistogramFamily postings_size_, postings_fetch_, series_fetch_, series_fetch_sum_;
  metrics::HistogramFamily chunks_fetch_, chunks_fetch_sum_;
  metrics::Counter lazy_streams_, lazy_bytes_, lazy_overfetched_bytes_;
  metrics::Counter lazy_groups_;
};

}  // namespace thanos::bucketstore
