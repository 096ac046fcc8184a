// The same query gives the same bits however it is executed, and windows give what a plain scan of
// their samples gives. Seeds are printed with each failure.
#include <cmath>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "promql/engine.h"
#include "promql/numerics.h"
#include "support/engine_variants.h"
#include "support/memory_source.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::promql {
namespace {

using Random = std::mt19937_64;

constexpr int64_t kEndMs = 3600000;

double RandomValue(Random& random, int flavour, double previous) {
  switch (flavour) {
    case 0:
      return std::floor(previous + static_cast<double>(random() % 50));  // Counter.
    case 1:
      return random() % 9 == 0 ? 0 : previous + 0.25 * static_cast<double>(random() % 7);
    case 2:
      return static_cast<double>(random() % 1000) / 7 - 60;
    default:
      break;
  }
  switch (random() % 12) {
    case 0:
      return kNaN;
    case 1:
      return kInf;
    case 2:
      return -kInf;
    case 3:
      return -0.0;
    case 4:
      return 1e308;
    default:
      return static_cast<double>(static_cast<int64_t>(random() % 2000) - 1000) / 3;
  }
}

void Fill(uint64_t seed, testing::MemorySource* source) {
  Random random(seed);
  const int targets = 1 + static_cast<int>(random() % 4);
  for (int i = 0; i < 60; ++i) {
    testing::MemorySource::Samples& samples =
        source->At(Labels::Of({{"__name__", i % 3 == 0 ? "a_total" : "b"},
                               {"job", "job-" + std::to_string(i % 5)},
                               {"le", std::to_string(i % 4)},
                               {"pod", "pod-" + std::to_string(i)}}));
    const int flavour = static_cast<int>(random() % 4);
    const bool gaps = random() % 2 == 0;
    double value = 0;
    for (int64_t t = (i % targets) * 1700; t < kEndMs; t += 15000) {
      if (gaps && random() % 5 == 0) continue;
      value = RandomValue(random, flavour, std::isfinite(value) ? value : 0);
      samples.t.push_back(t);
      samples.v.push_back(random() % 40 == 0 ? std::bit_cast<double>(model::kStaleNanBits) : value);
    }
  }
  source->Seal();
}

const char* const kQueries[] = {
    "a_total",
    "sum by (job) (rate(a_total[5m]))",
    "avg without (pod) (b)",
    "stddev(b)",
    "max by (job) (b) - min by (job) (b)",
    "topk(3, b)",
    "bottomk by (job) (2, rate(a_total[2m]))",
    "quantile by (job) (0.7, b)",
    "count_values(\"v\", round(b))",
    "b * on (pod) group_left (job) b",
    "sum by (job) (rate(a_total[5m])) / on (job) sum by (job) (increase(a_total[10m]))",
    "b > 10 or a_total",
    "b and on (job) a_total > 3",
    "b unless on (pod) (b > 0)",
    "histogram_quantile(0.9, sum by (le, job) (rate(a_total[5m])))",
    "max_over_time(sum by (job) (rate(a_total[1m]))[10m:1m])",
    "label_replace(b, \"pod\", \"$1\", \"pod\", \"pod-(.*)\")",
    "absent_over_time(b{pod=\"pod-1\"}[1m])",
    "scalar(b{pod=\"pod-1\"}) + sum(b)",
    "{__name__=~\"a_total|b\"} @ 1800 + on (pod) b",
    "clamp(b, -5, 5)",
    "sort_desc(b)",
};

TEST(Execution, GivesTheSameBitsWhateverWorkersBatchesTilesAndFusion) {
  const Engine engine({});
  const testing::VariantChecker checker(engine.options());
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    testing::MemorySource source;
    Fill(seed, &source);
    for (const char* text : kQueries) {
      for (const int64_t step : {int64_t{0}, int64_t{30000}}) {
        QueryParams params;
        params.text = text;
        params.start_ms = step == 0 ? kEndMs / 2 : 60000;
        params.end_ms = kEndMs;
        params.step_ms = step;
        THANOS_ASSERT_OK_AND_ASSIGN(auto query, engine.Prepare(params));
        ASSERT_THAT(checker.Check(params, source, query->Run(CallContext(), source)),
                    testing::IsOk())
            << "seed " << seed;
      }
    }
  }
}

