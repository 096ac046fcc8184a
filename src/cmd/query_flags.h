// The flags of thanos query, and what is worked out of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cmd/endpoint_tls.h"
#include "cmd/servers.h"
#include "config/flags.h"
#include "fanout/discovery.h"
#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::cmd {

struct QueryFlags {
  HttpFlags http;
  GrpcFlags grpc;
  ClientTlsFlags client_tls;
  WebFlags web;
  int64_t timeout_ns = 0, lookback_ns = 0, metadata_range_ns = 0, instant_resolution_ns = 0;
  int64_t evaluation_interval_ns = 0, default_step_ns = 0, response_timeout_ns = 0;
  int64_t dns_interval_ns = 0, unhealthy_timeout_ns = 0, info_timeout_ns = 0;
  int64_t concurrent_max = 20;
  bool x_functions = false;
  bool dynamic_lookback = true, auto_downsampling = false, partial_response = true;
  bool counter_always_adjusted = false;
  bool rules_partial = true, targets_partial = true, metadata_partial = true;
  bool exemplars_partial = true, status_partial = true;
  std::string engine, dedup, tenant_header, default_tenant, tenant_label, tenant_certificate_field,
      compression;
  std::string mode, active_query_path, trace_url;
  bool enforce_tenancy = false;
  int64_t slow_query_ns = 0;
  std::vector<std::string> partition_labels, features;
  std::vector<std::string> duration_bounds, samples_bounds, series_bounds;
  std::vector<std::string> replica_labels, selector_labels;
  std::vector<std::string> endpoints, strict_endpoints, group_endpoints, strict_group_endpoints;
  std::vector<std::string> target_globs, connection_labels;
  std::string endpoint_config, endpoint_config_path, tsdb_selector;
  int64_t config_reload_ns = 0, target_interval_ns = 0;
  uint64_t series_max = 0, samples_max = 0, query_memory = 0, memory_budget = 0;
};

void AddQueryFlags(config::FlagSet* flags, QueryFlags* values);

/// `name="value"` texts of --selector-label, the value a quoted string of Go.
Result<Labels> ParseSelectorLabels(const std::vector<std::string>& texts);
/// Ascending numbers of a flag that may be repeated; `fallback` when it was not given.
Result<std::vector<double>> ParseBounds(std::string_view flag,
                                        const std::vector<std::string>& texts,
                                        std::vector<double> fallback);
/// Where the endpoints come from, as the flags say.
fanout::DiscoveryOptions DiscoveryFlags(const QueryFlags& flags);
/// kInvalidArgument for a combination of flags that cannot be.
Status CheckQueryFlags(const QueryFlags& flags);

}  // namespace thanos::cmd
