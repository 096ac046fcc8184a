// The chunks of one series at a coarser resolution. Rules: formats/thanos-block §7.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "block/chunk_segment.h"
#include "block/tombstones.h"
#include "downsampling/aggregate_downsampler.h"
#include "downsampling/aggregate_sink.h"
#include "downsampling/input_chunk.h"
#include "downsampling/raw_downsampler.h"
#include "thanos/status.h"

namespace thanos::downsampling {

/// Reused from series to series; keeps its memory. One thread.
///
/// Raw samples become aggregates of windows, aggregates become those of wider ones. Stale markers,
/// other NaNs and samples before 1970 are left out. Custom-bucket histograms are kept apart from
/// exponential ones, and those of different bounds from each other: a chunk has one set of bounds.
/// Where windows of histograms do not fit into one chunk (a zero bucket was widened), a further
/// chunk begins.
class SeriesDownsampler {
 public:
  /// `from_ms` 0: of raw data.
  SeriesDownsampler(int64_t from_ms, int64_t to_ms);
  SeriesDownsampler(const SeriesDownsampler&) = delete;

  /// `chunks` of one series in the order of its index entry; samples in `deleted` are left out of
  /// raw data. Afterwards chunks() holds what they become: nothing, where no sample counts.
  /// kDataLoss names the chunk that is malformed or overlaps another.
  Status Run(std::span<const InputChunk> chunks, std::span<const block::Interval> deleted);

  /// Valid until the next Run.
  std::span<const block::NewChunk> chunks() { return sink_.chunks(); }
  uint64_t sample_count() const { return sink_.sample_count(); }
  size_t held_bytes() const;

 private:
  Status RunAggregates(std::span<const InputChunk> chunks);

  const int64_t from_ms_;
  AggregateSink sink_;
  RawDownsampler raw_;
  AggregateDownsampler aggregates_;
  // Raw chunks inside a downsampled block are brought to its resolution first.
  AggregateSink converted_;
  RawDownsampler converter_;
  std::vector<InputChunk> inputs_;
  std::vector<size_t> converted_at_;  // Places in inputs_ that take a converted chunk.
};

}  // namespace thanos::downsampling
