// Waiting that ends with the context: for a condition, or for a while.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::base {

/// Blocks until done(), which is asked with `mutex` held whenever `changed` is notified, and not
/// again once it was true. When the context ends before, gave_up() is called, still with the mutex
/// held, and the context's status is returned. The mutex is not held before and after.
template <typename Done, typename GaveUp>
Status Await(const CallContext& context, std::mutex& mutex, std::condition_variable& changed,
             const Done& done, const GaveUp& gave_up) {
  // Registered before the mutex is taken: a context that is cancelled already calls at once.
  const auto registration = context.OnCancel([&] {
    const std::lock_guard lock(mutex);
    changed.notify_all();
  });
  std::unique_lock lock(mutex);
  bool ready = false;
  const auto over = [&] {
    ready = done();
    return ready || context.cancelled();
  };
  if (context.deadline() == SteadyTime::max()) {
    changed.wait(lock, over);
  } else {
    changed.wait_until(lock, context.deadline(), over);
  }
  if (ready) return OkStatus();
  gave_up();
  lock.unlock();
  Status why = context.Check();
  return why.ok() ? DeadlineExceededError("context deadline exceeded") : why;
}

template <typename Done>
Status Await(const CallContext& context, std::mutex& mutex, std::condition_variable& changed,
             const Done& done) {
  return Await(context, mutex, changed, done, [] {});
}

/// OK after the time; the context's status when it ends before.
Status SleepFor(const CallContext& context, std::chrono::nanoseconds time);

}  // namespace thanos::base
