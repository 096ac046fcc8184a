#include "query/driver.h"

#include <algorithm>

#include "fanout/fanout_source.h"
#include "query/distribute.h"
#include "query/remote_fragments.h"
#include "query/selectors.h"
#include "thanos/trace.h"

namespace thanos::query {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point before) {
  return std::chrono::duration<double>(Clock::now() - before).count();
}

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
      metrics_(registry, options_.engine_queries_max, options_.distributed.has_value()),
      selects_(registry),
      counted_(selects_.Count(source_.get())),
      fragments_(registry->AddCounter(
          "thanos_query_distributed_fragments_total",
          "Parts of queries that other queriers evaluated in distributed mode.")),
      fallbacks_(registry->AddCounter(
          "thanos_query_distributed_fallbacks_total",
          "Queries of distributed mode whose parts had to be evaluated here after all.")) {}

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
                                        std::chrono::nanoseconds timeout, QueryFailure* failure,
                                        const std::optional<LabelBinding>& binding) {
  params.lookback_ms = LookbackFor(params);
  const bool range = params.step_ms != 0;
  const auto begin = Clock::now();
  Span step(context, range ? "range_query_create" : "instant_query_create");
  auto prepared = engine_.Prepare(params);
  step.Fail(prepared.status());
  if (!prepared.ok()) {
    *failure = {Phase::kPrepare, prepared.status()};
    return prepared.status();
  }
  const double prepare_seconds = SecondsSince(begin);
  const CallContext request = RequestContext(context, timeout);
  QueryLog::Entry entry;
  if (options_.log) entry = options_.log->Begin(request, params);
  CallContext running = options_.log ? entry.context() : request;
  step = Span(context, "query_gate_ismyturn");
  const auto queued = Clock::now();
  auto pass = gate_.Enter(running);
  step.Fail(pass.status());
  if (!pass.ok()) {
    *failure = {Phase::kWait, pass.status()};
    entry.Finish(pass.status(), 0);
    return pass.status();
  }
  step = Span(context, range ? "range_query_exec" : "instant_query_exec");
  running = step.Enter(running);
  std::unique_ptr<SeriesSource> bound;
  if (binding) bound = BindSource(counted_.get(), *binding);
  SeriesSource& source = bound ? *bound : *counted_;
  metrics_.Began(params.select.hints);
  const auto start = Clock::now();
  auto result = Evaluate(running, params, **prepared, source, binding);
  step.Fail(result.status());
  const uint64_t samples = result.ok() ? result->stats.samples_decoded : 0;
  metrics_.Ended(params.select.hints, samples,
                 std::chrono::duration<double>(start - queued).count(), prepare_seconds,
                 SecondsSince(start));
  entry.Finish(result.status(), samples);
  if (!result.ok()) *failure = {Phase::kRun, result.status()};
  return result;
}

Result<promql::QueryResult> Driver::Evaluate(const CallContext& context,
                                             const promql::QueryParams& params,
                                             promql::PreparedQuery& prepared, SeriesSource& source,
                                             const std::optional<LabelBinding>& binding) {
  if (options_.distributed) {
    THANOS_ASSIGN_OR_RETURN(auto result, EvaluateDistributed(context, params, source, binding));
    if (result) return *std::move(result);
  }
  auto result = prepared.Run(context, source);
  // A peer that proved to be unsorted is buffered from now on: once more, with that known.
  if (!result.ok() && fanout::IsWorthRepeating(result.status())) {
    result = prepared.Run(context, source);
  }
  return result;
}

Result<std::optional<promql::QueryResult>> Driver::EvaluateDistributed(
    const CallContext& context, const promql::QueryParams& params, SeriesSource& source,
    const std::optional<LabelBinding>& binding) {
  std::optional<promql::QueryResult> none;
  const int64_t lookback_ms =
      params.lookback_ms > 0 ? params.lookback_ms : engine_.options().lookback_ms;
  // The call carries whole seconds, and 0 stands for now.
  for (const int64_t ms : {params.start_ms, params.end_ms, params.step_ms, lookback_ms,
                           params.select.max_resolution_ms}) {
    if (ms % 1000 != 0) return none;
  }
  const promql::SelectOptions& select = params.select;
  if ((params.step_ms == 0 && params.start_ms == 0) || !select.store_match.empty() ||
      select.shard) {
    return none;
  }
  std::vector<std::shared_ptr<fanout::Endpoint>> endpoints;
  std::vector<Peer> peers;
  for (auto& endpoint : options_.distributed->endpoints()) {
    if (!endpoint->absent() && !endpoint->queryable() &&
        !endpoint->queryable(fanout::Api::kQuery)) {
      continue;
    }
    peers.push_back(PeerOf(*endpoint));
    endpoints.push_back(std::move(endpoint));
  }
  THANOS_ASSIGN_OR_RETURN(promql::ExprPtr expr, promql::Parse(params.text, options_.engine.parser));
  bool own_labels = false;
  VisitSelectors(*expr, [&](const promql::VectorSelector& selector) {
    for (const model::Matcher& matcher : selector.matchers) {
      own_labels |= options_.distributed->selector_labels.view().Find(matcher.name()).has_value();
    }
  });
  if (own_labels) return none;
  if (binding) BindSelectors(binding->label, binding->value, expr.get());
  DistributeOptions options;
  options.replica_labels = select.replica_labels;
  options.partition_labels = options_.distributed->partition_labels;
  options.start_ms = params.start_ms;
  options.end_ms = params.step_ms == 0 ? params.start_ms : params.end_ms;
  options.lookback_ms = lookback_ms;
  options.downsampled = select.max_resolution_ms > 0;
  options.subquery_step_ms = engine_.options().default_subquery_step_ms;
  const DistributedQuery query = Distribute(std::move(expr), peers, options);
  if (query.fragments.empty()) return none;
  THANOS_ASSIGN_OR_RETURN(RemoteResults remote,
                          AskPeers(context, params, lookback_ms, options_.distributed->silence,
                                   query, endpoints, &source));
  if (!remote.fallback.empty()) {
    fallbacks_.Add();
    return none;
  }
  fragments_.Add(static_cast<double>(query.fragments.size()));
  promql::QueryParams rest = params;
  rest.text = query.query;
  THANOS_ASSIGN_OR_RETURN(auto prepared, engine_.Prepare(rest));
  THANOS_ASSIGN_OR_RETURN(promql::QueryResult result, prepared->Run(context, *remote.source));
  result.warnings.insert(result.warnings.end(), remote.warnings.begin(), remote.warnings.end());
  result.partial |= remote.partial;
  result.stats.samples_queryable += remote.samples_queryable;
  return std::optional<promql::QueryResult>(std::move(result));
}

Result<promql::PlanNode> Driver::Explain(const promql::QueryParams& params) {
  THANOS_ASSIGN_OR_RETURN(auto prepared, engine_.Prepare(params));
  return prepared->Explain();
}

}  // namespace thanos::query
