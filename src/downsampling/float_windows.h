// The loops of downsampling over plain arrays. Private to the room.
// Rules: formats/thanos-block §7.2, §7.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace thanos::downsampling {

/// Aggregates of windows, column by column. Reused; keeps its memory, so that the vectors are
/// longer than what they hold. Of t and counter the first value lies in front of the windows, and
/// there is room behind them: for what a counter chunk has at its ends.
struct FloatWindows {
  size_t size = 0;
  std::vector<int64_t> t;  // Last millisecond of the window, or of the batch when that ends before.
  std::vector<double> counter;  // Since the beginning of the batch, without resets.
  std::vector<double> count, sum, min, max;

  int64_t* times() { return t.data() + 1; }
  int64_t first_ms() const { return t[1]; }
  int64_t last_ms() const { return t[size]; }
  size_t held_bytes() const;
};

/// Which columns are made; times are in any case.
enum class WindowColumns : uint8_t { kAll, kSum, kMin, kMax, kCounter };

/// Last millisecond of the window that `t_ms` >= 0 lies in.
inline int64_t WindowEnd(int64_t t_ms, int64_t resolution_ms) {
  return t_ms - t_ms % resolution_ms + resolution_ms - 1;
}

/// The windows of one batch: n > 0 samples in time order, times from 0 on.
template <WindowColumns columns = WindowColumns::kAll>
void AggregateFloats(const int64_t* t, const double* v, size_t n, int64_t resolution_ms,
                     FloatWindows* out);

/// Puts the raw values at the ends of the counter: arrays of size + 2 then begin at t and counter.
inline void AddCounterEnds(int64_t first_ms, double first, double last, FloatWindows* windows) {
  windows->t[0] = first_ms;
  windows->counter[0] = first;
  windows->t[windows->size + 1] = windows->last_ms();
  windows->counter[windows->size + 1] = last;
}

/// Number of chunks that a series of `count` samples in [min_ms, max_ms] becomes.
int64_t TargetChunks(int64_t min_ms, int64_t max_ms, int64_t from_ms, int64_t to_ms,
                     uint64_t count);

/// Takes out, from `begin` on, what is stale and what steps back behind the sample before (or
/// before 0). Returns the new size.
size_t DropStaleFloats(size_t begin, std::vector<int64_t>* t, std::vector<double>* v);

}  // namespace thanos::downsampling
