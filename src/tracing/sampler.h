// Which traces are recorded. The decision is made once a trace and process, at the first span.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "tracing/propagation.h"

namespace thanos::tracing {

struct SamplerConfig {
  enum class Kind : uint8_t { kAlways, kNever, kRatio, kRateLimit };
  Kind kind = Kind::kRatio;
  /// Of traces, for kRatio: 1 and more is all. Traces a second, for kRateLimit.
  double param = 1;
  /// A caller's decision is followed, whichever it was.
  bool parent_based = true;
  /// With `parent_based`: where the caller recorded, the kind decides all the same.
  bool decides_for_sampled_remote = false;
};

/// Thread-safe.
class Sampler {
 public:
  explicit Sampler(const SamplerConfig& config);
  /// `parent` is the caller's span in another process.
  bool Sample(const TraceId& trace, const std::optional<SpanIds>& parent);

 private:
  bool Decide(const TraceId& trace);
  bool TakeToken();

  const SamplerConfig config_;
  const uint64_t bound_;  // Ratio: traces whose low 63 bits are below it.
  std::mutex mutex_;
  double tokens_;           // Guarded by mutex_.
  SteadyTime refilled_at_;  // Guarded by mutex_.
};

}  // namespace thanos::tracing
