#include "cmd/query_flags.h"

#include <algorithm>

#include "base/number_text.h"
#include "model/go_quote.h"
#include "model/matcher.h"
#include "net/resolver.h"
#include "promql/parser.h"

namespace thanos::cmd {
namespace {

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
  flags->Strings("endpoint-group",
                 "DNS name of statically configured Thanos API server groups. Targets resolved "
                 "from the DNS name will be queried in a round-robin, instead of a fanout manner.",
                 &f->group_endpoints);
  flags->Strings("endpoint-group-strict",
                 "Groups that are always used, even if the health check fails.",
                 &f->strict_group_endpoints);
  flags->String("endpoint.sd-config",
                "Content of the YAML file with the endpoints and how to connect to each "
                "(alternative to --endpoint.sd-config-file).",
                "", &f->endpoint_config);
  flags->String("endpoint.sd-config-file",
                "Path to the YAML file with the endpoints and how to connect to each.", "",
                &f->endpoint_config_path);
  flags->PromDuration("endpoint.sd-config-reload-interval",
                      "Interval between readings of --endpoint.sd-config-file.", "5m",
                      &f->config_reload_ns);
  flags->Strings("store.sd-files",
                 "Path to files that contain addresses of Thanos API servers. The path can be a "
                 "glob pattern. A change is seen within a second.",
                 &f->target_globs);
  flags->PromDuration("store.sd-interval",
                      "Refresh interval to re-read file SD files that did not seem to change.",
                      "5m", &f->target_interval_ns);
  flags->Strings("query.conn-metric.label",
                 "Labels of thanos_store_nodes_grpc_connections: external_labels, store_type, "
                 "ip_port. The first two unless given.",
                 &f->connection_labels);
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
  flags->Enum("deduplication.func",
              "Deduplication algorithm for merging deduplicated series. penalty and chain as in Go "
              "Thanos; steady follows one replica until a sample of it is missing.",
              {"penalty", "chain", "steady"}, "penalty", &f->dedup);
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
  flags->MemoryBudget(
      "query.memory-budget",
      "Memory that all queries together may hold; over it a query fails and the process lives.",
      &f->memory_budget);
  flags->Uint("store.limits.request-series",
              "The maximum series allowed for a single Series request. 0 is no limit.", 0,
              &f->series_max);
  flags->Uint("store.limits.request-samples",
              "The maximum samples allowed for a single Series request, counted as 120 a chunk. 0 "
              "is no limit.",
              0, &f->samples_max);
}

void AddTelemetryFlags(config::FlagSet* flags, QueryFlags* f) {
  flags->Strings("query.telemetry.request-duration-seconds-quantiles",
                 "Bucket bounds of thanos_store_api_query_duration_seconds.", &f->duration_bounds);
  flags->Strings("query.telemetry.request-samples-quantiles", "Steps of its label samples_le.",
                 &f->samples_bounds);
  flags->Strings("query.telemetry.request-series-seconds-quantiles",
                 "Steps of its label series_le.", &f->series_bounds);
}

void AddDistributedFlags(config::FlagSet* flags, QueryFlags* f) {
  flags->Enum("query.mode",
              "PromQL query mode. distributed gives parts of a query to the queriers among the "
              "endpoints where that provably changes nothing; the rest is evaluated here.",
              {"local", "distributed"}, "local", &f->mode);
  flags->Strings("query.partition-label",
                 "Labels that partition the queriers behind this one in distributed mode; all "
                 "external labels that they have in common unless given.",
                 &f->partition_labels);
  flags->WithoutEffect("query.distributed-with-overlapping-interval", true,
                       "Parts are given to queriers whose data does not overlap only.");
  flags->WithoutEffect("query.disable-fallback", true, "There is one engine: nothing falls back.");
}

void AddFederationFlags(config::FlagSet* flags, QueryFlags* f) {
  const std::pair<const char*, bool*> families[] = {{"rule", &f->rules_partial},
                                                    {"target", &f->targets_partial},
                                                    {"metric-metadata", &f->metadata_partial},
                                                    {"exemplar", &f->exemplars_partial},
                                                    {"status", &f->status_partial}};
  for (const auto& [family, target] : families) {
    const std::string name = family;
    flags
        ->Bool(name + ".partial-response",
               "Enable partial response for " + name +
                   " endpoints: one that fails is a warning, not an error.",
               true, target)
        .Hidden();
  }
}

void AddQueryOtherFlags(config::FlagSet* flags, QueryFlags* f) {
  AddRoutePrefixFlag(flags, &f->web);
  AddWebFlags(flags, &f->web);
  flags->String("web.trace-url-template",
                "Address of a trace in your tracing system, in which {traceID} stands for its id: "
                "makes links of exemplars in the web UI.",
                "", &f->trace_url);
  flags->PathOrContent("selector.relabel-config",
                       "YAML with relabeling rules (keep, drop, hashmod) that choose the TSDBs "
                       "behind the endpoints by their external labels.",
                       false, true, &f->tsdb_selector);
  flags->Strings("selector-label",
                 "Query selector labels that will be exposed in info endpoint (repeated).",
                 &f->selector_labels);
  flags->String("query.tenant-header", "HTTP header to determine tenant.", "THANOS-TENANT",
                &f->tenant_header);
  flags->String("query.default-tenant-id",
                "Default tenant ID to use if the tenant header is not present.", "default-tenant",
                &f->default_tenant);
  flags->Bool("query.enforce-tenancy",
              "Enforce tenancy on Query APIs: only data of the tenant is returned, that is series "
              "with --query.tenant-label-name of its value.",
              false, &f->enforce_tenancy);
  flags->Enum("query.tenant-certificate-field",
              "Use TLS client's certificate field to determine tenant for requests. Overrides the "
              "tenant header.",
              {"", "organization", "organizationalUnit", "commonName"}, "",
              &f->tenant_certificate_field);
  flags->String("query.tenant-label-name", "Label name to use when enforcing tenancy.", "tenant_id",
                &f->tenant_label);
  flags->String("query.active-query-path",
                "Directory of queries.active, in which a crash leaves the queries that were "
                "running.",
                "", &f->active_query_path);
  flags->PromDuration("query.log-queries-longer-than",
                      "Log queries that take longer. 0 disables it.", "0s", &f->slow_query_ns);
  flags->Strings("enable-feature",
                 "Features to enable: promql-experimental-functions. promql-at-modifier, "
                 "promql-negative-offset and query-pushdown are always on, or gone.",
                 &f->features);
  flags->Bool("query.enable-x-functions",
              "Enable xrate, xincrease and xdelta, which also look at the last sample before the "
              "window.",
              false, &f->x_functions);
  flags->WithoutEffect("query.max-concurrent-select", false,
                       "A query opens its selects one after the other here.");
  flags->WithoutEffect("grpc.proxy-strategy", false,
                       "Streams are always merged as they come, with bounded read-ahead.");
  flags->WithoutEffect("query.lazy-retrieval-max-buffered-responses", false,
                       "Read-ahead is bounded in bytes.");
  flags->WithoutEffect("alert.query-url", false, "Alerts link to the querier that shows them.");
  flags->WithoutEffect("store.sd-dns-resolver", false,
                       "The system's resolver is used, hosts file included.");
  flags->NotBuilt("inject-test-addresses", false);
}

}  // namespace

