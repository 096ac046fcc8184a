// Metrics: counters, gauges, histograms and summaries, and their text exposition.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Summary;
template <typename T>
class Family;
}  // namespace prometheus

namespace thanos::metrics {

using LabelPairs = std::map<std::string, std::string>;

/// Handles are pointers into the registry, which must outlive them. A default one drops all.
/// Thread-safe.
class Counter {
 public:
  Counter() = default;
  explicit Counter(prometheus::Counter* counter) : counter_(counter) {}
  void Add(double amount = 1) const;
  double value() const;

 private:
  prometheus::Counter* counter_ = nullptr;
};

class Gauge {
 public:
  Gauge() = default;
  explicit Gauge(prometheus::Gauge* gauge) : gauge_(gauge) {}
  void Set(double value) const;
  void Add(double amount) const;
  double value() const;

 private:
  prometheus::Gauge* gauge_ = nullptr;
};

class Histogram {
 public:
  Histogram() = default;
  explicit Histogram(prometheus::Histogram* histogram) : histogram_(histogram) {}
  void Observe(double value) const;
  /// Many at once: `counts` has one number a bucket, that of the last, unbounded one included.
  void ObserveCounts(const std::vector<double>& counts, double sum) const;

 private:
  prometheus::Histogram* histogram_ = nullptr;
};

/// Quantiles 0.5, 0.9 and 0.99 of the last ten minutes. Dearer than a histogram: for what Go's
/// programs have as one.
class Summary {
 public:
  Summary() = default;
  explicit Summary(prometheus::Summary* summary) : summary_(summary) {}
  void Observe(double value) const;

 private:
  prometheus::Summary* summary_ = nullptr;
};

/// Children by their label values. With() looks up a map: keep the handle where it is hot.
class CounterFamily {
 public:
  CounterFamily() = default;
  explicit CounterFamily(prometheus::Family<prometheus::Counter>* family) : family_(family) {}
  Counter With(const LabelPairs& labels) const;

 private:
  prometheus::Family<prometheus::Counter>* family_ = nullptr;
};

class GaugeFamily {
 public:
  GaugeFamily() = default;
  explicit GaugeFamily(prometheus::Family<prometheus::Gauge>* family) : family_(family) {}
  Gauge With(const LabelPairs& labels) const;
  /// Takes a child out of the exposition; handles to it must not be used again.
  void Remove(Gauge gauge, const LabelPairs& labels) const;

 private:
  prometheus::Family<prometheus::Gauge>* family_ = nullptr;
};

class HistogramFamily {
 public:
  HistogramFamily() = default;
  HistogramFamily(prometheus::Family<prometheus::Histogram>* family, std::vector<double> bounds)
      : family_(family), bounds_(std::move(bounds)) {}
  Histogram With(const LabelPairs& labels) const;

 private:
  prometheus::Family<prometheus::Histogram>* family_ = nullptr;
  std::vector<double> bounds_;
};

enum class Format : uint8_t { kText, kOpenMetrics };

/// Thread-safe. Adding a name a second time gives the same family.
class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;

  Counter AddCounter(std::string_view name, std::string_view help, const LabelPairs& labels = {});
  Gauge AddGauge(std::string_view name, std::string_view help, const LabelPairs& labels = {});
  Histogram AddHistogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                         const LabelPairs& labels = {});
  Summary AddSummary(std::string_view name, std::string_view help, const LabelPairs& labels = {});
  CounterFamily AddCounterFamily(std::string_view name, std::string_view help);
  GaugeFamily AddGaugeFamily(std::string_view name, std::string_view help);
  HistogramFamily AddHistogramFamily(std::string_view name, std::string_view help,
                                     std::vector<double> bounds);

  struct Sample {
    LabelPairs labels;
    double value = 0;
  };
  /// A gauge or counter whose samples are asked for at each scrape. `collect` must stay callable
  /// until the registry goes, and must not block.
  void AddCallback(std::string_view name, std::string_view help, bool is_counter,
                   std::function<std::vector<Sample>()> collect);

  /// Families sorted by name.
  std::string Render(Format format) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// process_* families, from /proc, and thanos_build_info.
void AddProcessMetrics(Registry* registry);

/// 0.001 … 120 s: the bounds of gRPC and object-store operations.
std::vector<double> OperationSecondsBounds();
/// `count` bounds from `start`, each `factor` times the one before.
std::vector<double> ExponentialBounds(double start, double factor, int count);

}  // namespace thanos::metrics
