// The endpoints of a querier: addresses from flags and DNS, kept up to date by Info calls.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "fanout/endpoint.h"
#include "metrics/registry.h"
#include "net/resolver.h"

namespace thanos::fanout {

struct EndpointSpec {
  std::string address;  // "host:port" or with a DNS prefix.
  bool strict = false;
};

struct EndpointSetOptions {
  std::vector<EndpointSpec> specs;
  std::chrono::nanoseconds info_timeout = std::chrono::seconds(5);  // Of a call, and the period.
  std::chrono::nanoseconds dns_interval = std::chrono::seconds(30);
  std::chrono::nanoseconds unhealthy_timeout = std::chrono::minutes(5);
  std::chrono::nanoseconds response_timeout{0};  // Silence of a Series stream.
  /// Failing endpoints are asked again after this: a peer that comes up is used soon.
  std::chrono::nanoseconds failing_period = std::chrono::seconds(1);
  std::shared_ptr<rpc::CallObserver> observer;
  std::shared_ptr<net::Resolver> resolver;  // Null: the system's.
};

/// Thread-safe. Owns the thread that keeps it up to date.
class EndpointSet {
 public:
  EndpointSet(EndpointSetOptions options, base::Logger logger, metrics::Registry* registry);
  ~EndpointSet();

  /// Waits until every endpoint was asked once, at most `timeout`.
  bool WaitForFirstUpdate(std::chrono::nanoseconds timeout);
  /// All that are known, in order of addresses.
  std::vector<std::shared_ptr<Endpoint>> All() const;

 private:
  void Run();
  void ResolveSpecs();
  void CheckAll(bool failing_only);
  void RemoveDead();

  const EndpointSetOptions options_;
  const base::Logger logger_;
  std::shared_ptr<net::Resolver> resolver_;
  metrics::Counter dns_lookups_, dns_failures_, duplicates_;
  metrics::GaugeFamily dns_results_;
  CallContext context_;  // Cancelled when this goes.

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, updated_ = false;                     // Guarded by mutex_.
  std::map<std::string, std::shared_ptr<Endpoint>> endpoints_;  // Guarded by mutex_.
  std::map<std::string, int64_t> created_ms_;                   // Guarded by mutex_.
  std::map<std::string, std::vector<std::string>> resolved_;    // Of the thread only.
  std::thread thread_;
  base::Executor checkers_;
};

}  // namespace thanos::fanout
