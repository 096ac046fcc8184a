// Where memory is taken with `new`, and what of it stays: samples of a span of time.
//
// The program's operator new and delete are replaced by ones that look at one flag; only while a
// profile is being taken do they count. Memory that C libraries take with malloc is not seen. With
// a sanitizer, which has operators of its own, there are no heap profiles.
#pragma once

#include <chrono>
#include <cstdint>

#include "profile/stack.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::profile {

inline constexpr int64_t kHeapPeriodBytes = 512 << 10;  // One sample for so much, on average.
inline constexpr size_t kLiveSamplesMax = 1 << 20;      // More are not followed to their end.

struct HeapProfile {
  /// Scaled up to all: objects and bytes taken in the time, and those of them that are still held.
  StackValues stacks;
  int64_t not_followed = 0;  // Samples past kLiveSamplesMax.
};

/// Takes `time`, or until the context ends: then its error. kFailedPrecondition while another one
/// runs, kUnimplemented with a sanitizer. Any thread.
Result<HeapProfile> CollectHeap(const CallContext& context, std::chrono::nanoseconds time);

}  // namespace thanos::profile
