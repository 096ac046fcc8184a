// Which functions use the CPU: each thread is looked at after every 10 ms of CPU time it used.
#pragma once

#include <chrono>
#include <cstdint>

#include "profile/stack.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::profile {

inline constexpr int64_t kCpuPeriodNs = 10'000'000;
inline constexpr size_t kThreadsMax = 4096;  // More are not looked at.

struct CpuProfile {
  StackValues stacks;  // Looks, and nanoseconds.
  int64_t missed = 0;  // Looks that found the buffer full.
};

/// Takes `time`, or until the context ends: then its error. kFailedPrecondition while another one
/// runs in this process. Any thread.
Result<CpuProfile> CollectCpu(const CallContext& context, std::chrono::nanoseconds time);

}  // namespace thanos::profile
