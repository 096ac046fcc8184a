// The querier's /rules, /alerts, /targets, /metadata, /query_exemplars, /status/tsdb.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/answers.h"
#include "api/tenant.h"
#include "fanout/federation.h"

namespace thanos::api {

struct FederationApiOptions {
  std::vector<std::string> replica_labels;
  TenantOptions tenant;
  // Whether a peer that fails is a warning; per family, by flag only.
  bool rules_partial = true, targets_partial = true, metadata_partial = true;
  bool exemplars_partial = true, status_partial = true;
  /// A request's context with its budget; null keeps the request's.
  std::function<CallContext(const CallContext&)> with_budget;
};

/// Adds the routes. `federation` must outlive the server.
void AddFederationApi(ApiRoutes* routes, FederationApiOptions options,
                      fanout::Federation* federation);

}  // namespace thanos::api
