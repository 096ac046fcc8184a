// thanos query: PromQL over all endpoints.
#include <algorithm>

#include "api/federation_api.h"
#include "api/queries_api.h"
#include "api/query_api.h"
#include "base/cpu_shares.h"
#include "base/executor.h"
#include "cmd/bucket_flags.h"
#include "cmd/query_flags.h"
#include "cmd/servers.h"
#include "fanout/endpoint_set.h"
#include "fanout/fanout_source.h"
#include "fanout/federation.h"
#include "fanout/limited_source.h"
#include "fanout/store_server.h"
#include "query/driver.h"
#include "query/query_server.h"
#include "query/selectors.h"
#include "rpc/call_metrics.h"
#include "series/replica_source.h"
#include "ui/ui.h"

namespace thanos::cmd {
namespace {

std::vector<rpc::Method> CalledMethods() {
  using rpc::CallType;
  return {{"thanos.Store", "Series", CallType::kServerStream},
          {"thanos.Store", "LabelNames", CallType::kUnary},
          {"thanos.Store", "LabelValues", CallType::kUnary},
          {"thanos.Rules", "Rules", CallType::kServerStream},
          {"thanos.Targets", "Targets", CallType::kServerStream},
          {"thanos.Metadata", "MetricMetadata", CallType::kServerStream},
          {"thanos.Exemplars", "Exemplars", CallType::kServerStream},
          {"thanos.Status", "TSDBStatistics", CallType::kServerStream},
          {"thanos.Query", "Query", CallType::kServerStream},
          {"thanos.Query", "QueryRange", CallType::kServerStream},
          {"thanos.info.Info", "Info", CallType::kUnary}};
}

// What a connection cannot have yet.
Status CheckConnection(const fanout::ClientSettings& settings) {
  if (settings.compression != "none") {
    return UnimplementedError("client_config: compression " + settings.compression +
                              " is not built");
  }
  return OkStatus();
}

api::TenantOptions TenantOf(const QueryFlags& flags) {
  return {.header = flags.tenant_header,
          .default_tenant = flags.default_tenant,
          .certificate_field = flags.tenant_certificate_field,
          .enforce = flags.enforce_tenancy,
          .label = flags.tenant_label};
}

HttpFlags HttpOf(const QueryFlags& flags) {
  HttpFlags http = flags.http;
  http.tenant_header = flags.tenant_header;
  http.default_tenant = flags.default_tenant;
  // A request whose tenant is wrong is refused soon, whatever waits before it.
  http.flow = [tenants = TenantOf(flags)](const net::HttpRequest& request) {
    const Result<std::string> tenant = api::TenantOf(tenants, request);
    return tenant.ok() ? *tenant : std::string();
  };
  return http;
}

// What is made of the flags before the role is, since it may fail.
struct RoleParts {
  std::unique_ptr<fanout::Discovery> discovery;
  std::shared_ptr<query::QueryLog> log;
  Labels selector_labels;
  fanout::TsdbSelector tsdb_selector;
  api::QueryTelemetry telemetry;
};

class QueryRole : public Role {
 public:
  QueryRole(const QueryFlags& flags, const Process& process, RoleParts parts)
      : flags_(flags),
        process_(process),
        parts_(std::move(parts)),
        servers_(process, "query", HttpOf(flags), flags.grpc),
        endpoint_tls_(process.logger),
        cpu_shares_(base::UsableCpus()),
        cpu_("cpu", base::UsableCpus()) {
    MakeEndpoints();
    MakeFederation();
    MakeDriver();
    AddRoutes();
  }

  Status Start() override {
    THANOS_RETURN_IF_ERROR(servers_.StartHttp());
    starter_ = std::thread([this] { FinishStart(); });
    return OkStatus();
  }

  void Stop() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    if (starter_.joinable()) starter_.join();
    servers_.Stop();
  }

 private:
  void MakeEndpoints() {
    fanout::EndpointSetOptions options;
    options.wanted = [this] { return parts_.discovery->Wanted(); };
    options.connect = [this](const std::string& address, const fanout::ClientSettings& settings) {
      return Connect(address, settings);
    };
    if (const auto labels = config::SplitCommas(flags_.connection_labels); !labels.empty()) {
      options.connection_labels = labels;
    }
    options.info_timeout = std::chrono::nanoseconds(flags_.info_timeout_ns);
    options.dns_interval = std::chrono::nanoseconds(flags_.dns_interval_ns);
    options.unhealthy_timeout = std::chrono::nanoseconds(flags_.unhealthy_timeout_ns);
    options.response_timeout = std::chrono::nanoseconds(flags_.response_timeout_ns);
    call_metrics_ =
        rpc::MakeCallMetrics(process_.registry, rpc::CallSide::kClient, CalledMethods());
    endpoints_ = std::make_unique<fanout::EndpointSet>(std::move(options), process_.logger,
                                                       process_.registry);
  }

