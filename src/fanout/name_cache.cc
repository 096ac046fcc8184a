#include "fanout/name_cache.h"

#include <algorithm>

namespace thanos::fanout {
namespace {

constexpr size_t kLookerThreads = 8;

}  // namespace

NameCache::NameCache(std::shared_ptr<net::Resolver> resolver, std::chrono::nanoseconds interval,
                     base::Logger logger, metrics::Registry* registry, const std::string& prefix)
    : resolver_(std::move(resolver)),
      interval_(interval),
      logger_(std::move(logger)),
      lookups_(registry->AddCounter(prefix + "dns_lookups_total",
                                    "The number of DNS lookups resolutions attempts.")),
      failures_(registry->AddCounter(prefix + "dns_failures_total",
                                     "The number of DNS lookup failures.")),
      lookers_("dns", kLookerThreads) {
  registry->AddCallback(prefix + "dns_provider_results",
                        "The number of resolved endpoints for each configured address.", false,
                        [this] {
                          std::vector<metrics::Registry::Sample> samples;
                          std::lock_guard lock(mutex_);
                          for (const auto& [name, entry] : names_) {
                            const auto count = static_cast<double>(entry.addresses.size());
                            samples.push_back({{{"addr", name}}, count});
                          }
                          return samples;
                        });
  thread_ = std::thread([this] { Run(); });
}

NameCache::~NameCache() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  context_.Cancel();
  thread_.join();
}

void NameCache::SetNames(const std::vector<std::string>& names) {
  std::lock_guard lock(mutex_);
  const size_t before = names_.size();
  std::erase_if(names_, [&](const auto& item) {
    return std::find(names.begin(), names.end(), item.first) == names.end();
  });
  if (names_.size() != before) ++version_;
  for (const std::string& name : names) {
    if (names_.try_emplace(name).second) fresh_ = true;
  }
  if (fresh_) changed_.notify_all();
}

std::vector<std::string> NameCache::AddressesOf(const std::string& name) const {
  std::lock_guard lock(mutex_);
  const auto at = names_.find(name);
  return at == names_.end() ? std::vector<std::string>() : at->second.addresses;
}

bool NameCache::looked_up(const std::string& name) const {
  std::lock_guard lock(mutex_);
  const auto at = names_.find(name);
  return at != names_.end() && at->second.looked_up;
}

bool NameCache::settled() const {
  std::lock_guard lock(mutex_);
  return std::all_of(names_.begin(), names_.end(),
                     [](const auto& item) { return item.second.looked_up; });
}

uint64_t NameCache::version() const {
  std::lock_guard lock(mutex_);
  return version_;
}

void NameCache::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    fresh_ = false;
    lock.unlock();
    LookUpAll();
    lock.lock();
    changed_.wait_for(lock, interval_, [this] { return stopping_ || fresh_; });
  }
}

void NameCache::LookUpAll() {
  std::vector<std::string> names;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [name, entry] : names_) names.push_back(name);
  }
  // Errors are kept within LookUp, one name does not stop the others.
  (void)base::ParallelFor(&lookers_, names.size(), [&](size_t i) {
    LookUp(names[i]);
    return OkStatus();
  });
}

void NameCache::LookUp(const std::string& name) {
  lookups_.Add();
  auto found = resolver_->Resolve(context_.WithTimeout(interval_), name);
  if (!found.ok() && !context_.cancelled()) {
    failures_.Add();
    logger_.Warn("DNS resolution failed; keeping the addresses known",
                 {{"addr", name}, {"err", found.status()}});
  }
  std::lock_guard lock(mutex_);
  const auto at = names_.find(name);
  if (at == names_.end()) return;
  if (!at->second.looked_up || (found.ok() && at->second.addresses != *found)) ++version_;
  at->second.looked_up = true;
  if (found.ok()) at->second.addresses = *std::move(found);
}

}  // namespace thanos::fanout