TEST(Execution, GivesAtEachStepWhatAnInstantQueryGives) {
  testing::MemorySource source;
  Fill(7, &source);
  const Engine engine({});
  for (const char* text : kQueries) {
    if (std::string(text).starts_with("sort")) continue;
    QueryParams params;
    params.text = text;
    params.start_ms = 60000;
    params.end_ms = kEndMs;
    params.step_ms = 97000;
    THANOS_ASSERT_OK_AND_ASSIGN(auto query, engine.Prepare(params));
    THANOS_ASSERT_OK_AND_ASSIGN(const QueryResult range, query->Run(CallContext(), source));
    for (size_t i = 0; i < range.grid.count; i += 3) {
      QueryParams instant;
      instant.text = text;
      instant.start_ms = instant.end_ms = range.grid.At(i);
      THANOS_ASSERT_OK_AND_ASSIGN(auto at, engine.Prepare(instant));
      THANOS_ASSERT_OK_AND_ASSIGN(const QueryResult result, at->Run(CallContext(), source));
      std::map<std::string, double> expected, found;
      if (result.type == ValueType::kScalar) expected["{}"] = result.scalar;
      for (const ResultSeries& series : result.series) {
        expected[series.labels.ToString()] = series.values[0];
      }
      for (const ResultSeries& series : range.series) {
        if (series.Has(i)) found[series.labels.ToString()] = series.values[i];
      }
      ASSERT_EQ(expected.size(), found.size()) << text << " at " << range.grid.At(i);
      for (const auto& [labels, v] : expected) {
        const double other = found[labels];
        ASSERT_TRUE(std::bit_cast<uint64_t>(v) == std::bit_cast<uint64_t>(other) ||
                    (std::isnan(v) && std::isnan(other)))
            << text << " at " << range.grid.At(i) << " " << labels << " " << v << " " << other;
      }
    }
  }
}

// Plain evaluations of one window.
struct Window {
  std::vector<int64_t> t;
  std::vector<double> v;
  int64_t start_ms, end_ms, step_ms;  // step: the evaluation time, without the offset.
};
using Plain = std::function<std::optional<double>(const Window&)>;

double PlainSum(const Window& w) {
  double sum = 0, c = 0;
  for (const double x : w.v) KahanAdd(x, sum, c);
  return std::isinf(sum) ? sum : sum + c;
}

double PlainAverage(const Window& w) {
  double sum = 0, c = 0, count = 0;
  bool mean = false;
  for (const double x : w.v) {
    ++count;
    if (!mean) {
      double next = sum, next_c = c;
      KahanAdd(x, next, next_c);
      if (count == 1 || !std::isinf(next)) {
        sum = next;
        c = next_c;
        continue;
      }
      mean = true;
      sum /= count - 1;
      c /= count - 1;
    }
    const double q = (count - 1) / count;
    sum *= q;
    c *= q;
    KahanAdd(x / count, sum, c);
  }
  return mean ? sum + c : sum / count + c / count;
}

std::optional<double> PlainRate(const Window& w, bool counter, bool per_second) {
  if (w.v.size() < 2) return std::nullopt;
  double value = w.v.back() - w.v.front();
  for (size_t i = 1; counter && i < w.v.size(); ++i) {
    if (w.v[i] < w.v[i - 1]) value += w.v[i - 1];
  }
  const double sampled = static_cast<double>(w.t.back() - w.t.front()) / 1000;
  const double average = sampled / static_cast<double>(w.v.size() - 1);
  double start = static_cast<double>(w.t.front() - w.start_ms) / 1000;
  double end = static_cast<double>(w.end_ms - w.t.back()) / 1000;
  if (start >= average * 1.1) start = average / 2;
  if (counter && value > 0 && w.v.front() >= 0) {
    const double zero = sampled * (w.v.front() / value);
    if (zero < start) start = zero;
  }
  if (end >= average * 1.1) end = average / 2;
  double factor = (sampled + start + end) / sampled;
  if (per_second) factor /= static_cast<double>(w.end_ms - w.start_ms) / 1000;
  return value * factor;
}

double PlainExtreme(const Window& w, bool maximum) {
  double best = w.v[0];
  for (const double x : w.v) {
    if ((maximum ? x > best : x < best) || std::isnan(best)) best = x;
  }
  return best;
}

double PlainVariance(const Window& w) {
  double count = 0, mean = 0, mean_c = 0, squares = 0, squares_c = 0;
  for (const double x : w.v) {
    ++count;
    const double delta = x - (mean + mean_c);
    KahanAdd(delta / count, mean, mean_c);
    KahanAdd(delta * (x - (mean + mean_c)), squares, squares_c);
  }
  return (squares + squares_c) / count;
}

double PlainTimeOfExtreme(const Window& w, bool maximum) {
  size_t best = 0;
  for (size_t i = 1; i < w.v.size(); ++i) {
    if ((maximum ? w.v[i] >= w.v[best] : w.v[i] <= w.v[best]) || std::isnan(w.v[best])) best = i;
  }
  return static_cast<double>(w.t[best]) / 1000;
}

