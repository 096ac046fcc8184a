// Threads for handlers that may block. Internal to rpc.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace thanos::rpc {

/// Makes threads as tasks come, up to a bound, and lets them go when they are idle for long.
/// Thread-safe. The destructor runs what is queued, then joins.
class HandlerPool {
 public:
  HandlerPool(std::string name, size_t threads_max, size_t queue_max);
  ~HandlerPool();
  HandlerPool(const HandlerPool&) = delete;

  /// False when too many tasks wait.
  bool TrySubmit(std::function<void()> task);

 private:
  void Run(std::list<std::thread>::iterator self);
  void JoinLeavers(std::unique_lock<std::mutex>& lock);

  const std::string name_;
  const size_t threads_max_;
  const size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;  // Guarded by mutex_.
  std::list<std::thread> threads_;           // Guarded by mutex_.
  std::list<std::thread> leavers_;           // Guarded by mutex_: about to end, to be joined.
  size_t idle_ = 0;                          // Guarded by mutex_.
  bool stopping_ = false;                    // Guarded by mutex_.
};

}  // namespace thanos::rpc
