// What every call carries: deadline, cancellation, memory budget, tenant, request id, trace.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "thanos/status.h"

namespace thanos {

/// A node in the tree process > role > request. Charges count in the node and all its ancestors.
/// Thread-safe. Children keep their parents alive.
class Budget {
 public:
  /// `limit_bytes` 0 means no limit of its own. `name` and `flag` stand in the refusal's text:
  /// "budget of <name> is used up: ... (raise --<flag>)".
  static std::shared_ptr<Budget> Make(std::string name, size_t limit_bytes, std::string flag = "",
                                      std::shared_ptr<Budget> parent = nullptr);

  /// kResourceExhausted names the budget that refused; nothing stays charged then.
  Status Charge(size_t bytes);
  void Release(size_t bytes);
  size_t used_bytes() const { return used_.load(std::memory_order_relaxed); }
  size_t peak_bytes() const { return peak_.load(std::memory_order_relaxed); }
  size_t limit_bytes() const { return limit_; }
  /// True once a charge made here or below was refused: the failure is then not that of a peer.
  bool refused() const { return refused_.load(std::memory_order_relaxed); }
  const std::string& name() const { return name_; }

 private:
  Budget(std::string name, size_t limit, std::string flag, std::shared_ptr<Budget> parent);

  const std::string name_;
  const std::string flag_;
  const size_t limit_;
  const std::shared_ptr<Budget> parent_;
  std::atomic<size_t> used_{0};
  std::atomic<size_t> peak_{0};
  std::atomic<bool> refused_{false};
};

/// A charge that is given back when this goes away. Movable; one owner, any thread.
class BudgetLease {
 public:
  BudgetLease() = default;
  static Result<BudgetLease> Take(std::shared_ptr<Budget> budget, size_t bytes);
  BudgetLease(BudgetLease&& other) noexcept { *this = std::move(other); }
  BudgetLease& operator=(BudgetLease&& other) noexcept;
  ~BudgetLease() { Reset(); }

  /// Charges `bytes` more.
  Status Grow(size_t bytes);
  /// Gives back `bytes` of them, or all.
  void Shrink(size_t bytes);
  void Reset();
  size_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<Budget> budget_;
  size_t bytes_ = 0;
};

using SteadyTime = std::chrono::steady_clock::time_point;

class TraceSpan;  // thanos/trace.h

/// A cheap handle, thread-safe. Copies share cancellation; WithX() makes a child that is also
/// cancelled with its parent.
class CallContext {
 public:
  /// A callback's registration. Going away, it takes the callback off; when that is just running
  /// on another thread, it waits for its end.
  class Registration {
   public:
    Registration() = default;
    Registration(Registration&&) noexcept = default;
    Registration& operator=(Registration&& other) noexcept;
    ~Registration();

   private:
    friend class CallContext;
    struct Entry;
    explicit Registration(std::shared_ptr<Entry> entry) : entry_(std::move(entry)) {}
    std::shared_ptr<Entry> entry_;
  };

  /// No deadline, no limit, tenant "default-tenant".
  CallContext();

  CallContext WithDeadline(SteadyTime deadline) const;  // The earlier of both holds.
  CallContext WithTimeout(std::chrono::nanoseconds timeout) const;
  CallContext WithBudget(std::shared_ptr<Budget> budget) const;
  CallContext WithTenant(std::string tenant) const;
  CallContext WithRequestId(std::string request_id) const;
  CallContext WithSpan(std::shared_ptr<TraceSpan> span) const;
  /// A child that can be cancelled alone.
  CallContext WithCancel() const;

  /// Idempotent. Runs the callbacks of this context and its children on the calling thread.
  void Cancel(Status reason = CancelledError("context canceled")) const;

  /// OK, kCancelled (or the reason given), or kDeadlineExceeded "context deadline exceeded".
  Status Check() const;
  bool cancelled() const;
  /// SteadyTime::max() when there is none.
  SteadyTime deadline() const;
  const std::shared_ptr<Budget>& budget() const;
  const std::string& tenant() const;
  const std::string& request_id() const;
  /// The span that this call's work belongs to; null when it is not traced.
  const std::shared_ptr<TraceSpan>& span() const;

  /// Called once on cancellation (not at the deadline); at once when already cancelled. Must not
  /// block, and must not destroy its own registration.
  [[nodiscard]] Registration OnCancel(std::function<void()> callback) const;

 private:
  struct State;
  explicit CallContext(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> MakeChild() const;
  std::shared_ptr<State> state_;
};

inline constexpr std::string_view kDefaultTenant = "default-tenant";

}  // namespace thanos
