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

size_t FloatWindows::held_bytes() const {
  return 8 * (t.capacity() + count.capacity() + sum.capacity() + min.capacity() + max.capacity() +
              counter.capacity());
}

template <WindowColumns columns>
void AggregateFloats(const int64_t* t, const double* v, size_t n, int64_t resolution_ms,
                     FloatWindows* out) {
  constexpr bool kAll = columns == WindowColumns::kAll;
  constexpr bool kSum = kAll || columns == WindowColumns::kSum;
  constexpr bool kMin = kAll || columns == WindowColumns::kMin;
  constexpr bool kMax = kAll || columns == WindowColumns::kMax;
  constexpr bool kCounter = kAll || columns == WindowColumns::kCounter;
  if (out->t.size() < n + 2) {
    out->t.resize(n + 2);
    out->counter.resize(n + 2);
    for (auto* column : {&out->count, &out->sum, &out->min, &out->max}) column->resize(n);
  }
  int64_t* const times = out->t.data() + 1;
  double* const counters = out->counter.data() + 1;
  double* const counts = out->count.data();
  double* const sums = out->sum.data();
  double* const minima = out->min.data();
  double* const maxima = out->max.data();
  const int64_t last_ms = t[n - 1];
  int64_t window_end_ms = WindowEnd(t[0], resolution_ms);
  // The first sample sets the counter.
  double counter = v[0], before = v[0];
  const auto rise = [&](double x) {
    // Chosen without a branch: a value that fell starts anew from 0.
    const double from = x < before ? 0.0 : before;
    counter += x - from;
    before = x;
  };
  size_t windows = 0;
  for (size_t i = 0; i < n; ++windows) {
    // Mostly the next window follows: a division less.
    if (t[i] > window_end_ms) window_end_ms += resolution_ms;
    if (t[i] > window_end_ms) window_end_ms = WindowEnd(t[i], resolution_ms);
    const int64_t end_ms = window_end_ms < last_ms ? window_end_ms : last_ms;
    double sum = 0;
    double min = std::numeric_limits<double>::max();
    double max = -std::numeric_limits<double>::max();
    const size_t begin = i;
    const auto add = [&](double x) {
      if constexpr (kSum) sum += x;
      if constexpr (kMin) min = x < min ? x : min;
      if constexpr (kMax) max = x > max ? x : max;
    };
    if constexpr (kCounter) {
      if (i > 0) rise(v[i]);
    }
    add(v[i++]);
    for (; i < n && t[i] <= end_ms; ++i) {
      if constexpr (kCounter) rise(v[i]);
      add(v[i]);
    }
    times[windows] = end_ms;
    if constexpr (kAll) counts[windows] = static_cast<double>(i - begin);
    if constexpr (kSum) sums[windows] = sum;
    if constexpr (kMin) minima[windows] = min;
    if constexpr (kMax) maxima[windows] = max;
    if constexpr (kCounter) counters[windows] = counter;
  }
  out->size = windows;
}

template void AggregateFloats<WindowColumns::kAll>(const int64_t*, const double*, size_t, int64_t,
                                                   FloatWindows*);
template void AggregateFloats<WindowColumns::kSum>(const int64_t*, const double*, size_t, int64_t,
                                                   FloatWindows*);
template void AggregateFloats<WindowColumns::kMin>(const int64_t*, const double*, size_t, int64_t,
                                                   FloatWindows*);
template void AggregateFloats<WindowColumns::kMax>(const int64_t*, const double*, size_t, int64_t,
                                                   FloatWindows*);
template void AggregateFloats<WindowColumns::kCounter>(const int64_t*, const double*, size_t,
                                                       int64_t, FloatWindows*);

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

namespace {

// No time below 0 or below the one before, no stale marker. Sign bits collect what is wrong, so
// that the loop runs over vectors.
bool IsClean(const int64_t* t, const double* v, size_t n) {
  if (n == 0) return true;
  uint64_t wrong = static_cast<uint64_t>(t[0]);
  for (size_t i = 1; i < n; ++i) {
    // Of two times from 0 on the difference does not overflow.
    wrong |= static_cast<uint64_t>(t[i]) |
             (static_cast<uint64_t>(t[i]) - static_cast<uint64_t>(t[i - 1]));
  }
  for (size_t i = 0; i < n; ++i) {
    const uint64_t difference = std::bit_cast<uint64_t>(v[i]) ^ model::kStaleNanBits;
    wrong |= (difference - 1) & ~difference;  // The sign is set for 0 alone.
  }
  return wrong >> 63 == 0;
}

}  // namespace

size_t DropStaleFloats(size_t begin, std::vector<int64_t>* t, std::vector<double>* v) {
  const size_t size = t->size();
  if (IsClean(t->data() + begin, v->data() + begin, size - begin)) return size;
  size_t kept = begin;
  int64_t last = 0;
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