void AddQueryFlags(config::FlagSet* flags, QueryFlags* values) {
  AddHttpFlags(flags, &values->http);
  AddGrpcFlags(flags, &values->grpc);
  AddClientTlsFlags(flags, &values->client_tls);
  AddEndpointFlags(flags, values);
  AddEngineFlags(flags, values);
  AddDistributedFlags(flags, values);
  AddTelemetryFlags(flags, values);
  AddFederationFlags(flags, values);
  AddQueryOtherFlags(flags, values);
}

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

Result<std::vector<double>> ParseBounds(std::string_view flag,
                                        const std::vector<std::string>& texts,
                                        std::vector<double> fallback) {
  if (texts.empty()) return fallback;
  std::vector<double> bounds;
  for (const std::string& text : texts) {
    auto bound = base::ParseGoFloat(text);
    if (!bound.ok()) return bound.status().WithContext(flag);
    if (!bounds.empty() && !(*bound > bounds.back())) {
      return InvalidArgumentError(std::string(flag) + ": " + text + " does not ascend");
    }
    bounds.push_back(*bound);
  }
  return bounds;
}

fanout::DiscoveryOptions DiscoveryFlags(const QueryFlags& flags) {
  fanout::DiscoveryOptions options;
  const auto add = [&](const std::vector<std::string>& addresses, bool strict, bool group) {
    for (const std::string& address : addresses) {
      options.flags.push_back({.address = address, .strict = strict, .group = group});
    }
  };
  add(flags.endpoints, false, false);
  add(flags.group_endpoints, false, true);
  add(flags.strict_endpoints, true, false);
  add(flags.strict_group_endpoints, true, true);
  options.global = SettingsOf(flags.client_tls);
  options.config_text = flags.endpoint_config;
  options.config_path = flags.endpoint_config_path;
  options.reload_interval = std::chrono::nanoseconds(flags.config_reload_ns);
  options.target_globs = flags.target_globs;
  options.target_interval = std::chrono::nanoseconds(flags.target_interval_ns);
  return options;
}

Status CheckQueryFlags(const QueryFlags& flags) {
  if (flags.compression == "snappy") {
    return UnimplementedError(
        "--grpc-compression=snappy: the gRPC library of this build has no snappy codec; use none");
  }
  if (!flags.endpoint_config.empty() && !flags.endpoint_config_path.empty()) {
    return InvalidArgumentError(
        "both endpoint.sd-config and endpoint.sd-config-file flags set; they are alternatives");
  }
  for (const std::string& feature : flags.features) {
    const auto known = {"promql-experimental-functions", "promql-at-modifier",
                        "promql-negative-offset", "query-pushdown"};
    if (std::find(known.begin(), known.end(), feature) == known.end()) {
      return InvalidArgumentError("--enable-feature: unknown feature " + feature);
    }
  }
  const std::string& trace = flags.trace_url;
  if (!trace.empty() && ((!trace.starts_with("http://") && !trace.starts_with("https://")) ||
                         trace.find("{traceID}") == std::string::npos)) {
    return InvalidArgumentError("--web.trace-url-template: " + trace +
                                " is no http address with {traceID} in it");
  }
  for (const std::string& label : config::SplitCommas(flags.connection_labels)) {
    if (label != "external_labels" && label != "store_type" && label != "ip_port") {
      return InvalidArgumentError("--query.conn-metric.label: " + label +
                                  " is none of external_labels, store_type, ip_port");
    }
  }
  return OkStatus();
}

}  // namespace thanos::cmd
