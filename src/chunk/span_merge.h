// Comparing and uniting bucket layouts. Private to the room. Rules: formats/tsdb-block §6.7.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/histogram.h"

namespace thanos::chunk {

using Spans = std::vector<model::HistogramSpan>;

/// The index of every bucket the spans cover, ascending.
std::vector<int32_t> BucketIndices(std::span<const model::HistogramSpan> spans);

/// Spans of ascending indices: a gap begins a new span.
Spans SpansOf(std::span<const int32_t> indices);

/// One side (positive or negative) of the chunk `a` beside that of the histogram `b`.
struct SideMerge {
  bool reset = false;    // Some bucket of `a` shrank, or a non-empty one is missing in `b`.
  bool a_lacks = false;  // `b` has buckets that `a` does not.
  bool b_lacks = false;
  std::vector<int32_t> united;  // Indices of both.
};

/// `a_counts` and `b_counts` are absolute. Resets are looked for when `counter`.
template <typename Count>
SideMerge MergeSides(std::span<const int32_t> a, std::span<const Count> a_counts,
                     std::span<const int32_t> b, std::span<const Count> b_counts, bool counter) {
  SideMerge out;
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (j == b.size() || (i < a.size() && a[i] < b[j])) {
      out.reset |= counter && a_counts[i] != Count{0};
      out.b_lacks = true;
      out.united.push_back(a[i++]);
    } else if (i == a.size() || b[j] < a[i]) {
      out.a_lacks = true;
      out.united.push_back(b[j++]);
    } else {
      out.reset |= counter && b_counts[j] < a_counts[i];
      out.united.push_back(a[i++]);
      ++j;
    }
  }
  return out;
}

/// The counts of `from` at the places of `to`, which holds all of them; others are zero.
template <typename Count>
std::vector<Count> Rebase(std::span<const int32_t> from, std::span<const Count> counts,
                          std::span<const int32_t> to) {
  std::vector<Count> out(to.size());
  for (size_t i = 0, j = 0; i < from.size(); ++i, ++j) {
    while (to[j] != from[i]) ++j;
    out[j] = counts[i];
  }
  return out;
}

}  // namespace thanos::chunk
