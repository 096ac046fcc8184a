#include "query/driver.h"

#include <algorithm>

#include "fanout/fanout_source.h"

namespace thanos::query {
namespace {

using Clock = std::chrono::steady_clock;

const metrics::LabelPairs kEngineLabels = {{"engine", "prometheus"}, {"mode", "local"}};

promql::EngineOptions WithLookback(promql::EngineOptions engine, int64_t lookback_ms) {
  if (lookback_ms > 0) engine.lookback_ms = lookback_ms;
  return engine;
}

}  // namespace

Driver::Driver(DriverOptions options, std::shared_ptr<SeriesSource> source,
               metrics::Registry* registry)
    : options_(std::move(options)),
      source_(std::move(source)),
      engine_(WithLookback(options_.engine, options_.lookback_ms)),
      gate_(options_.concurrent_max, registry, "thanos_query_concurrent_gate_queries"),
      running_(registry->AddGauge("prometheus_engine_queries",
                                  "The current number of queries being executed or waiting.",
                                  kEngineLabels)),
      samples_(registry->AddCounter("prometheus_engine_query_samples_total",
                                    "The total number of samples loaded by all queries.",
                                    kEngineLabels)),
      seconds_(registry->AddHistogramFamily("prometheus_engine_query_duration_histogram_seconds",
                                            "Query timings",
                                            metrics::ExponentialBounds(0.01, 2, 14))) {
  registry
      ->AddGauge("prometheus_engine_queries_concurrent_max",
                 "The max number of concurrent queries.", kEngineLabels)
      .Set(static_cast<double>(options_.concurrent_max));
}

// Coarse data has a point each 5 minutes or hour: an instant selector looks back at least as far.
int64_t Driver::LookbackFor(const promql::QueryParams& params) const {
  if (params.lookback_ms > 0 || !options_.dynamic_lookback) return params.lookback_ms;
  constexpr int64_t k5m = 300000, k1h = 3600000;
  const int64_t base = options_.lookback_ms;
  const int64_t resolution = params.select.max_resolution_ms;
  const int64_t finer = std::max(base, k5m);
  if (std::max(k5m, base) < resolution) return std::max(finer, k1h);
  if (std::max<int64_t>(0, base) < resolution) return finer;
  return base;
}

CallContext Driver::WithBudget(const CallContext& context) const {
  return context.WithBudget(Budget::Make("query", options_.query_bytes_max, "query.memory-limit",
                                         options_.process_budget));
}

CallContext Driver::RequestContext(const CallContext& context,
                                   std::chrono::nanoseconds timeout) const {
  if (timeout.count() <= 0 || timeout > options_.timeout) timeout = options_.timeout;
  return WithBudget(context.WithTimeout(timeout));
}

Result<promql::QueryResult> Driver::Run(const CallContext& context, promql::QueryParams params,
                                        std::chrono::nanoseconds timeout, QueryFailure* failure) {
  const auto fail = [&](Phase phase, Status status) {
    *failure = {phase, status};
    return status;
  };
  params.lookback_ms = LookbackFor(params);
  auto prepared = engine_.Prepare(params);
  if (!prepared.ok()) return fail(Phase::kPrepare, prepared.status());
  const CallContext request = RequestContext(context, timeout);
  auto pass = gate_.Enter(request);
  if (!pass.ok()) return fail(Phase::kWait, pass.status());
  running_.Add(1);
  const auto start = Clock::now();
  auto result = (*prepared)->Run(request, *source_);
  // A peer that proved to be unsorted is buffered from now on: once more, with that known.
  if (!result.ok() && fanout::IsWorthRepeating(result.status())) {
    result = (*prepared)->Run(request, *source_);
  }
  running_.Add(-1);
  seconds_.With({{"engine", "prometheus"}, {"mode", "local"}, {"slice", "inner_eval"}})
      .Observe(std::chrono::duration<double>(Clock::now() - start).count());
  if (!result.ok()) return fail(Phase::kRun, result.status());
  samples_.Add(static_cast<double>(result->stats.samples_decoded));
  return result;
}

Result<std::string> Driver::Explain(const promql::QueryParams& params) {
  THANOS_ASSIGN_OR_RETURN(auto prepared, engine_.Prepare(params));
  return prepared->Explain();
}

}  // namespace thanos::query
