// thanos.Query: PromQL over gRPC, for queriers in distributed mode and rulers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "query/driver.h"
#include "rpc/service.h"

namespace thanos::query {

struct QueryServiceOptions {
  std::vector<std::string> replica_labels;  // Where a request names none.
  series::DedupAlgorithm dedup = series::DedupAlgorithm::kPenalty;
  bool counter_always_adjusted = false;
  int64_t default_resolution_ms = 0;  // Where a request asks for none.
  promql::HintStyle default_hints = promql::HintStyle::kPrometheus;
};

/// `driver` must outlive the service. A query that fails is kAborted; an instant one whose caller
/// takes partial answers gets the error as a warning instead, as Go Thanos does.
std::shared_ptr<rpc::QueryService> MakeQueryService(QueryServiceOptions options, Driver* driver);

}  // namespace thanos::query