// Least squares: slope, and the value at `origin`.
std::pair<double, double> PlainSlope(const Window& w, int64_t origin) {
  double n = 0, x = 0, x_c = 0, y = 0, y_c = 0, xy = 0, xy_c = 0, xx = 0, xx_c = 0;
  bool constant = true;
  for (size_t i = 0; i < w.v.size(); ++i) {
    constant &= w.v[i] == w.v[0];
    ++n;
    const double at = static_cast<double>(w.t[i] - origin) / 1000;
    KahanAdd(at, x, x_c);
    KahanAdd(w.v[i], y, y_c);
    KahanAdd(at * w.v[i], xy, xy_c);
    KahanAdd(at * at, xx, xx_c);
  }
  if (constant) return {std::isinf(w.v[0]) ? kNaN : 0, std::isinf(w.v[0]) ? kNaN : w.v[0]};
  const double sum_x = x + x_c, sum_y = y + y_c;
  const double covariance = (xy + xy_c) - sum_x * sum_y / n;
  const double variance = (xx + xx_c) - sum_x * sum_x / n;
  const double slope = covariance / variance;
  return {slope, sum_y / n - slope * sum_x / n};
}

std::vector<std::pair<std::string, Plain>> PlainFunctions() {
  const auto some = [](auto f) -> Plain {
    return [f](const Window& w) -> std::optional<double> {
      if (w.v.empty()) return std::nullopt;
      return f(w);
    };
  };
  return {
      {"rate(m[R])", [](const Window& w) { return PlainRate(w, true, true); }},
      {"increase(m[R])", [](const Window& w) { return PlainRate(w, true, false); }},
      {"delta(m[R])", [](const Window& w) { return PlainRate(w, false, false); }},
      {"sum_over_time(m[R])", some(PlainSum)},
      {"stdvar_over_time(m[R])", some(PlainVariance)},
      {"avg_over_time(m[R])", some(PlainAverage)},
      {"count_over_time(m[R])",
       some([](const Window& w) { return static_cast<double>(w.v.size()); })},
      {"max_over_time(m[R])", some([](const Window& w) { return PlainExtreme(w, true); })},
      {"min_over_time(m[R])", some([](const Window& w) { return PlainExtreme(w, false); })},
      {"last_over_time(m[R])", some([](const Window& w) { return w.v.back(); })},
      {"first_over_time(m[R])", some([](const Window& w) { return w.v.front(); })},
      {"changes(m[R])", some([](const Window& w) {
         double count = 0;
         for (size_t i = 1; i < w.v.size(); ++i) {
           count += w.v[i] != w.v[i - 1] && !(std::isnan(w.v[i]) && std::isnan(w.v[i - 1]));
         }
         return count;
       })},
      {"resets(m[R])", some([](const Window& w) {
         double count = 0;
         for (size_t i = 1; i < w.v.size(); ++i) count += w.v[i] < w.v[i - 1];
         return count;
       })},
      {"quantile_over_time(0.3, m[R])", some([](const Window& w) {
         std::vector<double> sorted = w.v;
         std::sort(sorted.begin(), sorted.end(), NanFirstLess);
         return QuantileOfSorted(0.3, sorted);
       })},
      {"idelta(m[R])",
       [](const Window& w) -> std::optional<double> {
         if (w.v.size() < 2) return std::nullopt;
         return w.v.back() - w.v[w.v.size() - 2];
       }},
      {"irate(m[R])",
       [](const Window& w) -> std::optional<double> {
         const size_t n = w.v.size();
         if (n < 2) return std::nullopt;
         const double value = w.v[n - 1] < w.v[n - 2] ? w.v[n - 1] : w.v[n - 1] - w.v[n - 2];
         return value / (static_cast<double>(w.t[n - 1] - w.t[n - 2]) / 1000);
       }},
      {"deriv(m[R])",
       [](const Window& w) -> std::optional<double> {
         if (w.v.size() < 2) return std::nullopt;
         return PlainSlope(w, w.t.front()).first;
       }},
      {"predict_linear(m[R], 600)",
       [](const Window& w) -> std::optional<double> {
         if (w.v.size() < 2) return std::nullopt;
         const auto [slope, intercept] = PlainSlope(w, w.step_ms);
         return slope * 600 + intercept;
       }},
      {"present_over_time(m[R])", some([](const Window&) { return 1.0; })},
      {"stddev_over_time(m[R])", some([](const Window& w) { return std::sqrt(PlainVariance(w)); })},
      {"mad_over_time(m[R])", some([](const Window& w) {
         if (std::any_of(w.v.begin(), w.v.end(), [](double x) { return std::isnan(x); })) {
           return kNaN;
         }
         std::vector<double> sorted = w.v;
         std::sort(sorted.begin(), sorted.end());
         const double median = QuantileOfSorted(0.5, sorted);
         for (double& x : sorted) x = std::fabs(x - median);
         std::sort(sorted.begin(), sorted.end());
         return QuantileOfSorted(0.5, sorted);
       })},
      {"ts_of_last_over_time(m[R])",
       some([](const Window& w) { return static_cast<double>(w.t.back()) / 1000; })},
      {"ts_of_max_over_time(m[R])",
       some([](const Window& w) { return PlainTimeOfExtreme(w, true); })},
      {"ts_of_min_over_time(m[R])",
       some([](const Window& w) { return PlainTimeOfExtreme(w, false); })},
      {"double_exponential_smoothing(m[R], 0.4, 0.7)",
       [](const Window& w) -> std::optional<double> {
         if (w.v.size() < 2) return std::nullopt;
         double level = w.v[0], before = 0, slope = w.v[1] - w.v[0];
         for (size_t i = 1; i < w.v.size(); ++i) {
           if (i > 1) slope = 0.7 * (level - before) + (1 - 0.7) * slope;
           before = level;
           level = 0.4 * w.v[i] + (1 - 0.4) * (level + slope);
         }
         return level;
       }},
  };
}

