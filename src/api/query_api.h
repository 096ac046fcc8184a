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
  bool counter_always_adjusted = false;
};

/// Adds the routes. `driver` and what `endpoints` refers to must outlive the server.
void AddQueryApi(ApiRoutes* routes, QueryApiOptions options, query::Driver* driver,
                 std::function<std::vector<std::shared_ptr<fanout::Endpoint>>()> endpoints,
                 metrics::Registry* registry);

}  // namespace thanos::api
