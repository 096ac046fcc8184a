// Chunks to columns: the one way samples are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/histogram.h"
#include "thanos/chunk.h"
#include "thanos/status.h"

namespace thanos::chunk {

/// Samples of one series in time order: floats as two arrays, histograms apart with their own
/// times. Reused from series to series: Clear() keeps the memory.
struct Columns {
  std::vector<int64_t> t;
  std::vector<double> v;
  std::vector<int64_t> histogram_t;
  std::vector<model::FloatHistogram> histograms;
  // Start timestamps (ms, 0: unknown) of the first samples of t and of histogram_t; those behind
  // the end are unknown. Empty unless the chunks carry some.
  std::vector<int64_t> st, histogram_st;

  void Clear() {
    t.clear();
    v.clear();
    histogram_t.clear();
    histograms.clear();
    st.clear();
    histogram_st.clear();
  }
  /// Memory that the vectors keep; buckets of histograms are estimated by the first one.
  size_t held_bytes() const {
    const size_t buckets =
        histograms.empty()
            ? 0
            : 8 * (histograms[0].positive_buckets.size() + histograms[0].negative_buckets.size() +
                   histograms[0].positive_spans.size() + histograms[0].negative_spans.size());
    return 8 * (t.capacity() + v.capacity() + histogram_t.capacity() + st.capacity() +
                histogram_st.capacity()) +
           histograms.capacity() * sizeof(model::FloatHistogram) + histograms.size() * buckets;
  }
  bool empty() const { return t.empty() && histogram_t.empty(); }
};

/// Number of samples a chunk says it holds. kDataLoss when it is shorter than its header, or for
/// kAggregate and unknown encodings.
Result<uint32_t> SampleCount(ChunkEncoding encoding, std::span<const std::byte> data);

/// Appends all samples of a chunk of encoding 1 to 6 with their start timestamps, stale markers
/// included. kDataLoss naming the sample when malformed; what came before it stays appended.
/// Never reads outside `data`.
Status DecodeChunk(ChunkEncoding encoding, std::span<const std::byte> data, Columns* out);

}  // namespace thanos::chunk
