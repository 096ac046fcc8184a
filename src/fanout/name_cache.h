// Names looked up again and again, and what they stood for when that last worked.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "metrics/registry.h"
#include "net/resolver.h"

namespace thanos::fanout {

/// Thread-safe. Owns the thread that keeps it up to date. A look-up that fails keeps what was
/// known: a failing name server must not empty the querier.
class NameCache {
 public:
  /// Metrics are <prefix>dns_lookups_total, dns_failures_total and dns_provider_results{addr}.
  NameCache(std::shared_ptr<net::Resolver> resolver, std::chrono::nanoseconds interval,
            base::Logger logger, metrics::Registry* registry, const std::string& prefix);
  ~NameCache();

  /// Those wanted from now on; new ones are looked up at once.
  void SetNames(const std::vector<std::string>& names);
  /// Empty while nothing is known.
  std::vector<std::string> AddressesOf(const std::string& name) const;
  /// True when it was looked up, whether that worked or not.
  bool looked_up(const std::string& name) const;
  /// True when each name was looked up, whether that worked or not.
  bool settled() const;
  /// Grows with every change of what is known.
  uint64_t version() const;

 private:
  struct Entry {
    bool looked_up = false;
    std::vector<std::string> addresses;
  };
  void Run();
  void LookUpAll();
  void LookUp(const std::string& name);

  const std::shared_ptr<net::Resolver> resolver_;
  const std::chrono::nanoseconds interval_;
  const base::Logger logger_;
  metrics::Counter lookups_, failures_;
  CallContext context_;  // Cancelled when this goes.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Entry> names_;     // Guarded by mutex_.
  bool stopping_ = false, fresh_ = false;  // Guarded by mutex_; fresh_: a name is new.
  uint64_t version_ = 0;                   // Guarded by mutex_.
  base::Executor lookers_;
  std::thread thread_;
};

}  // namespace thanos::fanout
