// The loops of downsampling over plain arrays. Private to the room.
// Rules: formats/thanos-block §7.2, §7.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace thanos::downsampling {

/// Aggregates of windows, column by column. Reused; keeps its memory.
struct FloatWindows {
  std::vector<int64_t> t;  // Last millisecond of the window, or of the batch when that ends before.
  std::vector<double> count, sum, min, max;
  std::vector<double> counter;  // Since the beginning of the batch, without resets.

  void Clear();
  size_t size() const { return t.size(); }
  size_t held_bytes() const;
};

/// Last millisecond of the window that `t_ms` >= 0 lies in.
inline int64_t WindowEnd(int64_t t_ms, int64_t resolution_ms) {
  return t_ms - t_ms % resolution_ms + resolution_ms - 1;
}

/// Appends the windows of one batch: n > 0 samples in time order, times from 0 on.
void AggregateFloats(const int64_t* t, const double* v, size_t n, int64_t resolution_ms,
                     FloatWindows* out);

/// Number of chunks that a series of `count` samples in [min_ms, max_ms] becomes.
int64_t TargetChunks(int64_t min_ms, int64_t max_ms, int64_t from_ms, int64_t to_ms,
                     uint64_t count);

/// Takes out, from `begin` on, what is stale and what steps back behind the sample before (or
/// before 0). Returns the new size.
size_t DropStaleFloats(size_t begin, std::vector<int64_t>* t, std::vector<double>* v);

}  // namespace thanos::downsampling
