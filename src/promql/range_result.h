// A range selector as a whole query: the samples with their own times.
#pragma once

#include <memory>

#include "promql/engine.h"
#include "promql/query_state.h"
#include "promql/scan_operator.h"
#include "thanos/status.h"

namespace thanos::promql {

Status ReadRange(const ScanSpec& spec, std::shared_ptr<QueryState> state, QueryResult* result);

}  // namespace thanos::promql
