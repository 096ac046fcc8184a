#include "metrics/registry.h"

#include <algorithm>
#include <chrono>
#include <mutex>

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>

#include "base/number_text.h"

namespace thanos::metrics {

void Counter::Add(double amount) const {
  if (counter_) counter_->Increment(amount);
}
double Counter::value() const { return counter_ ? counter_->Value() : 0; }
void Gauge::Set(double value) const {
  if (gauge_) gauge_->Set(value);
}
void Gauge::Add(double amount) const {
  if (gauge_) gauge_->Increment(amount);
}
double Gauge::value() const { return gauge_ ? gauge_->Value() : 0; }
void Histogram::Observe(double value) const {
  if (histogram_) histogram_->Observe(value);
}

void Histogram::ObserveCounts(const std::vector<double>& counts, double sum) const {
  if (histogram_) histogram_->ObserveMultiple(counts, sum);
}

void Summary::Observe(double value) const {
  if (summary_) summary_->Observe(value);
}

Counter CounterFamily::With(const LabelPairs& labels) const {
  return family_ ? Counter(&family_->Add(labels)) : Counter();
}
Gauge GaugeFamily::With(const LabelPairs& labels) const {
  return family_ ? Gauge(&family_->Add(labels)) : Gauge();
}
void GaugeFamily::Remove(Gauge, const LabelPairs& labels) const {
  if (family_) family_->Remove(&family_->Add(labels));
}
Histogram HistogramFamily::With(const LabelPairs& labels) const {
  return family_ ? Histogram(&family_->Add(labels, bounds_)) : Histogram();
}

struct Registry::Impl {
  struct Callback {
    std::string name, help;
    bool is_counter;
    std::function<std::vector<Sample>()> collect;
  };
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
  mutable std::mutex mutex;
  std::vector<Callback> callbacks;  // Guarded by mutex.
};

Registry::Registry() : impl_(std::make_unique<Impl>()) {}
Registry::~Registry() = default;

CounterFamily Registry::AddCounterFamily(std::string_view name, std::string_view help) {
  return CounterFamily(&prometheus::BuildCounter()
                            .Name(std::string(name))
                            .Help(std::string(help))
                            .Register(impl_->registry));
}

GaugeFamily Registry::AddGaugeFamily(std::string_view name, std::string_view help) {
  return GaugeFamily(&prometheus::BuildGauge()
                          .Name(std::string(name))
                          .Help(std::string(help))
                          .Register(impl_->registry));
}

HistogramFamily Registry::AddHistogramFamily(std::string_view name, std::string_view help,
                                             std::vector<double> bounds) {
  return {&prometheus::BuildHistogram()
               .Name(std::string(name))
               .Help(std::string(help))
               .Register(impl_->registry),
          std::move(bounds)};
}

Counter Registry::AddCounter(std::string_view name, std::string_view help,
                             const LabelPairs& labels) {
  return AddCounterFamily(name, help).With(labels);
}

Gauge Registry::AddGauge(std::string_view name, std::string_view help, const LabelPairs& labels) {
  return AddGaugeFamily(name, help).With(labels);
}

Histogram Registry::AddHistogram(std::string_view name, std::string_view help,
                                 std::vector<double> bounds, const LabelPairs& labels) {
  return AddHistogramFamily(name, help, std::move(bounds)).With(labels);
}

Summary Registry::AddSummary(std::string_view name, std::string_view help,
                             const LabelPairs& labels) {
  auto& family = prometheus::BuildSummary()
                     .Name(std::string(name))
                     .Help(std::string(help))
                     .Register(impl_->registry);
  return Summary(
      &family.Add(labels, prometheus::Summary::Quantiles{{0.5, 0.05}, {0.9, 0.01}, {0.99, 0.001}},
                  std::chrono::minutes(10)));
}

void Registry::AddCallback(std::string_view name, std::string_view help, bool is_counter,
                           std::function<std::vector<Sample>()> collect) {
  std::lock_guard lock(impl_->mutex);
  impl_->callbacks.push_back(
      {std::string(name), std::string(help), is_counter, std::move(collect)});
}

namespace {

void AppendEscaped(std::string_view text, bool quotes, std::string* out) {
  for (const char c : text) {
    if (c == '\\')
      *out += "\\\\";
    else if (c == '\n')
      *out += "\\n";
    else if (c == '"' && quotes)
      *out += "\\\"";
    else
      *out += c;
  }
}

// One family's lines. OpenMetrics names a counter's family without _total.
class Writer {
 public:
  Writer(Format format, std::string* out) : format_(format), out_(out) {}

