// The CPUs, shared between those who compute.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::base {

/// At most so many compute at a time, one piece of work each (milliseconds). When more want to, the
/// one goes on whose tenant has had least, and of a tenant's queries the one that has had least.
/// Who comes begins with as much as the one that has had least, so that nobody saves up. A tenant
/// that just computed finds a place free: others leave it its part for a few milliseconds.
/// Thread-safe; outlives its shares.
class CpuShares {
 public:
  explicit CpuShares(size_t places);
  ~CpuShares();
  CpuShares(const CpuShares&) = delete;

  /// What a query has had. Several threads may compute for one.
  class Share;
  std::shared_ptr<Share> Join(const std::string& tenant);

  /// A place that is held while this lives. Who holds one must not wait for another.
  class Turn {
   public:
    Turn() = default;
    /// Waits while the context lasts. Without a share there is nothing to wait for.
    static Result<Turn> Take(const CallContext& context, const std::shared_ptr<Share>& share);
    Turn(Turn&& other) noexcept;
    Turn& operator=(Turn&& other) noexcept;
    ~Turn() { Give(); }
    void Give();

   private:
    Turn(std::shared_ptr<Share> share, std::chrono::steady_clock::time_point since)
        : share_(std::move(share)), since_(since) {}
    std::shared_ptr<Share> share_;
    std::chrono::steady_clock::time_point since_;
  };

  size_t waiting() const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Tenant {
    uint64_t used_ns = 0;
    size_t inside = 0, waiting = 0;
    Time last;  // When it joined or gave back a place.
    std::set<const Share*> shares;
  };
  struct Waiter {
    Share* share;
    std::condition_variable changed;
    bool admitted = false;
  };

  void Part(Share* share);
  bool MayEnter(const Tenant& tenant, Time now) const;
  void Enter(Share* share);
  void AdmitWaiting(Time now);
  Status Wait(const CallContext& context, Share* share);

  const size_t places_;
  mutable std::mutex mutex_;
  size_t inside_ = 0;                      // Guarded by mutex_, as all below.
  std::map<std::string, Tenant> tenants_;  // Those that have shares.
  std::list<Waiter*> waiting_;             // In order of arrival.
};

}  // namespace thanos::base
