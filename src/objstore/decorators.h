// Buckets around buckets: metrics, traces, retries, a prefix, faults.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/registry.h"
#include "thanos/bucket.h"

namespace thanos::objstore {

/// thanos_objstore_bucket_* as common.md §6.2 lists them. kNotFound is an answer, not a failure.
std::unique_ptr<Bucket> WithMetrics(std::unique_ptr<Bucket> inner, metrics::Registry* registry);

/// A span of each operation, where the context's records.
std::unique_ptr<Bucket> WithTraces(std::unique_ptr<Bucket> inner);

struct RetryOptions {
  int attempts = 5;
  int64_t first_backoff_ms = 50;  // Doubled each time, with jitter of one half.
  int64_t backoff_max_ms = 2000;
};
/// Tries again what answered kUnavailable or kDeadlineExceeded of its own, while the context
/// lasts. An upload is retried only when its content has not been read yet.
std::unique_ptr<Bucket> WithRetry(std::unique_ptr<Bucket> inner, RetryOptions options);

/// All names live under `prefix` (no slashes at its ends).
std::unique_ptr<Bucket> WithPrefix(std::unique_ptr<Bucket> inner, std::string prefix);

/// Enumerates every call and every piece of content moved as a point where something may go wrong.
/// Thread-safe.
class FaultPlan {
 public:
  /// What a point says of itself: "upload 01ABC/index", "read 01ABC/index", …
  using Decide = std::function<Status(uint64_t point, std::string_view call)>;

  /// Counts only.
  FaultPlan() = default;
  explicit FaultPlan(Decide decide) : decide_(std::move(decide)) {}

  /// At point `n` and all later ones fails, as a killed process would.
  static std::shared_ptr<FaultPlan> CrashAt(uint64_t n);

  Status Pass(std::string_view call);
  uint64_t points() const;
  std::vector<std::string> calls() const;

 private:
  mutable std::mutex mutex_;
  Decide decide_;
  std::vector<std::string> calls_;  // Guarded by mutex_.
};
/// An upload has a point before it begins, one after each piece read (what was read so far is then
/// lost, or stays as a partial object where the provider cannot help it), and one after its commit.
std::unique_ptr<Bucket> WithFaults(std::unique_ptr<Bucket> inner, std::shared_ptr<FaultPlan> plan);

}  // namespace thanos::objstore
