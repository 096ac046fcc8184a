// Reading downsampled chunks: averages and counters. formats/thanos-block §6 and §7.5.
// Interface fixed on main: series::SampleReader calls it; implement it in aggregate_reader.cc.
#pragma once

#include <cstddef>
#include <span>

#include "chunk/decode.h"
#include "thanos/chunk.h"
#include "thanos/status.h"

namespace thanos::chunk {

/// Appends sum / count for each time. Both parts must have the same times, else kDataLoss.
Status DecodeAverage(const ChunkPart& count, const ChunkPart& sum, Columns* out);

/// A counter chunk, or a raw one read as such.
struct CounterChunk {
  ChunkEncoding encoding;
  std::span<const std::byte> data;
};

/// Appends the counter with its resets taken out, reading the chunks as one sequence: a repeated
/// time at the end of a chunk carries the last raw value. Histograms pass unchanged.
Status DecodeCounter(std::span<const CounterChunk> chunks, Columns* out);

}  // namespace thanos::chunk
