// The queries that run and that ran: /api/v1/queries, and cancelling one.
#pragma once

#include "api/answers.h"
#include "api/tenant.h"
#include "query/query_log.h"

namespace thanos::api {

/// GET /queries lists {active, finished}; POST /queries/:id/cancel ends one, 404 when there is
/// none. Where tenancy is enforced a tenant sees and ends its own queries only. `log` must outlive
/// the server.
void AddQueriesApi(ApiRoutes* routes, TenantOptions tenant, query::QueryLog* log);

}  // namespace thanos::api
