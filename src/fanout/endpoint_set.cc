#include "fanout/endpoint_set.h"

#include <algorithm>

#include "base/time_text.h"

namespace thanos::fanout {
namespace {

constexpr size_t kCheckerThreads = 64;
constexpr std::chrono::milliseconds kTick{250};
constexpr char kUnknownComponent[] = "unknown-store-api";

std::string JoinLabelSets(const std::vector<Labels>& sets) {
  std::string text;
  for (const Labels& labels : sets) text += (text.empty() ? "" : ",") + labels.ToString();
  // Thanos cuts what would make an endless label value.
  return text.empty() ? "no_external_labels" : text.substr(0, 1000);
}

Result<std::shared_ptr<rpc::Channel>> ConnectPlainly(const std::string& address,
                                                     const ClientSettings& settings) {
  if (settings.tls) return UnimplementedError("TLS to endpoints is not built");
  return rpc::Channel::Connect(address);
}

EndpointSetOptions WithDefaults(EndpointSetOptions options) {
  if (!options.resolver) options.resolver = net::MakeSystemResolver();
  if (!options.connect) options.connect = ConnectPlainly;
  return options;
}

}  // namespace

EndpointSet::EndpointSet(EndpointSetOptions options, base::Logger logger,
                         metrics::Registry* registry)
    : options_(WithDefaults(std::move(options))),
      logger_(logger),
      duplicates_(
          registry->AddCounter("thanos_query_duplicated_endpoint_addresses_total",
                               "The number of times a duplicated endpoint addresses is detected.")),
      names_(options_.resolver, options_.dns_interval, logger, registry, "thanos_query_endpoints_"),
      group_names_(options_.resolver, options_.dns_interval, logger, registry,
                   "thanos_query_endpoint_groups_"),
      checkers_("endpoints", kCheckerThreads) {
  registry->AddCallback(
      "thanos_store_nodes_grpc_connections",
      "Number of gRPC connection to Store APIs. Opened connection means healthy store APIs "
      "available for Querier.",
      false, [this] { return CountConnections(); });
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
  for (const auto& [name, entry] : entries_) all.push_back(entry.endpoint);
  return all;
}

void EndpointSet::Run() {
  for (;;) {
    const bool settled = TakeWanted();
    RemoveDead();
    StartChecks();
    WarnOfEqualProducers();
    std::unique_lock lock(mutex_);
    if (!updated_ && settled && AllChecked()) {
      updated_ = true;
      changed_.notify_all();
    }
    // Until the first update each step is followed at once.
    const auto tick = updated_ ? std::min<std::chrono::nanoseconds>(kTick, options_.failing_period)
                               : std::chrono::milliseconds(10);
    changed_.wait_for(lock, tick, [this] { return stopping_ || woken_; });
    woken_ = false;
    if (stopping_) return;
  }
}

bool EndpointSet::TakeWanted() {
  std::vector<EndpointSpec> wanted = options_.wanted();
  std::vector<std::string> names, group_names;
  for (const EndpointSpec& spec : wanted) {
    if (net::IsDynamicAddress(spec.address)) {
      (spec.group ? group_names : names).push_back(spec.address);
    }
  }
  names_.SetNames(names);
  group_names_.SetNames(group_names);
  const bool settled = names_.settled() && group_names_.settled();
  const uint64_t version = names_.version() + group_names_.version();
  const auto now = Clock::now();
  if (wanted == wanted_ && version == names_version_ && now < next_apply_) return settled;
  wanted_ = std::move(wanted);
  names_version_ = version;
  next_apply_ = now + options_.info_timeout;
  Apply(Expand(wanted_));
  return settled;
}

std::map<std::string, EndpointSpec> EndpointSet::Expand(const std::vector<EndpointSpec>& wanted) {
  std::map<std::string, EndpointSpec> expanded;
  const auto add = [&](const std::string& name, const EndpointSpec& spec) {
    // The last one wins.
    if (!expanded.insert_or_assign(name, spec).second) duplicates_.Add();
  };
  for (const EndpointSpec& spec : wanted) {
    const bool dynamic = net::IsDynamicAddress(spec.address);
    if (spec.group && dynamic && !group_names_.looked_up(spec.address)) {
      continue;  // Without members yet, its first Info would fail for nothing.
    }
    if (spec.group) {
      add("thanos:///" + spec.address, spec);
    } else if (!dynamic) {
      add(spec.address, spec);
    } else {
      for (const std::string& address : names_.AddressesOf(spec.address)) {
        EndpointSpec found = spec;
        found.address = address;
        add(address, found);
      }
    }
  }
  return expanded;
}

void EndpointSet::Apply(const std::map<std::string, EndpointSpec>& wanted) {
  std::map<std::string, Entry> fresh;
  {
    std::lock_guard lock(mutex_);
    std::erase_if(entries_, [&](const auto& item) {
      const auto at = wanted.find(item.first);
      return at == wanted.end() || at->second != item.second.spec;
    });
  }
  for (const auto& [name, spec] : wanted) {
    {
      std::lock_guard lock(mutex_);
      const auto known = entries_.find(name);
      if (known != entries_.end()) {
        if (known->second.group) {
          known->second.group->SetMembers(group_names_.AddressesOf(spec.address));
        }
        continue;
      }
    }
    Result<Entry> entry = MakeEntry(name, spec);
    if (entry.ok()) {
      fresh.emplace(name, *std::move(entry));
    } else {
      logger_.Error("endpoint is left out: it cannot be connected to",
                    {{"addr", name}, {"err", entry.status()}});
    }
  }
  std::lock_guard lock(mutex_);
  entries_.merge(fresh);
}

Result<EndpointSet::Entry> EndpointSet::MakeEntry(const std::string& name,
                                                  const EndpointSpec& spec) const {
  Entry entry;
  entry.spec = spec;
  entry.created_ms = base::NowMs();
  std::shared_ptr<rpc::Channel> channel;
  if (spec.group) {
    const auto connect = [this, client = spec.client](const std::string& address) {
      return options_.connect(address, client);
    };
    entry.group = std::make_shared<GroupTransport>(name, spec.policy, connect);
    const bool dynamic = net::IsDynamicAddress(spec.address);
    entry.group->SetMembers(dynamic ? group_names_.AddressesOf(spec.address)
                                    : std::vector<std::string>{spec.address});
    channel = std::make_shared<rpc::Channel>(entry.group, rpc::ChannelOptions());
  } else {
    THANOS_ASSIGN_OR_RETURN(channel, options_.connect(name, spec.client));
  }
  entry.endpoint =
      std::make_shared<Endpoint>(std::move(channel), spec.strict, options_.response_timeout);
  return entry;
}

void EndpointSet::StartChecks() {
  const auto now = Clock::now();
  std::lock_guard lock(mutex_);
  for (auto& [name, entry] : entries_) {
    if (entry.checking || now < entry.next_check) continue;
    // While a pool full of hung peers is busy, the others wait for the next round.
    const bool taken = checkers_.TrySubmit(
        [this, name = name, endpoint = entry.endpoint] { Check(name, endpoint); });
    entry.checking = taken;
  }
}

void EndpointSet::Check(const std::string& name, std::shared_ptr<Endpoint> endpoint) {
  const auto before = endpoint->state();
  endpoint->Check(context_.WithTimeout(options_.info_timeout));
  const auto after = endpoint->state();
  if (after->last_error.empty() && (!before->ever_reached || !before->last_error.empty())) {
    logger_.Info("endpoint is healthy", {{"addr", name},
                                         {"component", after->info.component},
                                         {"labels", JoinLabelSets(after->info.label_sets)}});
  }
  if (!after->last_error.empty() && before->last_error.empty()) {
    logger_.Warn("update of endpoint failed", {{"addr", name}, {"err", after->last_error}});
  }
  std::lock_guard lock(mutex_);
  woken_ |= !updated_;
  changed_.notify_all();
  const auto at = entries_.find(name);
  if (at == entries_.end() || at->second.endpoint != endpoint) return;
  at->second.checking = false;
  at->second.checked = true;
  at->second.next_check =
      Clock::now() + (after->last_error.empty()
                          ? options_.info_timeout
                          : std::min(options_.failing_period, options_.info_timeout));
}

// An endpoint that is not strict and has been silent for long is forgotten: its address begins
// anew, as one that never answered.
void EndpointSet::RemoveDead() {
  const int64_t before =
      base::NowMs() -
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.unhealthy_timeout).count();
  std::lock_guard lock(mutex_);
  const size_t count = entries_.size();
  std::erase_if(entries_, [&](const auto& item) {
    const auto state = item.second.endpoint->state();
    return !item.second.spec.strict && !state->last_error.empty() && state->ever_reached &&
           item.second.created_ms < before && state->last_check_ms < before;
  });
  if (entries_.size() != count) next_apply_ = Clock::now();
}

