// thanos query: PromQL over all endpoints.
#include <algorithm>

#include "api/query_api.h"
#include "base/executor.h"
#include "cmd/servers.h"
#include "fanout/endpoint_set.h"
#include "fanout/fanout_source.h"
#include "fanout/store_server.h"
#include "model/go_quote.h"
#include "promql/parser.h"
#include "query/driver.h"
#include "rpc/call_metrics.h"

namespace thanos::cmd {
namespace {

struct QueryFlags {
  HttpFlags http;
  GrpcFlags grpc;
  std::string route_prefix, external_prefix;
  bool disable_cors = false;
  int64_t timeout_ns = 0, lookback_ns = 0, metadata_range_ns = 0, instant_resolution_ns = 0;
  int64_t evaluation_interval_ns = 0, default_step_ns = 0, response_timeout_ns = 0;
  int64_t dns_interval_ns = 0, unhealthy_timeout_ns = 0, info_timeout_ns = 0;
  int64_t concurrent_max = 20;
  bool dynamic_lookback = true, auto_downsampling = false, partial_response = true;
  bool counter_always_adjusted = false;
  std::string engine, dedup, tenant_header, default_tenant, compression;
  std::vector<std::string> replica_labels, selector_labels, endpoints, strict_endpoints;
  uint64_t series_max = 0, samples_max = 0, query_memory = 0, memory_budget = 0;
};

void AddEndpointFlags(config::FlagSet* flags, QueryFlags* f) {
  flags
      ->Strings("endpoint",
                "Addresses of statically configured Thanos API servers. The scheme may be "
                "prefixed with 'dns+', 'dnssrv+' or 'dnssrvnoa+' to detect Thanos API servers "
                "through respective DNS lookups.",
                &f->endpoints)
      .Alias("store");
  flags
      ->Strings("endpoint-strict",
                "Addresses of only statically configured Thanos API servers that are always "
                "used, even if the health check fails.",
                &f->strict_endpoints)
      .Alias("store-strict");
  flags->PromDuration("store.sd-dns-interval", "Interval between DNS resolutions.", "30s",
                      &f->dns_interval_ns);
  flags->PromDuration("store.unhealthy-timeout",
                      "Timeout before an unhealthy store is cleaned from the store UI page.", "5m",
                      &f->unhealthy_timeout_ns);
  flags
      ->PromDuration("endpoint.info-timeout", "Timeout of gRPC Info requests, and their period.",
                     "5s", &f->info_timeout_ns)
      .Hidden();
  flags->PromDuration("store.response-timeout",
                      "If a Store doesn't send any data in this specified duration then a Store "
                      "will be ignored and partial data will be returned if it's enabled. 0 "
                      "disables timeout.",
                      "0ms", &f->response_timeout_ns);
  flags->Enum("grpc-compression",
              "Compression algorithm to use for gRPC requests to other clients. snappy is refused: "
              "the gRPC library has no such codec.",
              {"snappy", "none"}, "none", &f->compression);
}

void AddEngineFlags(config::FlagSet* flags, QueryFlags* f) {
  flags->PromDuration("query.timeout", "Maximum time to process query by query node.", "2m",
                      &f->timeout_ns);
  flags->Enum("query.promql-engine",
              "Default PromQL engine name. Both run the one engine; thanos passes its hints to "
              "stores and can be explained.",
              {"prometheus", "thanos"}, "prometheus", &f->engine);
  flags->Int("query.max-concurrent", "Maximum number of queries processed concurrently.", 20,
             &f->concurrent_max);
  flags->GoDuration("query.lookback-delta",
                    "The maximum lookback duration for retrieving metrics during expression "
                    "evaluations. 0 is 5m.",
                    "0s", &f->lookback_ns);
  flags
      ->Bool("query.dynamic-lookback-delta",
             "Raises the lookback delta to the resolution that a query asks for.", true,
             &f->dynamic_lookback)
      .Hidden();
  flags->Enum("deduplication.func", "Deduplication algorithm for merging deduplicated series.",
              {"penalty", "chain"}, "penalty", &f->dedup);
  flags->Bool("deduplication.adjust-raw-counters",
              "Takes counter resets out of raw data before rate and the like even where there is "
              "one replica only, as Go Thanos does. resets() is 0 then.",
              false, &f->counter_always_adjusted);
  flags->Strings("query.replica-label",
                 "Labels to treat as a replica indicator along which data is deduplicated.",
                 &f->replica_labels);
  flags
      ->PromDuration("query.instant.default.max_source_resolution",
                     "Default for max_source_resolution of instant queries with "
                     "auto-downsampling.",
                     "0s", &f->instant_resolution_ns)
      .Hidden();
  flags->GoDuration("query.metadata.default-time-range",
                    "The default metadata time range duration for retrieving labels through "
                    "Labels and Series API when the range parameters are not specified. 0 is all.",
                    "0s", &f->metadata_range_ns);
  flags->Bool("query.auto-downsampling",
              "Enable automatic adjustment (step / 5) to what source of data should be used in "
              "store gateways if no max_source_resolution param is specified.",
              false, &f->auto_downsampling);
  flags->Bool("query.partial-response",
              "Enable partial response for queries if no partial_response param is specified.",
              true, &f->partial_response);
  flags->PromDuration("query.default-evaluation-interval",
                      "Set default evaluation interval for sub queries.", "1m",
                      &f->evaluation_interval_ns);
  flags->PromDuration("query.default-step", "Set default step for range queries.", "1s",
                      &f->default_step_ns);
  flags->Bytes("query.memory-limit",
               "Memory that one query may hold; over it the query fails. 0 is no limit of its own.",
               "0", &f->query_memory);
  flags->Bytes("query.memory-budget",
               "Memory that all queries together may hold; over it a query fails and the process "
               "lives. 0 is no limit.",
               "0", &f->memory_budget);
  flags->Uint("store.limits.request-series",
              "The maximum series allowed for a single Series request. 0 is no limit.", 0,
              &f->series_max);
  flags->Uint("store.limits.request-samples",
              "The maximum samples allowed for a single Series request, counted as 120 a chunk. 0 "
              "is no limit.",
              0, &f->samples_max);
}

void AddQueryOtherFlags(config::FlagSet* flags, QueryFlags* f) {
  flags->String("web.route-prefix",
                "Prefix for API and UI endpoints. Defaults to the path of web.external-prefix.", "",
                &f->route_prefix);
  flags->String("web.external-prefix", "Static prefix of links and redirects.", "",
                &f->external_prefix);
  flags->Bool("web.disable-cors", "Whether to disable CORS headers to be set by Thanos.", false,
              &f->disable_cors);
  flags->Strings("selector-label",
                 "Query selector labels that will be exposed in info endpoint (repeated).",
                 &f->selector_labels);
  flags->String("query.tenant-header", "HTTP header to determine tenant.", "THANOS-TENANT",
                &f->tenant_header);
  flags->String("query.default-tenant-id",
                "Default tenant ID to use if the tenant header is not present.", "default-tenant",
                &f->default_tenant);
  flags->WithoutEffect("query.max-concurrent-select", false,
                       "A query opens its selects one after the other here.");
  flags->WithoutEffect("grpc.proxy-strategy", false,
                       "Streams are always merged as they come, with bounded read-ahead.");
  flags->WithoutEffect("query.lazy-retrieval-max-buffered-responses", false,
                       "Read-ahead is bounded in bytes.");
  flags->WithoutEffect("store.sd-dns-resolver", false,
                       "The system's resolver is used, hosts file included.");
  for (const char* name : {"web.prefix-header",
                           "query.mode",
                           "query.conn-metric.label",
                           "query.partition-label",
                           "query.active-query-path",
                           "enable-feature",
                           "selector.relabel-config",
                           "selector.relabel-config-file",
                           "alert.query-url",
                           "query.telemetry.request-duration-seconds-quantiles",
                           "query.telemetry.request-samples-quantiles",
                           "query.telemetry.request-series-seconds-quantiles",
                           "query.tenant-certificate-field",
                           "query.tenant-label-name",
                           "endpoint.sd-config",
                           "endpoint.sd-config-file",
                           "endpoint.sd-config-reload-interval",
                           "store.sd-files",
                           "store.sd-interval",
                           "endpoint-group",
                           "endpoint-group-strict",
                           "inject-test-addresses",
                           "grpc-client-tls-cert",
                           "grpc-client-tls-key",
                           "grpc-client-tls-ca",
                           "grpc-client-server-name",
                           "grpc-client-tls-min-version"}) {
    flags->NotBuilt(name, false);
  }
  for (const char* name :
       {"query.disable-fallback", "query.enable-x-functions",
        "query.distributed-with-overlapping-interval", "rule.partial-response",
        "target.partial-response", "metric-metadata.partial-response", "exemplar.partial-response",
        "status.partial-response", "query.enforce-tenancy", "grpc-client-tls-secure",
        "grpc-client-tls-skip-verify"}) {
    flags->NotBuilt(name, true);
  }
}

// name="value", the value a quoted Go string.
Result<Labels> ParseSelectorLabels(const std::vector<std::string>& texts) {
  std::vector<std::pair<std::string, std::string>> labels;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || !model::IsPlainLabelName(text.substr(0, equals))) {
      return InvalidArgumentError("--selector-label: unrecognized label \"" + text +
                                  "\": must be name=\"value\"");
    }
    // What stands behind the '=' is a string literal of PromQL too.
    auto matchers = promql::ParseSelector("{" + text + "}");
    if (!matchers.ok() || matchers->size() != 1 ||
        matchers->front().type() != model::MatchType::kEqual) {
      return InvalidArgumentError("--selector-label: \"" + text +
                                  "\": the value must be a quoted string");
    }
    labels.emplace_back(matchers->front().name(), matchers->front().value());
  }
  return Labels::Of(std::move(labels));
}