TEST(Windows, GiveWhatAPlainScanGives) {
  size_t windows = 0;
  ParserOptions parser;
  parser.experimental_functions = true;
  for (uint64_t seed = 1; seed <= 120; ++seed) {
    Random random(seed);
    testing::MemorySource source;
    testing::MemorySource::Samples& samples = source.At(Labels::Of({{"__name__", "m"}}));
    const int flavour = static_cast<int>(random() % 4);
    const bool regular = seed % 2 == 0;
    double value = 0;
    int64_t t = static_cast<int64_t>(random() % 100000);
    for (int i = 0; i < 150; ++i) {
      value = RandomValue(random, flavour, std::isfinite(value) ? value : 0);
      samples.t.push_back(t);
      const bool stale = random() % 30 == 0 && seed % 4 != 0;
      samples.v.push_back(stale ? std::bit_cast<double>(model::kStaleNanBits) : value);
      // Regular scrapes take other paths than irregular ones, as long as nothing is missing.
      t += regular             ? 15000
           : random() % 7 == 0 ? 90000
                               : 1000 + static_cast<int64_t>(random() % 20000);
    }
    const int64_t range = 1000 * (1 + static_cast<int64_t>(random() % 400));
    const int64_t offset = 1000 * static_cast<int64_t>(random() % 100);
    for (const auto& [shape, plain] : PlainFunctions()) {
      QueryParams params;
      params.text = shape;
      params.text.replace(
          params.text.find("[R]"), 3,
          "[" + std::to_string(range) + "ms] offset " + std::to_string(offset) + "ms");
      params.start_ms = static_cast<int64_t>(random() % 50000);
      params.end_ms = params.start_ms + 1500000;
      params.step_ms = regular ? 15000 * (1 + static_cast<int64_t>(random() % 3))
                               : 1000 + static_cast<int64_t>(random() % 60000);
      const Engine engine(EngineOptions{.parser = parser});
      THANOS_ASSERT_OK_AND_ASSIGN(auto query, engine.Prepare(params));
      THANOS_ASSERT_OK_AND_ASSIGN(const QueryResult result, query->Run(CallContext(), source));
      windows += result.grid.count;
      for (size_t i = 0; i < result.grid.count; ++i) {
        Window window;
        window.end_ms = result.grid.At(i) - offset;
        window.start_ms = window.end_ms - range;
        window.step_ms = result.grid.At(i);
        for (size_t k = 0; k < samples.t.size(); ++k) {
          if (samples.t[k] <= window.start_ms || samples.t[k] > window.end_ms) continue;
          if (model::IsStaleNan(samples.v[k])) continue;
          window.t.push_back(samples.t[k]);
          window.v.push_back(samples.v[k]);
        }
        const std::optional<double> expected = plain(window);
        const bool present = !result.series.empty() && result.series[0].Has(i);
        ASSERT_EQ(present, expected.has_value())
            << "seed " << seed << ": " << params.text << " at " << result.grid.At(i);
        if (!present) continue;
        const double found = result.series[0].values[i];
        ASSERT_TRUE((std::isnan(found) && std::isnan(*expected)) ||
                    std::bit_cast<uint64_t>(found) == std::bit_cast<uint64_t>(*expected))
            << "seed " << seed << ": " << params.text << " at " << result.grid.At(i) << ": "
            << found << " is not " << *expected;
      }
    }
  }
  EXPECT_GE(windows, 100000u);
}

}  // namespace
}  // namespace thanos::promql
