// Start timestamps of samples: when a counter began to count. 0 is unknown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace thanos::promql {

/// Start times may be fewer than samples: those behind the end are unknown.
inline int64_t StartAt(std::span<const int64_t> starts, size_t i) {
  return i < starts.size() ? starts[i] : 0;
}

inline std::span<const int64_t> StartsFrom(std::span<const int64_t> starts, size_t begin,
                                           size_t count) {
  if (begin >= starts.size()) return {};
  return starts.subspan(begin, count < starts.size() - begin ? count : starts.size() - begin);
}

/// The counter began anew between sample i - 1 and sample i.
inline bool StartsAnew(std::span<const int64_t> t, std::span<const int64_t> starts, size_t i) {
  const int64_t start = StartAt(starts, i);
  if (start == 0 || start >= t[i] || start < t[i - 1]) return false;
  if (start > t[i - 1]) return true;
  // Deltas that follow each other without a gap.
  const int64_t before = StartAt(starts, i - 1);
  return before != 0 && before < t[i - 1];
}

/// Sample i claims to have begun before sample i - 1 was taken, and not with it.
inline bool StartOverlaps(std::span<const int64_t> t, std::span<const int64_t> starts, size_t i) {
  const int64_t start = StartAt(starts, i);
  return start != 0 && start < t[i - 1] && start != StartAt(starts, i - 1);
}

}  // namespace thanos::promql
