// Reading the aggregates of downsampled data as series: counters without resets, averages.
#pragma once

#include <cstddef>
#include <span>

#include "chunk/decode.h"
#include "thanos/chunk.h"
#include "thanos/status.h"

namespace thanos::chunk {

/// A chunk as bytes; borrowed.
struct EncodedChunk {
  ChunkEncoding encoding = ChunkEncoding::kNone;
  std::span<const std::byte> data;
};

/// Appends what the counter parts of one series, in order, amount to when resets are taken out: a
/// repeated time at the end of a chunk carries the last raw value, by which a reset between chunks
/// is seen. NaNs are left out. Raw float chunks are read the same way; histograms pass unchanged.
/// formats/thanos-block §7.5. kDataLoss as DecodeChunk. `last_raw`, when given: the last raw value
/// seen; untouched when there is none.
Status ReadCounter(std::span<const EncodedChunk> chunks, Columns* out, double* last_raw = nullptr);

/// Appends sum / count, sample by sample. kDataLoss "sum and count timestamps not aligned" when
/// their times differ; nothing is appended then. The sum may hold histograms.
Status ReadAverage(const EncodedChunk& count, const EncodedChunk& sum, Columns* out);

}  // namespace thanos::chunk