  /// Where the settings of one endpoint meet the transport.
  Result<std::shared_ptr<rpc::Channel>> Connect(const std::string& address,
                                                const fanout::ClientSettings& settings) {
    THANOS_RETURN_IF_ERROR(CheckConnection(settings));
    rpc::ChannelOptions options;
    THANOS_RETURN_IF_ERROR(endpoint_tls_.Apply(settings, &options));
    options.observer = call_metrics_;
    return rpc::Channel::Connect(address, std::move(options));
  }

  promql::ParserOptions ParserFlags() const {
    promql::ParserOptions options;
    options.x_functions = flags_.x_functions;
    for (const std::string& feature : flags_.features) {
      options.experimental_functions |= feature == "promql-experimental-functions";
    }
    return options;
  }

  void MakeFederation() {
    fanout::FederationOptions options;
    options.selector_labels = parts_.selector_labels;
    options.selectors_of = [parser = ParserFlags()](std::string_view query) {
      return query::SelectorsOf(query, parser);
    };
    options.call_timeout = std::chrono::nanoseconds(flags_.timeout_ns);
    options.response_timeout = std::chrono::nanoseconds(flags_.response_timeout_ns);
    federation_ = std::make_shared<fanout::Federation>(std::move(options),
                                                       [this] { return endpoints_->All(); });
  }

  void MakeDriver() {
    const auto all = std::make_shared<fanout::FanoutSource>(
        fanout::FanoutOptions{.selector_labels = parts_.selector_labels,
                              .tsdb_selector = parts_.tsdb_selector},
        [this] { return endpoints_->All(); }, process_.registry);
    source_ =
        fanout::LimitSource(all, {flags_.series_max, flags_.samples_max, ""}, process_.registry);
    grpc_source_ = fanout::LimitSource(
        all, {flags_.series_max, flags_.samples_max, "send series response: "}, process_.registry);
    query::DriverOptions options;
    options.timeout = std::chrono::nanoseconds(flags_.timeout_ns);
    options.concurrent_max = static_cast<size_t>(std::max<int64_t>(flags_.concurrent_max, 1));
    options.query_bytes_max = flags_.query_memory;
    options.process_budget = servers_.budgets().Show(
        Budget::Make("all queries", flags_.memory_budget, "query.memory-budget"));
    options.dynamic_lookback = flags_.dynamic_lookback;
    options.lookback_ms = flags_.lookback_ns / 1000000;
    options.log = parts_.log;
    if (!flags_.active_query_path.empty()) {
      options.engine_queries_max = static_cast<double>(options.concurrent_max);
    }
    options.engine.executor = &cpu_;
    options.engine.cpu_shares = &cpu_shares_;
    options.engine.parser = ParserFlags();
    if (flags_.mode == "distributed" && parts_.tsdb_selector.empty()) {
      options.distributed = query::DistributedOptions{
          [this] { return endpoints_->All(); }, config::SplitCommas(flags_.partition_labels),
          parts_.selector_labels, std::chrono::nanoseconds(flags_.response_timeout_ns)};
    }
    options.engine.default_subquery_step_ms = flags_.evaluation_interval_ns / 1000000;
    // Answers to other queriers keep their replicas: only what is evaluated here needs them apart.
    std::shared_ptr<SeriesSource> evaluated = source_;
    if (DedupFlag() == series::DedupAlgorithm::kSteady) {
      evaluated = series::SeparateReplicas(evaluated, {});
    }
    driver_ = std::make_unique<query::Driver>(std::move(options), evaluated, process_.registry);
  }

