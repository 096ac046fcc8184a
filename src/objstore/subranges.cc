#include "objstore/subranges.h"

#include <algorithm>
#include <functional>

namespace thanos::objstore {

std::vector<Subrange> PiecesOf(int64_t begin, int64_t end, int64_t size, int64_t piece) {
  std::vector<Subrange> out;
  for (int64_t at = begin / piece * piece; at < end; at += piece) {
    out.push_back({at, std::min(at + piece, size)});
  }
  return out;
}

std::vector<Subrange> JoinMissing(std::span<const Subrange> missing, int64_t most) {
  std::vector<Subrange> out;
  for (const Subrange& piece : missing) {
    if (!out.empty() && out.back().end == piece.begin) {
      out.back().end = piece.end;
    } else {
      out.push_back(piece);
    }
  }
  if (most <= 0 || std::ssize(out) <= most) return out;
  // The largest gaps stay.
  std::vector<int64_t> gaps;
  for (size_t i = 1; i < out.size(); ++i) gaps.push_back(out[i].begin - out[i - 1].end);
  const auto kept = static_cast<size_t>(most - 1);
  std::vector<int64_t> sorted = gaps;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const int64_t smallest_kept = kept == 0 ? INT64_MAX : sorted[kept - 1];
  // Of gaps as large as the smallest kept one, only so many stay.
  size_t ties = static_cast<size_t>(
      std::count(sorted.begin(), sorted.begin() + static_cast<ptrdiff_t>(kept), smallest_kept));
  std::vector<Subrange> joined = {out[0]};
  for (size_t i = 1; i < out.size(); ++i) {
    const int64_t gap = gaps[i - 1];
    const bool stays = gap > smallest_kept || (gap == smallest_kept && ties > 0);
    if (gap == smallest_kept && stays) --ties;
    if (stays) {
      joined.push_back(out[i]);
    } else {
      joined.back().end = out[i].end;
    }
  }
  return joined;
}

}  // namespace thanos::objstore
