// Deleted time ranges of series, beside a block that was not rewritten yet.
// Format: formats/tsdb-block §7.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "chunk/decode.h"
#include "thanos/status.h"

namespace thanos::block {

/// Closed: both ends are inside.
struct Interval {
  int64_t min_ms = 0;
  int64_t max_ms = 0;
  friend bool operator==(const Interval&, const Interval&) = default;
};

/// Inserts into a sorted list of disjoint intervals; what overlaps or adjoins becomes one.
void AddInterval(Interval interval, std::vector<Interval>* intervals);
/// True when one of the sorted intervals holds all of [min_ms, max_ms].
bool CoversRange(std::span<const Interval> intervals, int64_t min_ms, int64_t max_ms);
/// True when some interval has a time in common with [min_ms, max_ms].
bool TouchesRange(std::span<const Interval> intervals, int64_t min_ms, int64_t max_ms);
/// Takes out the samples whose times lie in an interval.
void DeleteSamples(std::span<const Interval> intervals, chunk::Columns* columns);

/// Intervals by series reference (of the index). A value type.
class Tombstones {
 public:
  /// kDataLoss when malformed.
  static Result<Tombstones> Parse(std::span<const std::byte> file);
  /// The file, series ascending.
  std::string Write() const;

  void Add(uint64_t series, Interval interval) { AddInterval(interval, &by_series_[series]); }
  /// Sorted, disjoint; empty when nothing of the series is deleted.
  std::span<const Interval> Of(uint64_t series) const;
  bool empty() const { return by_series_.empty(); }
  uint64_t interval_count() const;
  const std::map<uint64_t, std::vector<Interval>>& by_series() const { return by_series_; }

 private:
  std::map<uint64_t, std::vector<Interval>> by_series_;
};

}  // namespace thanos::block
