// Where the aggregate chunks of a series are put together. Private to the room.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "block/chunk_segment.h"
#include "chunk/aggregate.h"
#include "downsampling/histogram_windows.h"
#include "thanos/status.h"

namespace thanos::downsampling {

/// Keeps its memory from series to series. One thread.
class AggregateSink {
 public:
  void Clear();

  /// Sets a part of the next chunk: n samples as an XOR chunk. kResourceExhausted above what a
  /// chunk can hold.
  Status SetFloats(Aggr aggregate, const int64_t* t, const double* v, size_t n);
  /// Ends the chunk: parts that were not set are absent.
  void Emit(int64_t min_ms, int64_t max_ms, uint64_t samples);
  /// Chunks of windows of histograms; their parts are all there.
  Status EmitHistograms(const HistogramWindows& windows);

  /// Valid until something is added.
  std::span<const block::NewChunk> chunks();
  /// Samples of the count parts.
  uint64_t sample_count() const { return samples_; }
  size_t held_bytes() const;

 private:
  chunk::AggregatePart& Part(Aggr aggregate);
  std::vector<std::byte>& PartBytes(Aggr aggregate);

  std::array<std::vector<std::byte>, 5> part_bytes_;
  std::array<chunk::AggregatePart, 5> parts_;
  std::string bytes_;           // Of all chunks.
  std::vector<size_t> begins_;  // Of each chunk.
  std::vector<block::NewChunk> chunks_;
  uint64_t samples_ = 0;
};

}  // namespace thanos::downsampling
