// From a series' chunks to its samples: choice of the aggregate, joining of chunks, deduplication
// of replicas, trimming to a time range. formats/algorithms §2 to §4.
#pragma once

#include <cstdint>
#include <memory>

#include "chunk/decode.h"
#include "thanos/chunk.h"
#include "thanos/status.h"

namespace thanos::series {

/// kSteady takes ChunkView::source for the replica, as ReplicaSource sets it; the others rebuild
/// replicas from what overlaps.
enum class DedupAlgorithm : uint8_t { kNone, kPenalty, kChain, kSteady };

struct ReadOptions {
  int64_t min_ms = INT64_MIN;  // Samples outside are left out; both inclusive.
  int64_t max_ms = INT64_MAX;
  /// What to read of downsampled chunks; raw chunks are read as they are. Count and sum together
  /// give the average.
  AggrSet aggregates;
  DedupAlgorithm dedup = DedupAlgorithm::kNone;
  /// The function above is rate, irate, increase or resets: downsampled counters have their resets
  /// taken out, and replicas are adjusted where the merge switches between them.
  bool counter = false;
  /// Go's reading: resets are taken out of raw data too, whatever the number of replicas.
  bool counter_always_adjusted = false;
};

/// Reads one series after another; keeps its scratch memory. One thread.
class SampleReader {
 public:
  SampleReader();
  ~SampleReader();
  SampleReader(const SampleReader&) = delete;

  /// Replaces *out by the samples of the series, strictly ascending in time over both kinds.
  /// kDataLoss names the chunk.
  Status Read(const SeriesView& series, const ReadOptions& options, chunk::Columns* out);
  /// Memory that it keeps from series to series.
  size_t held_bytes() const;

 private:
  struct Scratch;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace thanos::series
