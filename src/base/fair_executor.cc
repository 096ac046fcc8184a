#include "base/fair_executor.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <pthread.h>

namespace thanos::base {

FairExecutor::FairExecutor(std::string name, size_t threads, size_t waiting_max)
    : waiting_max_(waiting_max), queue_(threads) {
  for (size_t i = 0; i < std::max<size_t>(threads, 1); ++i) {
    threads_.emplace_back([this] { Run(); });
    pthread_setname_np(threads_.back().native_handle(), name.substr(0, 15).c_str());
  }
}

FairExecutor::~FairExecutor() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool FairExecutor::TrySubmit(const std::string& flow, std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    if (queue_.waiting() >= waiting_max_) return false;
    queue_.Push(flow, std::move(task));
  }
  changed_.notify_one();
  return true;
}

void FairExecutor::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    std::optional<std::pair<std::string, std::function<void()>>> next;
    // What may not go on now may when another thread is done: it looks for itself.
    changed_.wait(lock, [&] {
      next = queue_.Next(std::chrono::steady_clock::now());
      return next || (stopping_ && queue_.waiting() == 0);
    });
    if (!next) return;
    lock.unlock();
    next->second();
    next->second = nullptr;  // What it holds goes away without the lock.
    lock.lock();
    queue_.Leave(next->first, std::chrono::steady_clock::now());
  }
}

}  // namespace thanos::base
