#include "rpc/handler_pool.h"

#include <system_error>

#include <pthread.h>

namespace thanos::rpc {
namespace {

constexpr std::chrono::seconds kIdleTime{10};

}  // namespace

HandlerPool::HandlerPool(std::string name, size_t threads_max, size_t queue_max)
    : name_(name.substr(0, 15)), threads_max_(threads_max), queue_max_(queue_max) {}

HandlerPool::~HandlerPool() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  wake_.notify_all();
  while (!threads_.empty() || !leavers_.empty()) {
    if (leavers_.empty()) {
      wake_.wait(lock);
    } else {
      JoinLeavers(lock);
    }
  }
}

void HandlerPool::JoinLeavers(std::unique_lock<std::mutex>& lock) {
  std::list<std::thread> leavers;
  leavers.swap(leavers_);
  lock.unlock();
  for (std::thread& thread : leavers) thread.join();
  lock.lock();
}

bool HandlerPool::TrySubmit(std::function<void()> task) {
  std::unique_lock lock(mutex_);
  if (stopping_ || queue_.size() >= queue_max_) return false;
  if (queue_.size() >= idle_ && threads_.size() < threads_max_) {
    const auto self = threads_.emplace(threads_.end());
    try {
      *self = std::thread([this, self] { Run(self); });
      pthread_setname_np(self->native_handle(), name_.c_str());
    } catch (const std::system_error&) {
      // No more threads are to be had: those we have will come to it.
      threads_.erase(self);
      if (threads_.empty()) return false;
    }
  }
  queue_.push_back(std::move(task));
  wake_.notify_one();
  return true;
}

void HandlerPool::Run(std::list<std::thread>::iterator self) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (queue_.empty()) {
      ++idle_;
      const bool woken =
          wake_.wait_for(lock, kIdleTime, [this] { return stopping_ || !queue_.empty(); });
      --idle_;
      if (!woken || queue_.empty()) break;
    }
    std::function<void()> task = std::move(queue_.front());
    queue_.pop_front();
    if (!leavers_.empty()) JoinLeavers(lock);
    lock.unlock();
    task();
    task = nullptr;  // What it holds goes before the lock is taken.
    lock.lock();
  }
  leavers_.splice(leavers_.end(), threads_, self);
  wake_.notify_all();
}

}  // namespace thanos::rpc
