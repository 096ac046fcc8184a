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
#include <string>
#include <tuple>

#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::base {

/// At most so many compute at a time, one piece of work each (milliseconds). When more want to, one
/// of the tenant that has had least goes on; a tenant that comes begins with as much as the one
/// that has had least, so that nobody saves up. A tenant that just computed finds a place free:
/// others leave it its part for a few milliseconds.
///
/// Of a tenant's queries the oldest one goes on, so that each is done, and its memory free, before
/// the next has taken much: all at once would all be late. One that has had long waits behind those
/// that have had less (by steps of a quarter second, one, four, …), but has every fourth turn.
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
    size_t shares = 0;
    uint64_t turns = 0;
  };
  struct Waiter {
    Share* share;
    std::condition_variable changed;
    bool admitted = false;
  };

  void Part(Share* share);
  bool MayEnter(const Tenant& tenant, Time now) const;
  std::tuple<uint64_t, int, uint64_t> OrderOf(const Share& share) const;
  void Enter(Share* share);
  void AdmitWaiting(Time now);
  Status Wait(const CallContext& context, Share* share);

  const size_t places_;
  mutable std::mutex mutex_;
  size_t inside_ = 0;  // Guarded by mutex_, as all below.
  uint64_t joined_ = 0;
  std::map<std::string, Tenant> tenants_;  // Those that have shares.
  std::list<Waiter*> waiting_;             // In order of arrival.
};

}  // namespace thanos::base
