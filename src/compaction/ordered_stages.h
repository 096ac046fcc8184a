// Work on items by several threads, whose results are taken in the order the items came.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "thanos/status.h"

namespace thanos::compaction {

/// One thread fills items and pushes them; `work` runs for several at once, on the helpers and on
/// that thread, `take` for one at a time in the order of Push. What comes out does not depend on
/// the number of threads: errors neither, the first in that order ends it. Never waits for a
/// helper to become free. `Item` has Clear().
template <typename Item>
class OrderedStages {
 public:
  using Step = std::function<Status(Item&)>;
  /// `helpers` null: all runs on the pushing thread. At most `under_way_max` items exist.
  OrderedStages(base::Executor* helpers, size_t under_way_max, Step work, Step take)
      : helpers_(helpers), state_(std::make_shared<State>()) {
    state_->under_way_max = under_way_max;
    state_->work = std::move(work);
    state_->take = std::move(take);
  }
  OrderedStages(const OrderedStages&) = delete;
  /// Drops what nobody works on yet and waits for the rest.
  ~OrderedStages() {
    std::unique_lock lock(state_->mutex);
    state_->pending.clear();
    state_->changed.wait(lock, [this] { return state_->active == 0; });
  }

  /// An empty item to fill. Works on others while too many are under way.
  Result<std::unique_ptr<Item>> Next() {
    State& s = *state_;
    while (true) {
      {
        std::unique_lock lock(s.mutex);
        if (!s.failed.ok()) return s.failed;
        if (s.pushed - s.taken < s.under_way_max) {
          if (s.free.empty()) return std::make_unique<Item>();
          std::unique_ptr<Item> item = std::move(s.free.back());
          s.free.pop_back();
          return item;
        }
        if (s.pending.empty()) {
          s.changed.wait(lock);
          continue;
        }
      }
      RunOne(s);
    }
  }

  void Push(std::unique_ptr<Item> item) {
    {
      std::lock_guard lock(state_->mutex);
      state_->pending.emplace_back(state_->pushed++, std::move(item));
    }
    if (helpers_ == nullptr) {
      RunOne(*state_);
    } else {
      // Where the helpers' queue is full the pushing thread does it in time.
      (void)helpers_->TrySubmit([state = state_] { RunOne(*state); });
    }
  }

  /// Waits until all is taken, or for the error.
  Status Finish() {
    State& s = *state_;
    while (true) {
      {
        std::unique_lock lock(s.mutex);
        if (s.taken == s.pushed) return s.failed;
        if (s.pending.empty()) {
          s.changed.wait(lock);
          continue;
        }
      }
      RunOne(s);
    }
  }

 private:
  struct Done {
    std::unique_ptr<Item> item;
    Status status;
  };
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    size_t under_way_max = 1;
    Step work, take;
    // All guarded by mutex.
    std::deque<std::pair<uint64_t, std::unique_ptr<Item>>> pending;  // With their numbers.
    std::map<uint64_t, Done> done;                                   // By number.
    std::vector<std::unique_ptr<Item>> free;
    uint64_t pushed = 0, taken = 0;
    size_t active = 0;    // Threads in RunOne.
    bool taking = false;  // One of them takes.
    Status failed;
  };

  static void RunOne(State& s) {
    std::unique_lock lock(s.mutex);
    if (s.pending.empty()) return;
    auto [number, item] = std::move(s.pending.front());
    s.pending.pop_front();
    ++s.active;
    Status status = s.failed;
    lock.unlock();
    if (status.ok()) status = s.work(*item);
    lock.lock();
    s.done.emplace(number, Done{std::move(item), std::move(status)});
    if (!s.taking) TakeAll(s, lock);
    --s.active;
    s.changed.notify_all();
  }

  static void TakeAll(State& s, std::unique_lock<std::mutex>& lock) {
    s.taking = true;
    while (!s.done.empty() && s.done.begin()->first == s.taken) {
      Done done = std::move(s.done.begin()->second);
      s.done.erase(s.done.begin());
      Status status = s.failed.ok() ? std::move(done.status) : s.failed;
      lock.unlock();
      if (status.ok()) status = s.take(*done.item);
      done.item->Clear();
      lock.lock();
      s.failed = std::move(status);
      s.free.push_back(std::move(done.item));
      ++s.taken;
      s.changed.notify_all();
    }
    s.taking = false;
  }

  base::Executor* const helpers_;
  const std::shared_ptr<State> state_;
};

}  // namespace thanos::compaction