// Equal external labels of several producers mean that their blocks will get into each other's way.
void EndpointSet::WarnOfEqualProducers() {
  std::map<std::string, int> producers;
  for (const auto& endpoint : All()) {
    const auto state = endpoint->state();
    const std::string& component = state->info.component;
    if (!endpoint->queryable() || (component != "sidecar" && component != "rule")) continue;
    ++producers[JoinLabelSets(state->info.label_sets)];
  }
  for (const auto& [labels, count] : producers) {
    if (count < 2) {
      warned_.erase(labels);
    } else if (warned_.insert(labels).second) {
      logger_.Warn("several sidecars or rulers have the same external labels",
                   {{"labels", labels}, {"endpoints", count}});
    }
  }
}

bool EndpointSet::AllChecked() const {
  return std::all_of(entries_.begin(), entries_.end(),
                     [](const auto& item) { return item.second.checked; });
}

std::vector<metrics::Registry::Sample> EndpointSet::CountConnections() const {
  std::map<metrics::LabelPairs, double> counts;
  for (const auto& endpoint : All()) {
    if (!endpoint->strict() && !endpoint->healthy()) continue;
    const auto state = endpoint->state();
    metrics::LabelPairs labels;
    for (const std::string& name : options_.connection_labels) {
      if (name == "external_labels") labels[name] = JoinLabelSets(state->info.label_sets);
      if (name == "store_type") {
        labels[name] = state->ever_reached ? state->info.component : kUnknownComponent;
      }
      if (name == "ip_port") labels[name] = endpoint->address();
    }
    ++counts[labels];
  }
  std::vector<metrics::Registry::Sample> samples;
  for (const auto& [labels, count] : counts) samples.push_back({labels, count});
  return samples;
}

}  // namespace thanos::fanout