std::vector<std::string> SplitCommas(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (const std::string& text : texts) {
    size_t at = 0;
    while (at <= text.size()) {
      const size_t comma = std::min(text.find(',', at), text.size());
      if (comma > at) out.push_back(text.substr(at, comma - at));
      at = comma + 1;
    }
  }
  return out;
}

Status CheckEndpoints(const QueryFlags& f) {
  for (const std::string& address : f.endpoints) {
    std::string_view plain = address;
    if (const size_t plus = plain.find('+'); plus != std::string_view::npos) continue;
    if (plain.find(':') == std::string_view::npos) {
      return InvalidArgumentError("--endpoint: " + address + " is not a host:port");
    }
  }
  for (const std::string& address : f.strict_endpoints) {
    if (net::IsDynamicAddress(address)) {
      return InvalidArgumentError("--endpoint-strict: " + address +
                                  " is a dynamically specified endpoint, only a static address "
                                  "can be strict");
    }
  }
  return OkStatus();
}

class QueryRole : public Role {
 public:
  QueryRole(const QueryFlags& flags, const Process& process, Labels selector_labels)
      : flags_(flags),
        process_(process),
        servers_(process, "query", flags.http, flags.grpc),
        cpu_("cpu", base::UsableCpus()),
        io_("io", 32) {
    MakeEndpoints();
    MakeDriver(std::move(selector_labels));
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
    for (const std::string& address : flags_.endpoints) options.specs.push_back({address, false});
    for (const std::string& address : flags_.strict_endpoints) {
      options.specs.push_back({address, true});
    }
    options.info_timeout = std::chrono::nanoseconds(flags_.info_timeout_ns);
    options.dns_interval = std::chrono::nanoseconds(flags_.dns_interval_ns);
    options.unhealthy_timeout = std::chrono::nanoseconds(flags_.unhealthy_timeout_ns);
    options.response_timeout = std::chrono::nanoseconds(flags_.response_timeout_ns);
    options.observer =
        rpc::MakeCallMetrics(process_.registry, rpc::CallSide::kClient,
                             {{"thanos.Store", "Series", rpc::CallType::kServerStream},
                              {"thanos.Store", "LabelNames", rpc::CallType::kUnary},
                              {"thanos.Store", "LabelValues", rpc::CallType::kUnary},
                              {"thanos.info.Info", "Info", rpc::CallType::kUnary}});
    endpoints_ = std::make_unique<fanout::EndpointSet>(std::move(options), process_.logger,
                                                       process_.registry);
  }

