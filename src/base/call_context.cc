#include "thanos/call_context.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace thanos {

std::shared_ptr<Budget> Budget::Make(std::string name, size_t limit_bytes, std::string flag,
                                     std::shared_ptr<Budget> parent) {
  return std::shared_ptr<Budget>(
      new Budget(std::move(name), limit_bytes, std::move(flag), std::move(parent)));
}

Budget::Budget(std::string name, size_t limit, std::string flag, std::shared_ptr<Budget> parent)
    : name_(std::move(name)), flag_(std::move(flag)), limit_(limit), parent_(std::move(parent)) {}

Status Budget::Charge(size_t bytes) {
  const size_t used = used_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (limit_ != 0 && used > limit_) {
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    refused_.store(true, std::memory_order_relaxed);
    std::string text = "memory budget of " + name_ + " is used up: limit " +
                       std::to_string(limit_) + " bytes, in use " + std::to_string(used - bytes) +
                       ", asked for " + std::to_string(bytes);
    if (!flag_.empty()) text += " (raise --" + flag_ + ")";
    return ResourceExhaustedError(std::move(text));
  }
  if (parent_) {
    if (Status status = parent_->Charge(bytes); !status.ok()) {
      used_.fetch_sub(bytes, std::memory_order_relaxed);
      refused_.store(true, std::memory_order_relaxed);
      return status;
    }
  }
  size_t peak = peak_.load(std::memory_order_relaxed);
  while (used > peak && !peak_.compare_exchange_weak(peak, used, std::memory_order_relaxed)) {
  }
  return OkStatus();
}

void Budget::Release(size_t bytes) {
  used_.fetch_sub(bytes, std::memory_order_relaxed);
  if (parent_) parent_->Release(bytes);
}

Result<BudgetLease> BudgetLease::Take(std::shared_ptr<Budget> budget, size_t bytes) {
  BudgetLease lease;
  lease.budget_ = std::move(budget);
  THANOS_RETURN_IF_ERROR(lease.Grow(bytes));
  return lease;
}

