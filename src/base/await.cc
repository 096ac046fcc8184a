#include "base/await.h"

#include <algorithm>

namespace thanos::base {

Status SleepFor(const CallContext& context, std::chrono::nanoseconds time) {
  std::mutex mutex;
  std::condition_variable changed;
  const auto end = std::chrono::steady_clock::now() + time;
  const Status status =
      Await(context.WithDeadline(end), mutex, changed, [] { return false; });
  return status.code() == StatusCode::kDeadlineExceeded ? context.Check() : status;
}

}  // namespace thanos::base
