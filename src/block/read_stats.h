// What the reading of blocks cost one call: the counters behind a store's metrics.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>

namespace thanos::block {

/// Of one kind of item. Touched is what the answer needed, fetched what was read from the object:
/// less where a cache had it, more bytes where gaps were read too.
struct ReadCounts {
  std::atomic<uint64_t> touched{0}, touched_bytes{0};
  std::atomic<uint64_t> fetched{0}, fetched_bytes{0};
  std::atomic<uint64_t> refetched{0};  // Items longer than was guessed: read twice.
  std::atomic<uint64_t> fetch_ns{0};   // Summed over fetches, which may run side by side.

  void Touch(uint64_t items, uint64_t bytes) {
    touched.fetch_add(items, std::memory_order_relaxed);
    touched_bytes.fetch_add(bytes, std::memory_order_relaxed);
  }
};

/// Of one call, over all its blocks. Thread-safe.
struct ReadStats {
  ReadCounts postings, series, chunks;
  std::atomic<uint64_t> chunks_wall_ns{0};     // Waited for chunks.
  std::atomic<uint64_t> empty_postings{0};     // Blocks in which nothing matched.
  std::atomic<uint64_t> deferred_streams{0};   // Blocks where matchers were checked on series.
  std::atomic<uint64_t> deferred_groups{0};    // Such matchers.
  std::atomic<uint64_t> deferred_bytes{0};     // Lists not read because of that.
  std::atomic<uint64_t> overfetched_bytes{0};  // Entries read and thrown away because of that.
  /// Told of each batch of entries. Set before reading begins.
  std::function<void(double seconds)> on_series_batch;
};

/// Adds the time of its life.
class ReadTimer {
 public:
  explicit ReadTimer(std::atomic<uint64_t>* total_ns) : total_ns_(total_ns) {}
  ReadTimer(const ReadTimer&) = delete;
  ~ReadTimer() {
    if (total_ns_ == nullptr) return;
    const auto spent = std::chrono::steady_clock::now() - begin_;
    total_ns_->fetch_add(static_cast<uint64_t>(std::chrono::nanoseconds(spent).count()),
                         std::memory_order_relaxed);
  }

 private:
  std::atomic<uint64_t>* total_ns_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace thanos::block