  void MakeDriver(Labels selector_labels) {
    source_ = std::make_shared<fanout::FanoutSource>(
        fanout::FanoutOptions{.selector_labels = std::move(selector_labels)},
        [this] { return endpoints_->All(); }, &io_, process_.registry);
    query::DriverOptions options;
    options.timeout = std::chrono::nanoseconds(flags_.timeout_ns);
    options.concurrent_max = static_cast<size_t>(std::max<int64_t>(flags_.concurrent_max, 1));
    options.query_bytes_max = flags_.query_memory;
    options.process_budget = servers_.budgets().Show(
        Budget::Make("all queries", flags_.memory_budget, "query.memory-budget"));
    options.dynamic_lookback = flags_.dynamic_lookback;
    options.lookback_ms = flags_.lookback_ns / 1000000;
    options.engine.executor = &cpu_;
    options.engine.default_subquery_step_ms = flags_.evaluation_interval_ns / 1000000;
    driver_ = std::make_unique<query::Driver>(std::move(options), source_, process_.registry);
  }

  void AddRoutes() {
    const std::string prefix =
        NormalisePrefix(flags_.route_prefix.empty() ? flags_.external_prefix : flags_.route_prefix);
    routes_ = std::make_unique<api::ApiRoutes>(&servers_.http(), prefix, !flags_.disable_cors);
    api::QueryApiOptions options;
    options.replica_labels = SplitCommas(flags_.replica_labels);
    options.dedup =
        flags_.dedup == "chain" ? series::DedupAlgorithm::kChain : series::DedupAlgorithm::kPenalty;
    options.partial_response = flags_.partial_response;
    options.auto_downsampling = flags_.auto_downsampling;
    options.instant_resolution_ms = flags_.instant_resolution_ns / 1000000;
    options.default_step_ms = std::max<int64_t>(flags_.default_step_ns / 1000000, 1);
    options.metadata_range_ms = flags_.metadata_range_ns / 1000000;
    options.default_engine = flags_.engine;
    options.tenant_header = flags_.tenant_header;
    options.default_tenant = flags_.default_tenant;
    options.counter_always_adjusted = flags_.counter_always_adjusted;
    api::AddQueryApi(
        routes_.get(), std::move(options), driver_.get(), [this] { return endpoints_->All(); },
        process_.registry);
    api::AddStatusApi(routes_.get(), process_.flag_values);
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
    services.store = fanout::MakeStoreService(source_,
                                              {.series_max = flags_.series_max,
                                               .samples_max = flags_.samples_max,
                                               .limit_text_prefix = "send series response: "},
                                              process_.registry);
    services.info = fanout::MakeInfoService(source_, {.component = "query"},
                                            [this] { return servers_.prober().ready(); });
    if (Status status = servers_.StartGrpc(std::move(services)); !status.ok()) {
      process_.end(status);
    }
  }

