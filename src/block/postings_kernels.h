// Set operations on ascending arrays of references.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace thanos::block {

/// What an intersection may write behind its result.
inline constexpr size_t kPostingsSlack = 8;

/// Elements of both. `out` has room for the shorter one and kPostingsSlack, and may not overlap the
/// inputs. Returns their number. Inputs out of order give a wrong set, nothing worse.
size_t IntersectPostings(std::span<const uint32_t> a, std::span<const uint32_t> b, uint32_t* out);

/// Elements of `a` that are not in `b`; `out` has room for all of `a` and may be `a` itself.
size_t SubtractPostings(std::span<const uint32_t> a, std::span<const uint32_t> b, uint32_t* out);

/// Elements of any, each once.
std::vector<uint32_t> UnitePostings(std::span<const std::span<const uint32_t>> lists);

/// Big-endian references as stored to native ones. False when they do not strictly ascend.
bool LoadBigEndianPostings(const std::byte* from, size_t count, uint32_t* out);

/// The plain merge, for comparison in tests.
size_t IntersectPostingsScalar(std::span<const uint32_t> a, std::span<const uint32_t> b,
                               uint32_t* out);

}  // namespace thanos::block
