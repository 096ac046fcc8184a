// Raw samples to aggregate chunks. Private to the room. Rules: formats/thanos-block §7.3, §7.6.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "block/tombstones.h"
#include "chunk/decode.h"
#include "downsampling/aggregate_sink.h"
#include "downsampling/float_windows.h"
#include "downsampling/histogram_windows.h"
#include "downsampling/input_chunk.h"
#include "thanos/status.h"

namespace thanos::downsampling {

/// Collects a run of samples of one kind, then turns it into chunks. One thread.
class RawDownsampler {
 public:
  RawDownsampler(int64_t resolution_ms, AggregateSink* sink)
      : resolution_ms_(resolution_ms), sink_(sink) {}

  /// Forgets a run that an error left.
  void Reset() { run_.Clear(); }
  /// Decodes a chunk and appends its samples; what is of another kind than the run ends the run
  /// first.
  Status Add(const InputChunk& chunk, std::span<const block::Interval> deleted);
  /// Ends the run.
  Status Flush();
  size_t held_bytes() const;

 private:
  Status Decode(const InputChunk& chunk, std::span<const block::Interval> deleted);
  Status AddFloats(const InputChunk& chunk);
  bool BeginsRun(ChunkEncoding encoding) const;
  Status FlushFloats();
  Status FloatBatch(const int64_t* t, const double* v, size_t n);
  Status FlushHistograms();
  Status HistogramBatchOf(size_t begin, size_t end);

  const int64_t resolution_ms_;
  AggregateSink* const sink_;
  chunk::Columns run_, next_;
  // A batch whose NaNs are taken out.
  std::vector<int64_t> batch_t_;
  std::vector<double> batch_v_;
  FloatWindows windows_;
  HistogramWindows histogram_windows_;
};

}  // namespace thanos::downsampling
