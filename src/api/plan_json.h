// Plans of queries as JSON: of the explain endpoints, and of `analyze`.
#pragma once

#include <string>

#include "promql/plan_node.h"

namespace thanos::api {

/// {"name":…,"children":[…]}
void AppendPlanJson(const promql::PlanNode& node, std::string* out);

/// {"name":…,"executionTime":"1.5ms","peakSamples":n,"totalSamples":n,"fanout":[{"endpointAddr":…,
/// "duration":"2ms","bytesProcessed":n,"numResponses":n,"series":n,"chunks":n}],"children":[…]},
/// keys of zero left out; and what only this engine tells: "workerTime" of the pool, "rows",
/// "series", "chunkBytes", "peakBytes".
void AppendAnalysisJson(const promql::PlanNode& node, std::string* out);

}  // namespace thanos::api