BudgetLease& BudgetLease::operator=(BudgetLease&& other) noexcept {
  if (this != &other) {
    Reset();
    budget_ = std::move(other.budget_);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

Status BudgetLease::Grow(size_t bytes) {
  if (!budget_) return OkStatus();
  THANOS_RETURN_IF_ERROR(budget_->Charge(bytes));
  bytes_ += bytes;
  return OkStatus();
}

void BudgetLease::Shrink(size_t bytes) {
  if (!budget_) return;
  bytes = std::min(bytes, bytes_);
  budget_->Release(bytes);
  bytes_ -= bytes;
}

void BudgetLease::Reset() {
  if (budget_ && bytes_ != 0) budget_->Release(bytes_);
  bytes_ = 0;
  budget_.reset();
}

// A callback, and whether it is still to run, running, or done. The condition lets the destructor
// of a registration wait out a run on another thread.
struct CallContext::Registration::Entry {
  std::mutex mutex;
  std::condition_variable finished;
  std::function<void()> callback;
  enum { kWaiting, kRunning, kDone } state = kWaiting;
  std::thread::id runner;

  void Run() {
    {
      std::lock_guard lock(mutex);
      if (state != kWaiting) return;
      state = kRunning;
      runner = std::this_thread::get_id();
    }
    callback();
    std::lock_guard lock(mutex);
    callback = nullptr;
    state = kDone;
    finished.notify_all();
  }

  void TakeOff() {
    std::unique_lock lock(mutex);
    if (state == kWaiting) state = kDone;
    if (runner == std::this_thread::get_id()) return;
    finished.wait(lock, [this] { return state != kRunning; });
    callback = nullptr;
  }
};

struct CallContext::State {
  std::atomic<bool> cancelled{false};
  std::mutex mutex;
  Status reason;                                            // Guarded by mutex.
  std::vector<std::weak_ptr<Registration::Entry>> entries;  // Guarded by mutex.
  std::vector<std::weak_ptr<State>> children;               // Guarded by mutex.
  size_t sweep_at = 16;                                     // Guarded by mutex.
  SteadyTime deadline = SteadyTime::max();
  std::shared_ptr<Budget> budget;
  std::string tenant{kDefaultTenant};
  std::string request_id;
  std::shared_ptr<TraceSpan> span;
  std::shared_ptr<State> parent;

  // Forgets what is gone, each time the lists have doubled: amortised O(1) a registration.
  void Sweep() {
    if (entries.size() + children.size() < sweep_at) return;
    std::erase_if(entries, [](const auto& entry) { return entry.expired(); });
    std::erase_if(children, [](const auto& child) { return child.expired(); });
    sweep_at = std::max<size_t>(16, 2 * (entries.size() + children.size()));
  }

  void Cancel(const Status& why) {
    std::vector<std::weak_ptr<Registration::Entry>> to_run;
    std::vector<std::weak_ptr<State>> to_cancel;
    {
      std::lock_guard lock(mutex);
      if (cancelled.load()) return;
      reason = why;
      cancelled.store(true);
      to_run.swap(entries);
      to_cancel.swap(children);
    }
    for (auto& weak : to_run) {
      if (auto entry = weak.lock()) entry->Run();
    }
    for (auto& weak : to_cancel) {
      if (auto child = weak.lock()) child->Cancel(why);
    }
  }
};

CallContext::Registration& CallContext::Registration::operator=(Registration&& other) noexcept {
  if (this != &other) {
    if (entry_) entry_->TakeOff();
    entry_ = std::move(other.entry_);
  }
  return *this;
}

CallContext::Registration::~Registration() {
  if (entry_) entry_->TakeOff();
}

CallContext::CallContext() : state_(std::make_shared<State>()) {
  static const std::shared_ptr<Budget> kUnlimited = Budget::Make("unlimited", 0);
  state_->budget = kUnlimited;
}

std::shared_ptr<CallContext::State> CallContext::MakeChild() const {
  auto child = std::make_shared<State>();
  child->deadline = state_->deadline;
  child->budget = state_->budget;
  child->tenant = state_->tenant;
  child->request_id = state_->request_id;
  child->span = state_->span;
  child->parent = state_;
  std::lock_guard lock(state_->mutex);
  if (state_->cancelled.load()) {
    child->reason = state_->reason;
    child->cancelled.store(true);
  } else {
    state_->Sweep();
    state_->children.push_back(child);
  }
  return child;
}

CallContext CallContext::WithDeadline(SteadyTime deadline) const {
  auto child = MakeChild();
  child->deadline = std::min(child->deadline, deadline);
  return CallContext(std::move(child));
}

CallContext CallContext::WithTimeout(std::chrono::nanoseconds timeout) const {
  const auto now = std::chrono::steady_clock::now();
  if (timeout > SteadyTime::max() - now) return WithCancel();
  return WithDeadline(now + timeout);
}

CallContext CallContext::WithBudget(std::shared_ptr<Budget> budget) const {
  auto child = MakeChild();
  child->budget = std::move(budget);
  return CallContext(std::move(child));
}

CallContext CallContext::WithTenant(std::string tenant) const {
  auto child = MakeChild();
  child->tenant = std::move(tenant);
  return CallContext(std::move(child));
}

CallContext CallContext::WithRequestId(std::string request_id) const {
  auto child = MakeChild();
  child->request_id = std::move(request_id);
  return CallContext(std::move(child));
}

CallContext CallContext::WithSpan(std::shared_ptr<TraceSpan> span) const {
  auto child = MakeChild();
  child->span = std::move(span);
  return CallContext(std::move(child));
}

CallContext CallContext::WithCancel() const { return CallContext(MakeChild()); }

void CallContext::Cancel(Status reason) const { state_->Cancel(reason); }

bool CallContext::cancelled() const { return state_->cancelled.load(std::memory_order_acquire); }

Status CallContext::Check() const {
  if (cancelled()) {
    std::lock_guard lock(state_->mutex);
    return state_->reason;
  }
  if (state_->deadline != SteadyTime::max() &&
      std::chrono::steady_clock::now() >= state_->deadline) {
    return DeadlineExceededError("context deadline exceeded");
  }
  return OkStatus();
}

SteadyTime CallContext::deadline() const { return state_->deadline; }
const std::shared_ptr<Budget>& CallContext::budget() const { return state_->budget; }
const std::string& CallContext::tenant() const { return state_->tenant; }
const std::string& CallContext::request_id() const { return state_->request_id; }
const std::shared_ptr<TraceSpan>& CallContext::span() const { return state_->span; }

CallContext::Registration CallContext::OnCancel(std::function<void()> callback) const {
  auto entry = std::make_shared<Registration::Entry>();
  entry->callback = std::move(callback);
  bool run_now = false;
  {
    std::lock_guard lock(state_->mutex);
    run_now = state_->cancelled.load();
    if (!run_now) {
      state_->Sweep();
      state_->entries.push_back(entry);
    }
  }
  if (run_now) entry->Run();
  return Registration(std::move(entry));
}

}  // namespace thanos
