// Running queries for users: admission, deadline, memory, one repetition where it helps.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fanout/endpoint.h"
#include "metrics/registry.h"
#include "promql/engine.h"
#include "query/bound_source.h"
#include "query/engine_metrics.h"
#include "query/fair_gate.h"
#include "query/query_log.h"
#include "thanos/call_context.h"
#include "thanos/series.h"

namespace thanos::query {

/// Parts of queries are given to peers that evaluate PromQL.
struct DistributedOptions {
  std::function<std::vector<std::shared_ptr<fanout::Endpoint>>()> endpoints;
  std::vector<std::string> partition_labels;  // See DistributeOptions.
  Labels selector_labels;                     // Of this querier: peers know nothing of them.
  std::chrono::nanoseconds silence{0};        // Longest of a peer's; 0 is none.
};

struct DriverOptions {
  std::chrono::nanoseconds timeout = std::chrono::minutes(2);
  size_t concurrent_max = 20;
  size_t query_bytes_max = 0;              // 0 is none but the process's.
  std::shared_ptr<Budget> process_budget;  // May be null.
  promql::EngineOptions engine;
  bool dynamic_lookback = true;
  int64_t lookback_ms = 0;  // 0: the engine's 5 minutes.
  std::optional<DistributedOptions> distributed = std::nullopt;
  std::shared_ptr<QueryLog> log;   // May be null.
  double engine_queries_max = -1;  // As a metric shows it: Prometheus' bound, which Thanos lacks.
};

/// What went wrong, where: the HTTP API answers by it.
enum class Phase : uint8_t { kPrepare, kWait, kRun };
struct QueryFailure {
  Phase phase = Phase::kRun;
  Status status;
};

/// Thread-safe.
class Driver {
 public:
  Driver(DriverOptions options, std::shared_ptr<SeriesSource> source, metrics::Registry* registry);

  /// `timeout` 0 is the option's; a longer one is cut to it. On an error *failure is set.
  /// With a binding every selector is held to it.
  Result<promql::QueryResult> Run(const CallContext& context, promql::QueryParams params,
                                  std::chrono::nanoseconds timeout, QueryFailure* failure,
                                  const std::optional<LabelBinding>& binding = std::nullopt);
  Result<promql::PlanNode> Explain(const promql::QueryParams& params);

  SeriesSource& source() { return *source_; }
  const DriverOptions& options() const { return options_; }
  /// The request with a budget of its own.
  CallContext WithBudget(const CallContext& context) const;
  /// The context under which metadata calls run: deadline and budget of one request.
  CallContext RequestContext(const CallContext& context, std::chrono::nanoseconds timeout) const;

 private:
  int64_t LookbackFor(const promql::QueryParams& params) const;
  Result<promql::QueryResult> Evaluate(const CallContext& context,
                                       const promql::QueryParams& params,
                                       promql::PreparedQuery& prepared, SeriesSource& source,
                                       const std::optional<LabelBinding>& binding);
  /// Nothing where no part of the query can be given away.
  Result<std::optional<promql::QueryResult>> EvaluateDistributed(
      const CallContext& context, const promql::QueryParams& params, SeriesSource& source,
      const std::optional<LabelBinding>& binding);

  const DriverOptions options_;
  std::shared_ptr<SeriesSource> source_;
  promql::Engine engine_;
  FairGate gate_;
  const EngineMetrics metrics_;
  const SelectCounter selects_;
  const std::unique_ptr<SeriesSource> counted_;  // source_ with its selects counted.
  metrics::Counter fragments_, fallbacks_;
};

}  // namespace thanos::query