  void AddRoutes() {
    const std::string prefix = flags_.web.ServedAt();
    routes_ = std::make_unique<api::ApiRoutes>(&servers_.http(), prefix, !flags_.web.cors_disabled);
    api::QueryApiOptions options;
    options.replica_labels = config::SplitCommas(flags_.replica_labels);
    options.dedup = DedupFlag();
    options.partial_response = flags_.partial_response;
    options.auto_downsampling = flags_.auto_downsampling;
    options.instant_resolution_ms = flags_.instant_resolution_ns / 1000000;
    options.default_step_ms = std::max<int64_t>(flags_.default_step_ns / 1000000, 1);
    options.metadata_range_ms = flags_.metadata_range_ns / 1000000;
    options.default_engine = flags_.mode == "distributed" ? "thanos" : flags_.engine;
    options.tenant = TenantOf(flags_);
    options.telemetry = parts_.telemetry;
    options.counter_always_adjusted = flags_.counter_always_adjusted;
    api::AddQueryApi(
        routes_.get(), std::move(options), driver_.get(), [this] { return endpoints_->All(); },
        process_.registry);
    AddFederationRoutes();
    api::AddQueriesApi(routes_.get(), TenantOf(flags_), parts_.log.get());
    api::AddStatusApi(routes_.get(), process_.flag_values);
    ui::AddUi(&servers_.http(), {.prefix = PrefixOf(flags_.web),
                                 .home = "/graph",
                                 .config = UiFacts(),
                                 .logger = process_.logger});
  }

  ui::UiConfig UiFacts() const {
    ui::UiConfig config;
    config.component = "query";
    config.query_mode = flags_.mode;
    config.engines = {"prometheus", "thanos"};
    config.default_engine = flags_.mode == "distributed" ? "thanos" : flags_.engine;
    config.default_step_ms = std::max<int64_t>(flags_.default_step_ns / 1000000, 1);
    config.lookback_ms = flags_.lookback_ns / 1000000;
    config.partial_response = flags_.partial_response;
    config.replica_labels = config::SplitCommas(flags_.replica_labels);
    config.features = flags_.features;
    config.tenant_header = flags_.tenant_header;
    config.default_tenant = flags_.default_tenant;
    config.trace_url = flags_.trace_url;
    config.admin_operations = true;  // Queries may be cancelled.
    return config;
  }

  void AddFederationRoutes() {
    api::FederationApiOptions options;
    options.replica_labels = config::SplitCommas(flags_.replica_labels);
    options.tenant = TenantOf(flags_);
    options.rules_partial = flags_.rules_partial;
    options.targets_partial = flags_.targets_partial;
    options.metadata_partial = flags_.metadata_partial;
    options.exemplars_partial = flags_.exemplars_partial;
    options.status_partial = flags_.status_partial;
    options.with_budget = [this](const CallContext& context) {
      return driver_->WithBudget(context);
    };
    api::AddFederationApi(routes_.get(), std::move(options), federation_.get());
  }

  std::shared_ptr<rpc::QueryService> MakeQueryService() {
    query::QueryServiceOptions options;
    options.replica_labels = config::SplitCommas(flags_.replica_labels);
    options.dedup = DedupFlag();
    options.counter_always_adjusted = flags_.counter_always_adjusted;
    options.default_resolution_ms = flags_.instant_resolution_ns / 1000000;
    options.default_hints =
        flags_.engine == "thanos" ? promql::HintStyle::kThanos : promql::HintStyle::kPrometheus;
    return query::MakeQueryService(std::move(options), driver_.get());
  }

  series::DedupAlgorithm DedupFlag() const {
    if (flags_.dedup == "chain") return series::DedupAlgorithm::kChain;
    if (flags_.dedup == "steady") return series::DedupAlgorithm::kSteady;
    return series::DedupAlgorithm::kPenalty;
  }

  // gRPC opens once the endpoints were asked, so that the first Info is not empty.
  void FinishStart() {
    const auto patience = flags_.response_timeout_ns > 0
                              ? std::chrono::nanoseconds(flags_.response_timeout_ns)
                              : std::chrono::nanoseconds(std::chrono::seconds(30));
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!endpoints_->WaitForFirstUpdate(std::chrono::milliseconds(50))) {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      if (std::chrono::steady_clock::now() > until) {
        process_.logger.Warn("timed out waiting for the first update of endpoints");
        break;
      }
    }
    rpc::Services services;
    services.store = fanout::MakeStoreService(grpc_source_, {}, process_.registry);
    services.query = MakeQueryService();
    services.rules = federation_;
    services.targets = federation_;
    services.metadata = federation_;
    services.exemplars = federation_;
    services.status = federation_;
    services.info = fanout::MakeInfoService(source_,
                                            {.component = "query",
                                             .rules = true,
                                             .targets = true,
                                             .metric_metadata = true,
                                             .exemplars = true,
                                             .query = true,
                                             .status = true},
                                            [this] { return servers_.prober().ready(); });
    if (Status status = servers_.StartGrpc(std::move(services)); !status.ok()) {
      process_.end(status);
    }
  }