  void Header(std::string name, std::string_view help, std::string_view type) {
    if (format_ == Format::kOpenMetrics && type == "counter" && name.ends_with("_total")) {
      name.resize(name.size() - 6);
    }
    *out_ += "# HELP " + name + " ";
    AppendEscaped(help, format_ == Format::kOpenMetrics, out_);
    *out_ += "\n# TYPE " + name + " ";
    out_->append(type);
    *out_ += '\n';
  }

  template <typename Labels>
  void Line(std::string_view name, const Labels& labels, double value,
            std::string_view extra_name = "", std::string_view extra_value = "") {
    out_->append(name);
    bool first = true;
    const auto append = [&](std::string_view label, std::string_view text) {
      *out_ += first ? '{' : ',';
      first = false;
      out_->append(label) += "=\"";
      AppendEscaped(text, true, out_);
      *out_ += '"';
    };
    for (const auto& [label, text] : labels) append(label, text);
    if (!extra_name.empty()) append(extra_name, extra_value);
    if (!first) *out_ += '}';
    *out_ += ' ';
    base::AppendFloatG(value, out_);
    *out_ += '\n';
  }

 private:
  Format format_;
  std::string* out_;
};

std::string_view TypeName(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return "counter";
    case prometheus::MetricType::Histogram:
      return "histogram";
    case prometheus::MetricType::Summary:
      return "summary";
    default:
      return "gauge";
  }
}

using TextLabels = std::vector<std::pair<std::string, std::string>>;

void WriteHistogram(const std::string& name, const TextLabels& labels,
                    const prometheus::ClientMetric::Histogram& histogram, Writer* writer) {
  for (const auto& bucket : histogram.bucket) {
    writer->Line(name + "_bucket", labels, static_cast<double>(bucket.cumulative_count), "le",
                 base::FormatFloatG(bucket.upper_bound));
  }
  writer->Line(name + "_sum", labels, histogram.sample_sum);
  writer->Line(name + "_count", labels, static_cast<double>(histogram.sample_count));
}

void WriteSummary(const std::string& name, const TextLabels& labels,
                  const prometheus::ClientMetric::Summary& summary, Writer* writer) {
  for (const auto& quantile : summary.quantile) {
    writer->Line(name, labels, quantile.value, "quantile", base::FormatFloatG(quantile.quantile));
  }
  writer->Line(name + "_sum", labels, summary.sample_sum);
  writer->Line(name + "_count", labels, static_cast<double>(summary.sample_count));
}

void WriteFamily(const prometheus::MetricFamily& family, Writer* writer) {
  using prometheus::MetricType;
  writer->Header(family.name, family.help, TypeName(family.type));
  for (const prometheus::ClientMetric& metric : family.metric) {
    TextLabels labels;
    for (const auto& label : metric.label) labels.emplace_back(label.name, label.value);
    switch (family.type) {
      case MetricType::Histogram:
        WriteHistogram(family.name, labels, metric.histogram, writer);
        break;
      case MetricType::Summary:
        WriteSummary(family.name, labels, metric.summary, writer);
        break;
      case MetricType::Counter:
        writer->Line(family.name, labels, metric.counter.value);
        break;
      default:
        writer->Line(family.name, labels, metric.gauge.value);
    }
  }
}

}  // namespace

std::string Registry::Render(Format format) const {
  std::map<std::string, std::string> by_name;
  for (const prometheus::MetricFamily& family : impl_->registry.Collect()) {
    if (family.metric.empty()) continue;
    Writer writer(format, &by_name[family.name]);
    WriteFamily(family, &writer);
  }
  std::vector<Impl::Callback> callbacks;
  {
    std::lock_guard lock(impl_->mutex);
    callbacks = impl_->callbacks;
  }
  for (const Impl::Callback& callback : callbacks) {
    const std::vector<Sample> samples = callback.collect();
    if (samples.empty()) continue;
    Writer writer(format, &by_name[callback.name]);
    writer.Header(callback.name, callback.help, callback.is_counter ? "counter" : "gauge");
    for (const Sample& sample : samples) writer.Line(callback.name, sample.labels, sample.value);
  }
  std::string out;
  for (const auto& [name, text] : by_name) out += text;
  if (format == Format::kOpenMetrics) out += "# EOF\n";
  return out;
}

std::vector<double> OperationSecondsBounds() {
  return {0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120};
}

std::vector<double> ExponentialBounds(double start, double factor, int count) {
  std::vector<double> bounds;
  for (int i = 0; i < count; ++i, start *= factor) bounds.push_back(start);
  return bounds;
}

}  // namespace thanos::metrics
