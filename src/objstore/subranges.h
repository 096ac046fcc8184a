// Which pieces of an object hold a range, and in how few requests the missing ones are read.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace thanos::objstore {

struct Subrange {
  int64_t begin = 0, end = 0;
};

/// The pieces of `piece` bytes (the last one is cut at `size`) that [begin, end) touches.
std::vector<Subrange> PiecesOf(int64_t begin, int64_t end, int64_t size, int64_t piece);

/// `missing` ascends. Neighbours are joined; then the smallest gaps are, until at most `most` are
/// left (0 or less: all are as many as they are).
std::vector<Subrange> JoinMissing(std::span<const Subrange> missing, int64_t most);

}  // namespace thanos::objstore
