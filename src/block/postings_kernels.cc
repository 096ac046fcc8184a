#include "block/postings_kernels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace thanos::block {
namespace {

// From this ratio on the longer list is searched instead of walked.
constexpr size_t kGallopRatio = 32;

// Gallops in the long list for each element of the short one. The bisection stays branchy: the
// speculation acts as a prefetch, branch-free code waits for each load.
size_t IntersectGallop(std::span<const uint32_t> few, std::span<const uint32_t> many,
                       uint32_t* out) {
  size_t count = 0;
  size_t at = 0;
  for (const uint32_t wanted : few) {
    size_t step = 32;
    size_t high = at;
    while (high < many.size() && many[high] < wanted) {
      at = high + 1;
      high += step;
      step *= 2;
    }
    const auto end = many.begin() + static_cast<ptrdiff_t>(std::min(high, many.size()));
    at = static_cast<size_t>(
        std::lower_bound(many.begin() + static_cast<ptrdiff_t>(at), end, wanted) - many.begin());
    if (at == many.size()) break;
    if (many[at] == wanted) out[count++] = wanted;
  }
  return count;
}

// No branch depends on the data.
size_t IntersectTail(const uint32_t* a, size_t na, const uint32_t* b, size_t nb, uint32_t* out) {
  size_t i = 0, j = 0, count = 0;
  while (i < na && j < nb) {
    const uint32_t x = a[i], y = b[j];
    out[count] = x;
    count += x == y;
    i += x <= y;
    j += y <= x;
  }
  return count;
}

#if defined(__x86_64__)

// For each mask of 8 lanes, the permutation that moves the marked lanes to the front.
struct CompressTable {
  alignas(32) std::array<std::array<uint32_t, 8>, 256> lanes{};
  constexpr CompressTable() {
    for (unsigned mask = 0; mask < 256; ++mask) {
      unsigned at = 0;
      for (unsigned lane = 0; lane < 8; ++lane) {
        if (mask >> lane & 1) lanes[mask][at++] = lane;
      }
    }
  }
};
constexpr CompressTable kCompress;

// Compares 8 x 8 elements at once by rotating one side, then moves on behind the smaller end.
__attribute__((target("avx2,bmi,bmi2,popcnt"))) size_t IntersectAvx2(const uint32_t* a, size_t na,
                                                                     const uint32_t* b, size_t nb,
                                                                     uint32_t* out) {
  size_t i = 0, j = 0, count = 0;
  const __m256i rotate = _mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 0);
  while (i + 8 <= na && j + 8 <= nb) {
    const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + i));
    __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + j));
    __m256i equal = _mm256_cmpeq_epi32(x, y);
    for (int turn = 1; turn < 8; ++turn) {
      y = _mm256_permutevar8x32_epi32(y, rotate);
      equal = _mm256_or_si256(equal, _mm256_cmpeq_epi32(x, y));
    }
    const auto mask = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(equal)));
    const __m256i order =
        _mm256_load_si256(reinterpret_cast<const __m256i*>(kCompress.lanes[mask].data()));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + count),
                        _mm256_permutevar8x32_epi32(x, order));
    count += static_cast<size_t>(std::popcount(mask));
    const uint32_t a_last = a[i + 7], b_last = b[j + 7];
    i += a_last <= b_last ? 8 : 0;
    j += b_last <= a_last ? 8 : 0;
  }
  return count + IntersectTail(a + i, na - i, b + j, nb - j, out + count);
}

bool HasAvx2() {
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
  return has;
}

#endif

std::vector<uint32_t> UniteTwo(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  std::vector<uint32_t> out(a.size() + b.size());
  size_t i = 0, j = 0, count = 0;
  while (i < a.size() && j < b.size()) {
    const uint32_t x = a[i], y = b[j];
    out[count++] = x < y ? x : y;
    i += x <= y;
    j += y <= x;
  }
  const auto rest = i < a.size() ? a.subspan(i) : b.subspan(j);
  if (!rest.empty()) std::memcpy(out.data() + count, rest.data(), rest.size_bytes());
  out.resize(count + rest.size());
  return out;
}

