#include "base/cpu_shares.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/await.h"

namespace thanos::base {
namespace {

// How long a tenant that does not compute is left its part.
constexpr std::chrono::milliseconds kLeft{10};
// The oldest query of a tenant has one of so many turns, however long it has had.
constexpr uint64_t kOldestTurn = 4;
constexpr uint64_t kFirstLevelNs = 250'000'000;
constexpr uint64_t kLevelFactor = 4;

int LevelOf(uint64_t used_ns) {
  int level = 0;
  for (uint64_t bound = kFirstLevelNs; used_ns >= bound && level < 16; bound *= kLevelFactor) {
    ++level;
  }
  return level;
}

}  // namespace

class CpuShares::Share {
 public:
  Share(CpuShares* owner, std::map<std::string, Tenant>::iterator tenant, uint64_t number)
      : owner_(owner), tenant_(tenant), number_(number) {}
  ~Share() { owner_->Part(this); }

 private:
  friend CpuShares;
  CpuShares* const owner_;
  const std::map<std::string, Tenant>::iterator tenant_;
  const uint64_t number_;  // In order of joining.
  uint64_t used_ns_ = 0;   // Guarded by the owner's mutex.
};

CpuShares::CpuShares(size_t places) : places_(std::max<size_t>(places, 1)) {}

CpuShares::~CpuShares() = default;

std::shared_ptr<CpuShares::Share> CpuShares::Join(const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto [tenant, added] = tenants_.try_emplace(name);
  tenant->second.last = std::chrono::steady_clock::now();
  if (added && tenants_.size() > 1) {
    uint64_t least_ns = UINT64_MAX;
    for (auto at = tenants_.begin(); at != tenants_.end(); ++at) {
      if (at != tenant) least_ns = std::min(least_ns, at->second.used_ns);
    }
    tenant->second.used_ns = least_ns;
  }
  ++tenant->second.shares;
  return std::make_shared<Share>(this, tenant, ++joined_);
}

void CpuShares::Part(Share* share) {
  std::lock_guard lock(mutex_);
  if (--share->tenant_->second.shares == 0) tenants_.erase(share->tenant_);
}

// A tenant with no place has one whenever one is free; more only beside the parts of the others
// that want to compute, or did just now.
bool CpuShares::MayEnter(const Tenant& tenant, Time now) const {
  if (inside_ >= places_) return false;
  if (tenant.inside == 0 || tenants_.size() == 1) return true;
  size_t present = 0;
  for (const auto& [name, other] : tenants_) {
    present += &other == &tenant || other.inside + other.waiting > 0 || now - other.last <= kLeft;
  }
  return tenant.inside < std::max<size_t>(1, places_ / present);
}

// The least goes on.
std::tuple<uint64_t, int, uint64_t> CpuShares::OrderOf(const Share& share) const {
  const Tenant& tenant = share.tenant_->second;
  const bool oldest = tenant.turns % kOldestTurn == 0;
  return {tenant.used_ns, oldest ? 0 : LevelOf(share.used_ns_), share.number_};
}

void CpuShares::Enter(Share* share) {
  ++inside_;
  ++share->tenant_->second.inside;
  ++share->tenant_->second.turns;
}

void CpuShares::AdmitWaiting(Time now) {
  while (inside_ < places_) {
    auto best = waiting_.end();
    for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
      if (!MayEnter((*at)->share->tenant_->second, now)) continue;
      if (best == waiting_.end() || OrderOf(*(*at)->share) < OrderOf(*(*best)->share)) best = at;
    }
    if (best == waiting_.end()) return;
    Waiter* const next = *best;
    waiting_.erase(best);
    --next->share->tenant_->second.waiting;
    Enter(next->share);
    next->admitted = true;
    next->changed.notify_one();
  }
}

Status CpuShares::Wait(const CallContext& context, Share* share) {
  Waiter waiter{.share = share};
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back(&waiter);
    ++share->tenant_->second.waiting;
    AdmitWaiting(std::chrono::steady_clock::now());
  }
  return Await(
      context, mutex_, waiter.changed, [&] { return waiter.admitted; },
      [&] {
        waiting_.remove(&waiter);
        --share->tenant_->second.waiting;
      });
}

size_t CpuShares::waiting() const {
  std::lock_guard lock(mutex_);
  return waiting_.size();
}

Result<CpuShares::Turn> CpuShares::Turn::Take(const CallContext& context,
                                              const std::shared_ptr<Share>& share) {
  if (share == nullptr) return Turn();
  CpuShares& owner = *share->owner_;
  const Time now = std::chrono::steady_clock::now();
  {
    std::lock_guard lock(owner.mutex_);
    if (owner.waiting_.empty() && owner.MayEnter(share->tenant_->second, now)) {
      owner.Enter(share.get());
      return Turn(share, now);
    }
  }
  THANOS_RETURN_IF_ERROR(owner.Wait(context, share.get()));
  return Turn(share, std::chrono::steady_clock::now());
}

CpuShares::Turn::Turn(Turn&& other) noexcept
    : share_(std::move(other.share_)), since_(other.since_) {}

CpuShares::Turn& CpuShares::Turn::operator=(Turn&& other) noexcept {
  std::swap(share_, other.share_);
  std::swap(since_, other.since_);
  return *this;
}

void CpuShares::Turn::Give() {
  if (share_ == nullptr) return;
  const Time now = std::chrono::steady_clock::now();
  const auto used = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(now - since_).count());
  {
    CpuShares& owner = *share_->owner_;
    std::lock_guard lock(owner.mutex_);
    Tenant& tenant = share_->tenant_->second;
    share_->used_ns_ += used;
    tenant.used_ns += used;
    tenant.last = now;
    --tenant.inside;
    --owner.inside_;
    owner.AdmitWaiting(now);
  }
  share_.reset();
}

}  // namespace thanos::base
