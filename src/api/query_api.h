// The querier's /api/v1: query, query_range, series, labels, label values, stores.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/answers.h"
#include "api/tenant.h"
#include "fanout/endpoint.h"
#include "metrics/registry.h"
#include "query/driver.h"

namespace thanos::api {

/// Of thanos_store_api_query_duration_seconds: its bounds, the steps of its labels.
struct QueryTelemetry {
  std::vector<double> duration_bounds = {0.1, 0.25, 0.75, 1.25, 1.75, 2.5, 3, 5, 10};
  std::vector<double> samples_bounds = {100, 1000, 10000, 100000, 1000000};
  std::vector<double> series_bounds = {10, 100, 1000, 10000, 100000};
};

struct QueryApiOptions {
  std::vector<std::string> replica_labels;
  series::DedupAlgorithm dedup = series::DedupAlgorithm::kPenalty;
  bool partial_response = true;
  bool auto_downsampling = false;
  int64_t instant_resolution_ms = 0;  // Default of instant queries with auto-downsampling.
  int64_t default_step_ms = 1000;
  int64_t metadata_range_ms = 0;  // Default of metadata calls; 0 is everything.
  std::string default_engine = "prometheus";
  TenantOptions tenant;
  QueryTelemetry telemetry;
  bool counter_always_adjusted = false;
};

/// Adds the routes. `driver` and what `endpoints` refers to must outlive the server.
void AddQueryApi(ApiRoutes* routes, QueryApiOptions options, query::Driver* driver,
                 std::function<std::vector<std::shared_ptr<fanout::Endpoint>>()> endpoints,
                 metrics::Registry* registry);

}  // namespace thanos::api
