// A finished span, as exporters send it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "thanos/trace.h"
#include "tracing/propagation.h"

namespace thanos::tracing {

inline constexpr size_t kAttributesMax = 128;
inline constexpr size_t kEventsMax = 128;
/// A longer text is cut here and ends in "…".
inline constexpr size_t kTextBytesMax = 16 << 10;

struct SpanEvent {
  int64_t time_ns = 0;  // Since the epoch.
  std::string name;
};

struct SpanRecord {
  SpanIds ids;
  SpanId parent{};  // All zero: none.
  bool parent_is_remote = false;
  std::string name;
  SpanKind kind = SpanKind::kInternal;
  int64_t start_ns = 0, end_ns = 0;  // Since the epoch.
  std::vector<std::pair<std::string, TraceValue>> attributes;
  std::vector<SpanEvent> events;
  uint32_t attributes_dropped = 0, events_dropped = 0;  // Past the bounds above.
  bool failed = false;
  std::string error;

  bool has_parent() const { return parent != SpanId{}; }
  /// About what it holds, for the queue's bound.
  size_t bytes() const;
};

/// Where finished spans go. Thread-safe, does not block.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  virtual void Take(SpanRecord record) = 0;
};

}  // namespace thanos::tracing
