#include "query/engine_metrics.h"

namespace thanos::query {
namespace {

using metrics::LabelPairs;

const LabelPairs kPrometheus = {{"engine", "prometheus"}, {"mode", "local"}};

LabelPairs ThanosIn(const char* mode) { return {{"engine", "thanos"}, {"mode", mode}}; }

class CountedCursor : public SeriesCursor {
 public:
  CountedCursor(std::unique_ptr<SeriesCursor> inner, metrics::Gauge open)
      : inner_(std::move(inner)), open_(open) {}
  ~CountedCursor() override {
    if (started_) open_.Add(-1);
  }
  void Start() override {
    if (!started_) open_.Add(1);
    started_ = true;
    inner_->Start();
  }
  Result<SeriesBatchRef> Next() override { return inner_->Next(); }
  Warnings TakeWarnings() override { return inner_->TakeWarnings(); }
  const SelectEnd& end() const override { return inner_->end(); }

 private:
  const std::unique_ptr<SeriesCursor> inner_;
  const metrics::Gauge open_;
  bool started_ = false;
};

class CountedSource : public SeriesSource {
 public:
  CountedSource(SeriesSource* source, metrics::Gauge open, metrics::Counter total,
                metrics::Histogram wait_seconds)
      : source_(source), open_(open), total_(total), wait_seconds_(wait_seconds) {}

  SourceInfo Info() const override { return source_->Info(); }
  Result<std::unique_ptr<SeriesCursor>> Select(const CallContext& context,
                                               const SelectRequest& request) override {
    THANOS_ASSIGN_OR_RETURN(auto cursor, source_->Select(context, request));
    total_.Add();
    wait_seconds_.Observe(0);
    return std::unique_ptr<SeriesCursor>(std::make_unique<CountedCursor>(std::move(cursor), open_));
  }
  Result<LabelsResult> LabelNames(const CallContext& context,
                                  const LabelsRequest& request) override {
    return source_->LabelNames(context, request);
  }
  Result<LabelsResult> LabelValues(const CallContext& context, const std::string& name,
                                   const LabelsRequest& request) override {
    return source_->LabelValues(context, name, request);
  }

 private:
  SeriesSource* const source_;
  const metrics::Gauge open_;
  const metrics::Counter total_;
  const metrics::Histogram wait_seconds_;
};

}  // namespace

EngineMetrics::EngineMetrics(metrics::Registry* registry, double concurrent_max, bool distributed) {
  const char* running = "The current number of queries being executed or waiting.";
  prometheus_queries_ = registry->AddGauge("prometheus_engine_queries", running, kPrometheus);
  registry
      ->AddGauge("prometheus_engine_queries_concurrent_max",
                 "The max number of concurrent queries.", kPrometheus)
      .Set(concurrent_max);
  samples_ =
      registry->AddCounter("prometheus_engine_query_samples_total",
                           "The total number of samples loaded by all queries.", kPrometheus);
  // The engine's own log of queries is a file that Thanos does not have either.
  registry->AddGauge("prometheus_engine_query_log_enabled", "State of the query log.", kPrometheus);
  registry->AddCounter("prometheus_engine_query_log_failures_total",
                       "The number of query log failures.", kPrometheus);
  const auto seconds =
      registry->AddHistogramFamily("prometheus_engine_query_duration_histogram_seconds",
                                   "Query timings", metrics::ExponentialBounds(0.01, 2, 14));
  const auto slice = [&](const char* name) {
    LabelPairs labels = kPrometheus;
    labels["slice"] = name;
    return Slice{
        seconds.With(labels),
        registry->AddSummary("prometheus_engine_query_duration_seconds", "Query timings", labels)};
  };
  queue_ = slice("queue_time");
  prepare_ = slice("prepare_time");
  run_ = slice("inner_eval");
  slice("result_sort");  // There from the start, as Go's; sorting is part of the evaluation here.
  for (const char* mode : {"local", "distributed"}) {
    const auto queries = registry->AddGauge("thanos_engine_queries", running, ThanosIn(mode));
    const auto total = registry->AddCounter("thanos_engine_queries_total",
                                            "Number of PromQL queries.", ThanosIn(mode));
    if ((mode[0] == 'd') != distributed) continue;
    thanos_queries_ = queries;
    thanos_total_ = total;
  }
}

void EngineMetrics::Began(promql::HintStyle engine) const {
  (engine == promql::HintStyle::kThanos ? thanos_queries_ : prometheus_queries_).Add(1);
  if (engine == promql::HintStyle::kThanos) thanos_total_.Add();
}

void EngineMetrics::Ended(promql::HintStyle engine, uint64_t samples, double queue_seconds,
                          double prepare_seconds, double run_seconds) const {
  (engine == promql::HintStyle::kThanos ? thanos_queries_ : prometheus_queries_).Add(-1);
  samples_.Add(static_cast<double>(samples));
  queue_.Observe(queue_seconds);
  prepare_.Observe(prepare_seconds);
  run_.Observe(run_seconds);
}

SelectCounter::SelectCounter(metrics::Registry* registry) {
  const std::string prefix = "thanos_query_concurrent_selects_gate_selects";
  open_ =
      registry->AddGauge(prefix + "_in_flight", "Number of selects that are currently in flight.");
  total_ = registry->AddCounter(prefix + "_total", "Total number of selects.");
  wait_seconds_ = registry->AddHistogram(
      prefix + "_duration_seconds", "How many seconds it took for selects to wait at the gate.",
      {0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120, 240, 360, 720});
  registry->AddGauge(prefix + "_max", "Maximum number of concurrent selects.").Set(0);
}

std::unique_ptr<SeriesSource> SelectCounter::Count(SeriesSource* source) const {
  return std::make_unique<CountedSource>(source, open_, total_, wait_seconds_);
}

}  // namespace thanos::query
