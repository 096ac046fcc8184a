// The metrics of both of Go Thanos' engines, kept by the one engine here: each query counts for the
// one that it names.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "metrics/registry.h"
#include "promql/engine.h"
#include "thanos/series.h"

namespace thanos::query {

/// Thread-safe.
class EngineMetrics {
 public:
  /// `concurrent_max` below 0 is no bound that the engine keeps.
  EngineMetrics(metrics::Registry* registry, double concurrent_max, bool distributed);

  void Began(promql::HintStyle engine) const;
  /// `samples` were decoded; seconds at the gate, for preparing and for evaluating.
  void Ended(promql::HintStyle engine, uint64_t samples, double queue_seconds,
             double prepare_seconds, double run_seconds) const;

 private:
  // A part of a query's time, as both forms that Prometheus has.
  struct Slice {
    metrics::Histogram histogram;
    metrics::Summary summary;
    void Observe(double seconds) const {
      histogram.Observe(seconds);
      summary.Observe(seconds);
    }
  };
  metrics::Gauge prometheus_queries_, thanos_queries_;
  metrics::Counter samples_, thanos_total_;
  Slice queue_, prepare_, run_;
};

/// thanos_query_concurrent_selects_gate_*: how many selects there were and how many are open.
/// Nothing waits, so that the waits are all 0 and the greatest number allowed is 0, which is none.
class SelectCounter {
 public:
  explicit SelectCounter(metrics::Registry* registry);
  /// `source` whose selects are counted; neither may go before what is made of it.
  std::unique_ptr<SeriesSource> Count(SeriesSource* source) const;

 private:
  metrics::Gauge open_;
  metrics::Counter total_;
  metrics::Histogram wait_seconds_;
};

}  // namespace thanos::query