  const QueryFlags& flags_;
  const Process& process_;
  Servers servers_;
  base::Executor cpu_, io_;
  std::unique_ptr<fanout::EndpointSet> endpoints_;
  std::shared_ptr<fanout::FanoutSource> source_;
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
  void AddFlags(config::FlagSet* flags) override {
    AddHttpFlags(flags, &flags_.http);
    AddGrpcFlags(flags, &flags_.grpc);
    AddEndpointFlags(flags, &flags_);
    AddEngineFlags(flags, &flags_);
    AddQueryOtherFlags(flags, &flags_);
    AddSharedNotBuilt(flags);
  }
  Result<std::unique_ptr<Role>> MakeRole(const Process& process) override {
    if (flags_.compression == "snappy") {
      return UnimplementedError(
          "--grpc-compression=snappy: the gRPC library of this build has no snappy codec; use "
          "none");
    }
    THANOS_RETURN_IF_ERROR(CheckEndpoints(flags_));
    THANOS_ASSIGN_OR_RETURN(Labels labels, ParseSelectorLabels(flags_.selector_labels));
    return std::unique_ptr<Role>(std::make_unique<QueryRole>(flags_, process, std::move(labels)));
  }

 private:
  QueryFlags flags_;
};

}  // namespace

std::unique_ptr<Command> MakeQueryCommand() { return std::make_unique<QueryCommand>(); }

}  // namespace thanos::cmd
