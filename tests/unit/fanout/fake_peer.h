// A peer of a querier within the process: what it offers is set by each test.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "fanout/endpoint.h"
#include "rpc/channel.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::fanout {

/// Blocks until the call's context ends, at most 20 seconds; counts those who wait.
class Hang {
 public:
  Status Wait(const CallContext& context) {
    waiting_.fetch_add(1);
    const auto registration = context.OnCancel([this] {
      std::lock_guard lock(mutex_);
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    const auto last = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    changed_.wait_until(lock, std::min(context.deadline(), last),
                        [&] { return !context.Check().ok(); });
    waiting_.fetch_sub(1);
    return context.Check();
  }
  int waiting() const { return waiting_.load(); }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<int> waiting_{0};
};

class FakePeer : public rpc::InfoService,
                 public rpc::RulesService,
                 public rpc::TargetsService,
                 public rpc::MetadataService,
                 public rpc::ExemplarsService,
                 public rpc::StatusService {
 public:
  FakePeer() { info.store.emplace(); }

  Result<wire::InfoResponse> Info(const CallContext&) override {
    ++info_calls;
    std::lock_guard lock(mutex_);
    return info_status_.ok() ? Result<wire::InfoResponse>(info) : info_status_;
  }
  Result<wire::RulesResponse> Rules(const CallContext& context,
                                    const wire::RulesRequest& request) override {
    return rules(context, request);
  }
  Result<wire::TargetsResponse> Targets(const CallContext&, const wire::TargetsRequest&) override {
    return targets;
  }
  Result<wire::MetadataResponse> MetricMetadata(const CallContext&,
                                                const wire::MetadataRequest&) override {
    return metadata;
  }
  Result<wire::ExemplarsResponse> Exemplars(const CallContext&,
                                            const wire::ExemplarsRequest& request) override {
    exemplar_query = request.query;
    return exemplars;
  }
  Result<wire::TsdbStatisticsResponse> TsdbStatistics(const CallContext&,
                                                      const wire::TsdbStatisticsRequest&) override {
    return statistics;
  }

  /// What Info fails with from now on; OK ends that.
  void SetInfoStatus(Status status) {
    std::lock_guard lock(mutex_);
    info_status_ = std::move(status);
  }

  wire::InfoResponse info;
  std::atomic<int> info_calls{0};
  std::function<Result<wire::RulesResponse>(const CallContext&, const wire::RulesRequest&)> rules =
      [](const CallContext&, const wire::RulesRequest&) { return wire::RulesResponse(); };
  wire::TargetsResponse targets;
  wire::MetadataResponse metadata;
  wire::ExemplarsResponse exemplars;
  wire::TsdbStatisticsResponse statistics;
  std::string exemplar_query;

 private:
  std::mutex mutex_;
  Status info_status_;  // Guarded by mutex_.
};

/// An endpoint named `address` over the peer, checked once.
inline std::shared_ptr<Endpoint> MakeEndpoint(std::string address, std::shared_ptr<FakePeer> peer,
                                              bool strict = false) {
  rpc::Services services;
  services.info = peer;
  services.rules = peer;
  services.targets = peer;
  services.metadata = peer;
  services.exemplars = peer;
  services.status = peer;
  auto channel = std::make_shared<rpc::Channel>(
      rpc::MakeMemoryTransport(std::move(address), std::move(services)), rpc::ChannelOptions());
  auto endpoint =
      std::make_shared<Endpoint>(std::move(channel), strict, std::chrono::nanoseconds(0));
  endpoint->Check(CallContext().WithTimeout(std::chrono::seconds(5)));
  return endpoint;
}

}  // namespace thanos::fanout
