#include "fanout/endpoint_set.h"

#include <algorithm>
#include <latch>
#include <set>

#include "base/time_text.h"

namespace thanos::fanout {
namespace {

constexpr size_t kCheckerThreads = 32;

std::string JoinLabelSets(const std::vector<Labels>& sets) {
  std::string text;
  for (const Labels& labels : sets) text += (text.empty() ? "" : ",") + labels.ToString();
  // Thanos cuts what would make an endless label value.
  return text.empty() ? "no_external_labels" : text.substr(0, 1000);
}

}  // namespace

EndpointSet::EndpointSet(EndpointSetOptions options, base::Logger logger,
                         metrics::Registry* registry)
    : options_(std::move(options)),
      logger_(std::move(logger)),
      resolver_(options_.resolver ? options_.resolver : net::MakeSystemResolver()),
      dns_lookups_(registry->AddCounter("thanos_query_endpoints_dns_lookups_total",
                                        "The number of DNS lookups resolutions attempts.")),
      dns_failures_(registry->AddCounter("thanos_query_endpoints_dns_failures_total",
                                         "The number of DNS lookup failures.")),
      duplicates_(
          registry->AddCounter("thanos_query_duplicated_endpoint_addresses_total",
                               "The number of times a duplicated endpoint addresses is detected.")),
      dns_results_(registry->AddGaugeFamily("thanos_query_endpoints_dns_provider_results",
                                            "The number of resolved endpoints for each address.")),
      checkers_("endpoints", kCheckerThreads) {
  registry->AddCallback(
      "thanos_store_nodes_grpc_connections",
      "Number of gRPC connection to Store APIs. Opened connection means healthy store APIs "
      "available for Querier.",
      false, [this] {
        std::map<metrics::LabelPairs, double> counts;
        for (const auto& endpoint : All()) {
          if (!endpoint->queryable()) continue;
          const auto state = endpoint->state();
          ++counts[{{"external_labels", JoinLabelSets(state->info.label_sets)},
                    {"store_type", state->info.component}}];
        }
        std::vector<metrics::Registry::Sample> samples;
        for (const auto& [labels, count] : counts) samples.push_back({labels, count});
        return samples;
      });
  thread_ = std::thread([this] { Run(); });
}

EndpointSet::~EndpointSet() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  context_.Cancel();
  thread_.join();
}

bool EndpointSet::WaitForFirstUpdate(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [this] { return updated_ || stopping_; });
}

std::vector<std::shared_ptr<Endpoint>> EndpointSet::All() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Endpoint>> all;
  for (const auto& [address, endpoint] : endpoints_) all.push_back(endpoint);
  return all;
}

void EndpointSet::Run() {
  using Clock = std::chrono::steady_clock;
  auto next_dns = Clock::now(), next_full = Clock::now();
  for (;;) {
    if (Clock::now() >= next_dns) {
      ResolveSpecs();
      next_dns = Clock::now() + options_.dns_interval;
    }
    const bool full = Clock::now() >= next_full;
    if (full) next_full = Clock::now() + options_.info_timeout;
    CheckAll(!full);
    RemoveDead();
    std::unique_lock lock(mutex_);
    updated_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, std::min(options_.failing_period, options_.info_timeout),
                      [this] { return stopping_; });
    if (stopping_) return;
  }
}

void EndpointSet::ResolveSpecs() {
  std::map<std::string, bool> wanted;  // Address to strict; the last specification wins.
  for (const EndpointSpec& spec : options_.specs) {
    std::vector<std::string> addresses{spec.address};
    if (net::IsDynamicAddress(spec.address)) {
      dns_lookups_.Add();
      auto found = resolver_->Resolve(context_.WithTimeout(options_.dns_interval), spec.address);
      if (found.ok()) {
        resolved_[spec.address] = *std::move(found);
      } else {
        // What was known stays: a failing name server must not empty the querier.
        dns_failures_.Add();
        logger_.Warn("DNS resolution failed; keeping the addresses known",
                     {{"addr", spec.address}, {"err", found.status()}});
      }
      addresses = resolved_[spec.address];
      dns_results_.With({{"addr", spec.address}}).Set(static_cast<double>(addresses.size()));
    }
    for (const std::string& address : addresses) {
      if (!wanted.emplace(address, spec.strict).second) {
        duplicates_.Add();
        wanted[address] = spec.strict;
      }
    }
  }
  std::lock_guard lock(mutex_);
  std::erase_if(endpoints_, [&](const auto& item) { return !wanted.contains(item.first); });
  for (const auto& [address, strict] : wanted) {
    if (endpoints_.contains(address)) continue;
    rpc::ChannelOptions channel_options;
    channel_options.observer = options_.observer;
    endpoints_[address] =
        std::make_shared<Endpoint>(rpc::Channel::Connect(address, std::move(channel_options)),
                                   strict, options_.response_timeout);
    created_ms_[address] = base::NowMs();
  }
}

void EndpointSet::CheckAll(bool failing_only) {
  std::vector<std::shared_ptr<Endpoint>> due;
  for (const auto& endpoint : All()) {
    if (!failing_only || !endpoint->state()->last_error.empty()) due.push_back(endpoint);
  }
  std::latch done(static_cast<ptrdiff_t>(due.size()));
  for (const auto& endpoint : due) {
    checkers_.Submit([this, endpoint, &done] {
      const auto before = endpoint->state();
      endpoint->Check(context_.WithTimeout(options_.info_timeout));
      const auto after = endpoint->state();
      if (after->last_error.empty() && (!before->ever_reached || !before->last_error.empty())) {
        logger_.Info("endpoint is healthy", {{"addr", endpoint->address()},
                                             {"component", after->info.component},
                                             {"labels", JoinLabelSets(after->info.label_sets)}});
      }
      if (!after->last_error.empty() && before->last_error.empty()) {
        logger_.Warn("update of endpoint failed",
                     {{"addr", endpoint->address()}, {"err", after->last_error}});
      }
      done.count_down();
    });
  }
  done.wait();
}

// An endpoint that is not strict and has been silent for long goes; its address comes back with
// the next resolution, as a new one.
void EndpointSet::RemoveDead() {
  const int64_t before =
      base::NowMs() -
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.unhealthy_timeout).count();
  std::lock_guard lock(mutex_);
  std::erase_if(endpoints_, [&](const auto& item) {
    const auto state = item.second->state();
    return !item.second->strict() && !state->last_error.empty() && state->ever_reached &&
           created_ms_[item.first] < before && state->last_check_ms < before;
  });
}

}  // namespace thanos::fanout
