// Many small ranges of one object, read in few large pieces.
// Rules: formats/algorithms §8.1.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/executor.h"
#include "base/pinned_bytes.h"
#include "base/single_flight.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::block {

/// [begin, end) of an object.
struct ByteSpan {
  uint64_t begin = 0;
  uint64_t end = 0;
};

/// How long one read waits, learned from those that were made. Thread-safe.
class ReadPace {
 public:
  void Observe(std::chrono::nanoseconds spent, uint64_t bytes);
  /// Reads come back at once, as from a local disk: asking twice costs less than holding more.
  bool IsQuick() const;
  /// Each read costs a wait: fewer and larger ones are better.
  bool IsSlow() const;

 private:
  std::atomic<int64_t> smoothed_ns_{0};  // 0: nothing is known yet.
};

struct FetchOptions {
  /// Bytes between two ranges that are rather read than left out; fewer where reads are quick.
  uint64_t gap_bytes_max = 512 << 10;
  /// No piece grows beyond this by joining.
  uint64_t piece_bytes_max = 16 << 20;
  /// For pieces of one call; null: one after the other.
  base::Executor* executor = nullptr;
  /// Asked before anything is read, with the bytes of all pieces: limits refuse here.
  std::function<Status(uint64_t bytes)> admit;
  ReadPace* pace = nullptr;  // Told of each read; may be null.
  /// Where reads take time, a piece that several calls want at once is read once. Null: by each.
  base::SingleFlight* flights = nullptr;
};

struct FetchedRanges {
  std::vector<std::span<const std::byte>> ranges;
  std::vector<base::PinnedBytes> pieces;  // What they lie in.
};

/// The bytes of each range, in the order given (which is ascending by begin); ranges may overlap.
/// Parts behind the end of the object are left out: a result may be shorter than its range.
/// Cancellation is looked at before every piece.
Result<FetchedRanges> FetchRanges(const CallContext& context, base::RangeReader& reader,
                                  std::span<const ByteSpan> ranges, const FetchOptions& options);

}  // namespace thanos::block
