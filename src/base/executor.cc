#include "base/executor.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <utility>

#include <pthread.h>
#include <sched.h>

namespace thanos::base {

Executor::Executor(std::string name, size_t threads, size_t queue_max)
    : name_(std::move(name)), queue_max_(queue_max) {
  for (size_t i = 0; i < std::max<size_t>(threads, 1); ++i) {
    threads_.emplace_back([this] { Run(); });
    pthread_setname_np(threads_.back().native_handle(), name_.substr(0, 15).c_str());
  }
}

Executor::~Executor() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  not_empty_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Executor::Run() {
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      not_empty_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    not_full_.notify_one();
    task();
  }
}

void Executor::Submit(std::function<void()> task) {
  {
    std::unique_lock lock(mutex_);
    not_full_.wait(lock, [this] { return queue_.size() < queue_max_; });
    queue_.push_back(std::move(task));
  }
  not_empty_.notify_one();
}

bool Executor::TrySubmit(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    if (queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(task));
  }
  not_empty_.notify_one();
  return true;
}

namespace {

// One ParallelFor: indices are handed out by a counter, so that a helper that starts late finds
// nothing to do and touches nothing of the caller's frame but this shared block.
//
// Helpers are asked for one by one, each by the one before it as it begins: work that is over in
// microseconds wakes one thread, work that waits on storage has all of them within a few wake-ups.
struct ParallelState : std::enable_shared_from_this<ParallelState> {
  ParallelState(Executor& pool, size_t total, std::function<Status(size_t)> work)
      : executor(pool),
        count(total),
        helpers_left(std::min(total - 1, pool.threads())),
        body(std::move(work)) {}
  Executor& executor;
  const size_t count;
  std::atomic<size_t> helpers_left;
  const std::function<Status(size_t)> body;
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::condition_variable all_done;
  size_t running = 0;  // Guarded by mutex: workers inside Work().
  Status first_error;  // Guarded by mutex.

  bool AnyLeft() const { return next.load() < count && !failed.load(); }

  // The pool outlives the caller, who waits for what is running: called from there only.
  void AskForHelper() {
    size_t left = helpers_left.load();
    while (left > 0 && !helpers_left.compare_exchange_weak(left, left - 1)) {
    }
    if (left == 0 || !AnyLeft()) return;
    executor.TrySubmit([self = shared_from_this()] {
      if (self->AnyLeft()) self->Work();
    });
  }

  void Work() {
    {
      std::lock_guard lock(mutex);
      ++running;
    }
    AskForHelper();
    for (;;) {
      const size_t i = next.fetch_add(1);
      if (i >= count || failed.load()) break;
      Status status = body(i);
      if (!status.ok()) {
        std::lock_guard lock(mutex);
        if (!failed.exchange(true)) first_error = std::move(status);
      }
    }
    std::lock_guard lock(mutex);
    if (--running == 0) all_done.notify_all();
  }
};

}  // namespace

Status ParallelFor(Executor* executor, size_t count, const std::function<Status(size_t)>& body) {
  if (executor == nullptr || count < 2) {
    for (size_t i = 0; i < count; ++i) THANOS_RETURN_IF_ERROR(body(i));
    return OkStatus();
  }
  auto state = std::make_shared<ParallelState>(*executor, count, body);
  state->Work();
  std::unique_lock lock(state->mutex);
  state->all_done.wait(lock, [&] { return state->running == 0; });
  return state->first_error;
}

std::unique_ptr<Executor> MakeHelpers(std::string name, size_t concurrency) {
  if (concurrency < 2) return nullptr;
  return std::make_unique<Executor>(std::move(name), concurrency - 1);
}

PeriodicTask::PeriodicTask(std::string name, std::chrono::nanoseconds period,
                           std::function<void()> body, bool run_at_once) {
  thread_ = std::thread([this, period, body = std::move(body), run_at_once] {
    bool run = run_at_once;
    for (;;) {
      if (run) body();
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, period, [this] { return stopping_ || woken_; });
      if (stopping_) return;
      woken_ = false;
      run = true;
    }
  });
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

void PeriodicTask::Wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void PeriodicTask::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

size_t UsableCpus() {
  cpu_set_t set;
  size_t cpus = std::max(1u, std::thread::hardware_concurrency());
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cpus = static_cast<size_t>(CPU_COUNT(&set));
  if (std::FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    long quota = 0, period = 0;
    if (std::fscanf(file, "%ld %ld", &quota, &period) == 2 && quota > 0 && period > 0) {
      cpus = std::min(cpus, static_cast<size_t>((quota + period - 1) / period));
    }
    std::fclose(file);
  }
  return std::max<size_t>(cpus, 1);
}

}  // namespace thanos::base
