#include "tracing/sampler.h"

#include <algorithm>
#include <chrono>

namespace thanos::tracing {
namespace {

// OpenTelemetry's rule, so that all processes of a trace agree without asking each other.
uint64_t BoundOf(double ratio) {
  if (!(ratio > 0)) return 0;
  if (ratio >= 1) return uint64_t{1} << 63;
  return static_cast<uint64_t>(ratio * static_cast<double>(uint64_t{1} << 63));
}

uint64_t LowHalf(const TraceId& trace) {
  uint64_t value = 0;
  for (size_t i = 8; i < trace.size(); ++i) value = value << 8 | trace[i];
  return value;
}

}  // namespace

Sampler::Sampler(const SamplerConfig& config)
    : config_(config),
      bound_(BoundOf(config.param)),
      tokens_(std::max(config.param, 1.0)),
      refilled_at_(std::chrono::steady_clock::now()) {}

bool Sampler::Sample(const TraceId& trace, const std::optional<SpanIds>& parent) {
  if (parent && config_.parent_based) {
    if (!parent->sampled || !config_.decides_for_sampled_remote) return parent->sampled;
  }
  return Decide(trace);
}

bool Sampler::Decide(const TraceId& trace) {
  switch (config_.kind) {
    case SamplerConfig::Kind::kAlways:
      return true;
    case SamplerConfig::Kind::kNever:
      return false;
    case SamplerConfig::Kind::kRatio:
      return LowHalf(trace) >> 1 < bound_;
    case SamplerConfig::Kind::kRateLimit:
      return TakeToken();
  }
  return false;
}

// A bucket that holds one second's worth, at least one.
bool Sampler::TakeToken() {
  if (config_.param <= 0) return false;
  const SteadyTime now = std::chrono::steady_clock::now();
  std::lock_guard lock(mutex_);
  const double seconds = std::chrono::duration<double>(now - refilled_at_).count();
  tokens_ = std::min(std::max(config_.param, 1.0), tokens_ + seconds * config_.param);
  refilled_at_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

}  // namespace thanos::tracing
