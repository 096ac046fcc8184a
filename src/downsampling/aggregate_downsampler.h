// Aggregate chunks to those of wider windows. Private to the room. Rules: formats/thanos-block §7.4
// to §7.6.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "chunk/aggregate.h"
#include "chunk/decode.h"
#include "downsampling/aggregate_sink.h"
#include "downsampling/float_windows.h"
#include "downsampling/histogram_windows.h"
#include "downsampling/input_chunk.h"
#include "thanos/status.h"

namespace thanos::downsampling {

/// Works on whole chunks: the raw values at a counter's ends must stay the ends of chunks. One
/// thread.
class AggregateDownsampler {
 public:
  AggregateDownsampler(int64_t from_ms, int64_t to_ms, AggregateSink* sink)
      : from_ms_(from_ms), to_ms_(to_ms), sink_(sink) {}

  /// All chunks of a series, in time order, each of encoding kAggregate.
  Status Run(std::span<const InputChunk> chunks);
  size_t held_bytes() const;

 private:
  struct Chunk {
    const InputChunk* input = nullptr;
    std::array<chunk::AggregatePart, 5> parts;
    uint64_t samples = 0;
    bool histogram = false;
    model::FloatHistogram first;  // Tells the kind, of histograms.
  };
  Result<Chunk> Open(const InputChunk& input) const;
  Status Group(std::span<const Chunk> chunks);
  Status FloatBatch(std::span<const Chunk> chunks);
  Status FloatPart(std::span<const Chunk> chunks, size_t part);
  Status CounterPart(std::span<const Chunk> chunks);
  Status HistogramBatchOf(std::span<const Chunk> chunks);
  Status HistogramPart(std::span<const Chunk> chunks, size_t part);
  Status DecodeFloats(std::span<const Chunk> chunks, size_t part);
  void Cover(int64_t first_ms, int64_t last_ms);

  const int64_t from_ms_, to_ms_;
  AggregateSink* const sink_;
  std::vector<Chunk> chunks_;
  chunk::Columns columns_;
  FloatWindows windows_;
  HistogramWindows histogram_windows_;
  int64_t min_ms_ = 0, max_ms_ = 0;  // Of the chunk that is being made.
};

}  // namespace thanos::downsampling