  const QueryFlags& flags_;
  const Process& process_;
  const RoleParts parts_;
  Servers servers_;
  EndpointTls endpoint_tls_;
  base::CpuShares cpu_shares_;  // Tasks of the pool may hold shares.
  base::Executor cpu_;
  std::shared_ptr<rpc::CallObserver> call_metrics_;
  std::unique_ptr<fanout::EndpointSet> endpoints_;
  std::shared_ptr<SeriesSource> source_, grpc_source_;
  std::shared_ptr<fanout::Federation> federation_;
  std::unique_ptr<query::Driver> driver_;
  std::unique_ptr<api::ApiRoutes> routes_;
  std::mutex mutex_;
  bool stopping_ = false;  // Guarded by mutex_.
  std::thread starter_;
};

class QueryCommand : public Command {
 public:
  std::string name() const override { return "query"; }
  std::string summary() const override {
    return "Query node exposing PromQL enabled Query API with data retrieved from multiple store "
           "nodes.";
  }
  void AddFlags(config::FlagSet* flags) override { AddQueryFlags(flags, &flags_); }
  Result<std::unique_ptr<Role>> MakeRole(const Process& process) override {
    THANOS_RETURN_IF_ERROR(CheckQueryFlags(flags_));
    // Certificates that cannot be used end the start, not each connection.
    rpc::ChannelOptions unused;
    THANOS_RETURN_IF_ERROR(
        EndpointTls(process.logger).Apply(SettingsOf(flags_.client_tls), &unused));
    RoleParts parts;
    THANOS_ASSIGN_OR_RETURN(parts.selector_labels, ParseSelectorLabels(flags_.selector_labels));
    THANOS_ASSIGN_OR_RETURN(parts.discovery,
                            fanout::Discovery::Make(DiscoveryFlags(flags_), process.logger));
    for (const fanout::EndpointSpec& spec : parts.discovery->Wanted()) {
      if (Status status = CheckConnection(spec.client); !status.ok()) {
        return status.WithContext("endpoint " + spec.address);
      }
    }
    THANOS_ASSIGN_OR_RETURN(auto selector, ParseSelector(flags_.tsdb_selector));
    parts.tsdb_selector = fanout::TsdbSelector(std::move(selector));
    if (!parts.tsdb_selector.empty() && flags_.mode == "distributed") {
      process.logger.Warn(
          "with --selector.relabel-config every query is evaluated here, distributed mode or not: "
          "other queriers do not know the selector");
    }
    THANOS_ASSIGN_OR_RETURN(parts.telemetry, ParseTelemetryFlags());
    query::QueryLogOptions log_options;
    log_options.slow = std::chrono::nanoseconds(flags_.slow_query_ns);
    log_options.active_folder = flags_.active_query_path;
    log_options.active_max = static_cast<size_t>(std::max<int64_t>(flags_.concurrent_max, 1));
    THANOS_ASSIGN_OR_RETURN(parts.log,
                            query::QueryLog::Make(std::move(log_options), process.logger));
    return std::unique_ptr<Role>(std::make_unique<QueryRole>(flags_, process, std::move(parts)));
  }

 private:
  Result<api::QueryTelemetry> ParseTelemetryFlags() const {
    api::QueryTelemetry telemetry;
    THANOS_ASSIGN_OR_RETURN(telemetry.duration_bounds,
                            ParseBounds("query.telemetry.request-duration-seconds-quantiles",
                                        flags_.duration_bounds, telemetry.duration_bounds));
    THANOS_ASSIGN_OR_RETURN(telemetry.samples_bounds,
                            ParseBounds("query.telemetry.request-samples-quantiles",
                                        flags_.samples_bounds, telemetry.samples_bounds));
    THANOS_ASSIGN_OR_RETURN(telemetry.series_bounds,
                            ParseBounds("query.telemetry.request-series-seconds-quantiles",
                                        flags_.series_bounds, telemetry.series_bounds));
    return telemetry;
  }

  QueryFlags flags_;
};

}  // namespace

std::unique_ptr<Command> MakeQueryCommand() { return std::make_unique<QueryCommand>(); }

}  // namespace thanos::cmd
