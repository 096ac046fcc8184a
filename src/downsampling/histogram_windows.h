// Windows of native histograms and the aggregate chunks they become. Private to the room.
// Rules: formats/thanos-block §7.6.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "chunk/histogram_writer.h"
#include "model/histogram.h"
#include "thanos/status.h"

namespace thanos::downsampling {

/// A batch of samples; borrowed.
struct HistogramBatch {
  std::span<const int64_t> t;  // In time order, from 0 on.
  std::span<const model::FloatHistogram> h;
};

/// A column of windows: the slots of `h` are reused, `t` says how many there are.
struct HistogramColumn {
  std::vector<int64_t> t;
  std::vector<model::FloatHistogram> h;

  void Clear() { t.clear(); }
  void Add(int64_t t_ms, const model::FloatHistogram& histogram);
};

struct HistogramWindows {
  std::vector<int64_t> count_t;
  std::vector<double> count;
  HistogramColumn sum, counter;

  void Clear();
};

enum class HistogramParts : uint8_t { kAll, kSumOnly, kCounterOnly };

/// Appends the windows of one batch, which is not empty and of one kind (see SameKind).
void AggregateHistograms(const HistogramBatch& batch, int64_t resolution_ms, HistogramParts parts,
                         HistogramWindows* out);

/// The parts of one aggregate chunk.
struct HistogramChunkParts {
  int64_t min_ms = 0, max_ms = 0;
  std::string sum, counter;               // Float histogram chunks.
  size_t count_begin = 0, count_end = 0;  // Of the windows' counts.
};

/// Windows to chunks: one, or more where windows do not fit into one histogram chunk.
Result<std::vector<HistogramChunkParts>> EncodeHistogramWindows(const HistogramWindows& windows);

}  // namespace thanos::downsampling
