#include "downsampling/float_windows.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "model/histogram.h"

namespace thanos::downsampling {
namespace {

// Samples that a chunk is meant to hold at most, on average.
constexpr int64_t kChunkSamplesTarget = 140;

}  // namespace

void FloatWindows::Clear() {
  t.clear();
  for (auto* column : {&count, &sum, &min, &max, &counter}) column->clear();
}

size_t FloatWindows::held_bytes() const {
  return 8 * (t.capacity() + count.capacity() + sum.capacity() + min.capacity() + max.capacity() +
              counter.capacity());
}

void AggregateFloats(const int64_t* t, const double* v, size_t n, int64_t resolution_ms,
                     FloatWindows* out) {
  // The first sample sets the counter: nothing came before it.
  double counter = v[0], last = v[0];
  size_t i = 0;
  int64_t window_end_ms = WindowEnd(t[0], resolution_ms);
  while (i < n) {
    // Mostly the next window follows: a division less.
    if (t[i] > window_end_ms) window_end_ms += resolution_ms;
    if (t[i] > window_end_ms) window_end_ms = WindowEnd(t[i], resolution_ms);
    const int64_t end_ms = std::min(window_end_ms, t[n - 1]);
    double sum = 0;
    double min = std::numeric_limits<double>::max();
    double max = -std::numeric_limits<double>::max();
    const size_t begin = i;
    if (i == 0) {
      sum += v[0];
      if (v[0] < min) min = v[0];
      if (v[0] > max) max = v[0];
      i = 1;
    }
    for (; i < n && t[i] <= end_ms; ++i) {
      const double x = v[i];
      counter += x < last ? x : x - last;
      last = x;
      sum += x;
      if (x < min) min = x;
      if (x > max) max = x;
    }
    out->t.push_back(end_ms);
    out->count.push_back(static_cast<double>(i - begin));
    out->sum.push_back(sum);
    out->min.push_back(min);
    out->max.push_back(max);
    out->counter.push_back(counter);
  }
}

int64_t TargetChunks(int64_t min_ms, int64_t max_ms, int64_t from_ms, int64_t to_ms,
                     uint64_t count) {
  if (max_ms <= min_ms) return 1;
  const auto range_ms = static_cast<double>(max_ms - min_ms);
  const double windows = static_cast<double>((max_ms - min_ms) / to_ms);
  const double fullness =
      std::min(1.0, static_cast<double>(count) / (range_ms / static_cast<double>(from_ms)));
  const int64_t expected = static_cast<int64_t>(windows * fullness) + 1;
  return expected / (kChunkSamplesTarget + 1) + 1;
}

size_t DropStaleFloats(size_t begin, std::vector<int64_t>* t, std::vector<double>* v) {
  const size_t size = t->size();
  const int64_t* times = t->data();
  const double* values = v->data();
  bool clean = true;
  int64_t last = 0;
  for (size_t i = begin; i < size; ++i) {
    clean &= times[i] >= last && std::bit_cast<uint64_t>(values[i]) != model::kStaleNanBits;
    last = times[i];
  }
  if (clean) return size;
  size_t kept = begin;
  last = 0;
  for (size_t i = begin; i < size; ++i) {
    if (model::IsStaleNan((*v)[i]) || (*t)[i] < last) continue;
    last = (*t)[i];
    (*t)[kept] = last;
    (*v)[kept++] = (*v)[i];
  }
  t->resize(kept);
  v->resize(kept);
  return kept;
}

}  // namespace thanos::downsampling
