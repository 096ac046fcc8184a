// A bounded pool of threads: the CPU pool computes, the I/O pool waits on object storage.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "thanos/status.h"

namespace thanos::base {

/// Runs tasks in order of arrival. Thread-safe. The destructor runs what is queued, then joins.
class Executor {
 public:
  /// `queue_max` bounds the tasks that wait: Submit blocks, TrySubmit refuses.
  Executor(std::string name, size_t threads, size_t queue_max = 1 << 16);
  ~Executor();
  Executor(const Executor&) = delete;

  void Submit(std::function<void()> task);
  bool TrySubmit(std::function<void()> task);
  size_t threads() const { return threads_.size(); }

 private:
  void Run();
  const std::string name_;
  const size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable not_empty_, not_full_;
  std::deque<std::function<void()>> queue_;  // Guarded by mutex_.
  bool stopping_ = false;                    // Guarded by mutex_.
  std::vector<std::thread> threads_;
};

/// Runs body(0) … body(count - 1) on the pool and the calling thread, and waits for all. The first
/// error stops what has not begun and is returned. Never deadlocks when nested: the caller works.
/// Without a pool the caller does all of it, in order.
Status ParallelFor(Executor* executor, size_t count, const std::function<Status(size_t)>& body);

/// A pool for ParallelFor that makes `concurrency` bodies run at once, the caller's among them:
/// null for one.
std::unique_ptr<Executor> MakeHelpers(std::string name, size_t concurrency);

/// A thread that calls `body` every `period` until it goes away; Wake() calls it now.
class PeriodicTask {
 public:
  PeriodicTask(std::string name, std::chrono::nanoseconds period, std::function<void()> body,
               bool run_at_once);
  ~PeriodicTask() { Stop(); }
  void Wake();
  /// Waits for a running call to end. Idempotent.
  void Stop();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, woken_ = false;  // Guarded by mutex_.
  std::thread thread_;
};

/// Number of CPUs this process may use (affinity and cgroup quota), at least 1.
size_t UsableCpus();

}  // namespace thanos::base
