// The endpoints of a querier, kept up to date: connections to those wanted, their Info.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "fanout/endpoint.h"
#include "fanout/endpoint_config.h"
#include "fanout/group_transport.h"
#include "fanout/name_cache.h"
#include "metrics/registry.h"
#include "net/resolver.h"

namespace thanos::fanout {

struct EndpointSetOptions {
  /// What is wanted now; called by one thread, several times a second.
  std::function<std::vector<EndpointSpec>()> wanted;
  /// A connection to one address. On an error, which is logged, the endpoint is left out until it
  /// works. Null: plain connections; settings that ask for TLS are refused.
  std::function<Result<std::shared_ptr<rpc::Channel>>(const std::string&, const ClientSettings&)>
      connect;
  std::chrono::nanoseconds info_timeout = std::chrono::seconds(5);  // Of a call, and the period.
  std::chrono::nanoseconds dns_interval = std::chrono::seconds(30);
  std::chrono::nanoseconds unhealthy_timeout = std::chrono::minutes(5);
  std::chrono::nanoseconds response_timeout{0};  // Silence of a Series stream.
  /// Failing endpoints are asked again after this: a peer that comes up is used soon.
  std::chrono::nanoseconds failing_period = std::chrono::milliseconds(500);
  /// Labels of thanos_store_nodes_grpc_connections: external_labels, store_type, ip_port.
  std::vector<std::string> connection_labels = {"external_labels", "store_type"};
  std::shared_ptr<net::Resolver> resolver;  // Null: the system's.
};

/// Thread-safe. Owns the thread that keeps it up to date.
class EndpointSet {
 public:
  EndpointSet(EndpointSetOptions options, base::Logger logger, metrics::Registry* registry);
  ~EndpointSet();

  /// Waits until every name was looked up and every endpoint asked once, at most `timeout`.
  bool WaitForFirstUpdate(std::chrono::nanoseconds timeout);
  /// All that are known, in order of addresses.
  std::vector<std::shared_ptr<Endpoint>> All() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    EndpointSpec spec;
    std::shared_ptr<Endpoint> endpoint;
    std::shared_ptr<GroupTransport> group;  // Null unless spec.group.
    int64_t created_ms = 0;
    Clock::time_point next_check;
    bool checking = false, checked = false;
  };

  void Run();
  /// True when all names that are wanted had been looked up before.
  bool TakeWanted();
  /// Address (or "thanos:///address" of a group) to what is wanted there.
  std::map<std::string, EndpointSpec> Expand(const std::vector<EndpointSpec>& wanted);
  void Apply(const std::map<std::string, EndpointSpec>& wanted);
  Result<Entry> MakeEntry(const std::string& name, const EndpointSpec& spec) const;
  void StartChecks();
  void Check(const std::string& name, std::shared_ptr<Endpoint> endpoint);
  void RemoveDead();
  void WarnOfEqualProducers();
  bool AllChecked() const;
  std::vector<metrics::Registry::Sample> CountConnections() const;

  const EndpointSetOptions options_;
  const base::Logger logger_;
  metrics::Counter duplicates_;
  NameCache names_, group_names_;
  CallContext context_;  // Cancelled when this goes.

  // Of the thread only.
  std::vector<EndpointSpec> wanted_;
  uint64_t names_version_ = 0;
  Clock::time_point next_apply_;
  std::set<std::string> warned_;  // Label sets of several producers.

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, updated_ = false, woken_ = false;  // Guarded by mutex_.
  std::map<std::string, Entry> entries_;                     // Guarded by mutex_.
  std::thread thread_;
  base::Executor checkers_;
};

}  // namespace thanos::fanout
