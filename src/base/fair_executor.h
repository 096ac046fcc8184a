// A bounded pool whose threads are shared fairly between those who bring work.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fair_queue.h"

namespace thanos::base {

/// Runs tasks by the rules of FairQueue: a flow with a thousand tasks delays another's by one of
/// them at most. Thread-safe. The destructor runs what is queued, then joins.
class FairExecutor {
 public:
  /// `waiting_max` bounds the tasks that wait, of all flows.
  FairExecutor(std::string name, size_t threads, size_t waiting_max);
  ~FairExecutor();
  FairExecutor(const FairExecutor&) = delete;

  /// False when too many wait.
  bool TrySubmit(const std::string& flow, std::function<void()> task);

 private:
  void Run();
  const size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  FairQueue<std::function<void()>> queue_;  // Guarded by mutex_.
  bool stopping_ = false;                   // Guarded by mutex_.
  std::vector<std::thread> threads_;
};

}  // namespace thanos::base
