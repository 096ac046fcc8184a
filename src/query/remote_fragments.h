// Fragments of a query evaluated by their peers, as a source of series.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fanout/endpoint.h"
#include "promql/engine.h"
#include "query/distribute.h"
#include "thanos/series.h"

namespace thanos::query {

struct RemoteResults {
  /// Selectors on kFragmentLabel give the values of fragments, a sample a step and a stale marker
  /// where there is none; all others are `source`'s.
  std::shared_ptr<SeriesSource> source;
  Warnings warnings;
  bool partial = false;
  uint64_t samples_queryable = 0;  // As the peers count them.
  /// Why the query must be evaluated here after all; "" when it need not.
  std::string fallback;
};

/// Asks all peers of all fragments at once. Times are whole seconds. A peer that fails is a warning
/// that names it, or the error where partial answers are not allowed. The results are charged to
/// the context's budget. `lookback_ms` is the one in effect.
Result<RemoteResults> AskPeers(const CallContext& context, const promql::QueryParams& params,
                               int64_t lookback_ms, std::chrono::nanoseconds silence,
                               const DistributedQuery& query,
                               const std::vector<std::shared_ptr<fanout::Endpoint>>& peers,
                               SeriesSource* source);

}  // namespace thanos::query