std::vector<uint32_t> UniteByBitmap(std::span<const std::span<const uint32_t>> lists,
                                    uint32_t first, uint32_t last, size_t total) {
  std::vector<uint64_t> bits((last - first) / 64 + 1);
  for (const auto& list : lists) {
    for (const uint32_t reference : list) {
      const uint32_t bit = reference - first;
      // A list out of order may hold what its ends do not bound.
      if (bit <= last - first) bits[bit / 64] |= uint64_t{1} << (bit % 64);
    }
  }
  std::vector<uint32_t> out;
  out.reserve(total);
  for (size_t word = 0; word < bits.size(); ++word) {
    for (uint64_t left = bits[word]; left != 0; left &= left - 1) {
      out.push_back(first + static_cast<uint32_t>(word * 64) +
                    static_cast<uint32_t>(std::countr_zero(left)));
    }
  }
  return out;
}

std::vector<uint32_t> UniteBySorting(std::span<const std::span<const uint32_t>> lists,
                                     size_t total) {
  std::vector<uint32_t> out;
  out.reserve(total);
  for (const auto& list : lists) out.insert(out.end(), list.begin(), list.end());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace

size_t IntersectPostingsScalar(std::span<const uint32_t> a, std::span<const uint32_t> b,
                               uint32_t* out) {
  return IntersectTail(a.data(), a.size(), b.data(), b.size(), out);
}

size_t IntersectPostings(std::span<const uint32_t> a, std::span<const uint32_t> b, uint32_t* out) {
  if (a.size() > b.size()) std::swap(a, b);
  if (a.empty()) return 0;
  if (b.size() / a.size() >= kGallopRatio) return IntersectGallop(a, b, out);
#if defined(__x86_64__)
  if (HasAvx2()) return IntersectAvx2(a.data(), a.size(), b.data(), b.size(), out);
#endif
  return IntersectTail(a.data(), a.size(), b.data(), b.size(), out);
}

size_t SubtractPostings(std::span<const uint32_t> a, std::span<const uint32_t> b, uint32_t* out) {
  size_t j = 0, count = 0;
  for (const uint32_t x : a) {
    while (j < b.size() && b[j] < x) ++j;
    out[count] = x;
    count += j == b.size() || b[j] != x;
  }
  return count;
}

std::vector<uint32_t> UnitePostings(std::span<const std::span<const uint32_t>> lists) {
  std::vector<std::span<const uint32_t>> filled;
  size_t total = 0;
  uint32_t first = UINT32_MAX, last = 0;
  for (const auto& list : lists) {
    if (list.empty()) continue;
    filled.push_back(list);
    total += list.size();
    first = std::min(first, list.front());
    last = std::max(last, list.back());
  }
  if (filled.empty()) return {};
  if (filled.size() == 1) return {filled[0].begin(), filled[0].end()};
  if (filled.size() == 2) return UniteTwo(filled[0], filled[1]);
  // Marking is cheaper than sorting as soon as most words of the bitmap are hit.
  if (last >= first && total > (last - first) / 64) {
    return UniteByBitmap(filled, first, last, total);
  }
  return UniteBySorting(filled, total);
}

bool LoadBigEndianPostings(const std::byte* from, size_t count, uint32_t* out) {
  for (size_t i = 0; i < count; ++i) {
    uint32_t value;
    std::memcpy(&value, from + 4 * i, 4);
    out[i] = __builtin_bswap32(value);
  }
  unsigned wrong = 0;
  for (size_t i = 1; i < count; ++i) wrong |= static_cast<unsigned>(out[i] <= out[i - 1]);
  return wrong == 0;
}

}  // namespace thanos::block
