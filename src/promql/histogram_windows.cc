// Functions over windows of native histograms, and of histograms and floats mixed.
#include <algorithm>
#include <cmath>

#include "model/go_quote.h"
#include "promql/histogram_math.h"
#include "promql/numerics.h"
#include "promql/start_times.h"
#include "promql/window_function.h"

namespace thanos::promql {
namespace {

using Hint = model::CounterResetHint;

// What a function does with histograms among the samples of a window.
enum class HistogramRule : uint8_t {
  kIgnore,   // With an info where both kinds meet.
  kOneKind,  // Windows of both kinds give nothing and a warning.
  kBoth,     // Samples of either kind count.
};

HistogramRule RuleOf(FunctionId id) {
  switch (id) {
    case FunctionId::kMinOverTime:
    case FunctionId::kMaxOverTime:
    case FunctionId::kStddevOverTime:
    case FunctionId::kStdvarOverTime:
    case FunctionId::kQuantileOverTime:
    case FunctionId::kDeriv:
    case FunctionId::kPredictLinear:
    case FunctionId::kMadOverTime:
    case FunctionId::kTsOfMaxOverTime:
    case FunctionId::kTsOfMinOverTime:
    case FunctionId::kDoubleExponentialSmoothing:
      return HistogramRule::kIgnore;
    case FunctionId::kRate:
    case FunctionId::kIncrease:
    case FunctionId::kDelta:
    case FunctionId::kSumOverTime:
    case FunctionId::kAvgOverTime:
      return HistogramRule::kOneKind;
    default:
      return HistogramRule::kBoth;
  }
}

}  // namespace

void WindowFunction::EvaluateMixed(std::span<const int64_t> t, std::span<const double> v,
                                   std::span<const int64_t> starts, LabelsView labels,
                                   WindowScratch* scratch, double* out, uint64_t* present) const {
  const WindowGeometry& floats = scratch->cache.Find(t, false);
  const WindowGeometry& geometry = scratch->histogram_cache.Find(scratch->histogram_t, false);
  MixedWindow window;
  window.name = model::GoQuoted(labels.Get(kMetricName));
  ForEachBit(geometry.any.data(), geometry.any.size(), [&](size_t i) {
    const size_t begin = geometry.begin[i];
    const size_t n = geometry.end[i] - begin;
    const size_t float_n = floats.end[i] - floats.begin[i];
    window.step = i;
    window.histogram_t = std::span(scratch->histogram_t).subspan(begin, n);
    window.h = std::span(scratch->histogram_v).subspan(begin, n);
    window.t = t.subspan(floats.begin[i], float_n);
    window.v = v.subspan(floats.begin[i], float_n);
    window.starts = StartsFrom(starts, floats.begin[i], float_n);
    window.histogram_starts = StartsFrom(scratch->histogram_st, begin, n);
    scratch->visited += n;
    MixedStep(window, scratch, out, present);
  });
}

void WindowFunction::MixedStep(const MixedWindow& window, WindowScratch* scratch, double* out,
                               uint64_t* present) const {
  const size_t i = window.step;
  const HistogramRule rule = RuleOf(spec_.id);
  if (rule == HistogramRule::kIgnore) {
    if (!window.v.empty()) {
      Note(AnnotationKind::kInfo,
           "ignored histograms in a range containing both floats and histograms for metric name " +
               window.name);
    }
    return;
  }
  if (rule == HistogramRule::kOneKind && !window.v.empty()) {
    Note(AnnotationKind::kWarning,
         "encountered a mix of histograms and floats for metric name " + window.name);
    ClearBit(present, i);
    return;
  }
  const auto give = [&](double value) {
    out[i] = value;
    SetBit(present, i);
  };
  const bool floats = !window.v.empty();
  switch (spec_.id) {
    case FunctionId::kRate:
    case FunctionId::kIncrease:
    case FunctionId::kDelta:
      return RateOfHistograms(window, &scratch->cells);
    case FunctionId::kSumOverTime:
    case FunctionId::kAvgOverTime:
      return SumOfHistograms(window, &scratch->cells);
    case FunctionId::kIrate:
    case FunctionId::kIdelta:
      return InstantRateOfMixed(window, &scratch->cells, out, present);
    case FunctionId::kChanges:
    case FunctionId::kResets:
      return give(PairsOfMixed(window));
    case FunctionId::kCountOverTime:
      return give(static_cast<double>(window.v.size() + window.h.size()));
    case FunctionId::kFirstOverTime:
      if (floats && window.t.front() < window.histogram_t.front()) return;
      ClearBit(present, i);
      return scratch->cells.Borrow(i, window.h.front());
    case FunctionId::kLastOverTime:
      if (floats && window.t.back() > window.histogram_t.back()) return;
      ClearBit(present, i);
      return scratch->cells.Borrow(i, window.h.back());
    case FunctionId::kTsOfFirstOverTime: {
      const int64_t first = window.histogram_t.front();
      return give(static_cast<double>(floats ? std::min(first, window.t.front()) : first) / 1000);
    }
    case FunctionId::kTsOfLastOverTime: {
      const int64_t last = window.histogram_t.back();
      return give(static_cast<double>(floats ? std::max(last, window.t.back()) : last) / 1000);
    }
    default:
      return give(1);  // present_over_time, absent_over_time.
  }
}

// Last minus first plus what came before each reset, at the least resolution; then extrapolated
// like floats, with the count where floats have their value.
void WindowFunction::RateOfHistograms(const MixedWindow& window, HistogramCells* cells) const {
  const bool counter = spec_.id != FunctionId::kDelta;
  const size_t n = window.h.size();
  const std::span<const int64_t> t = window.histogram_t;
  const std::optional<Extrapolation> interval = IntervalOf(window, t, window.histogram_starts);
  if (!interval) return;
  if (n == 1) {  // What was counted since the start.
    FloatHistogram result = *window.h[0];
    Scale(Factor(*interval), &result);
    return cells->Set(window.step, std::move(result));
  }
  const FloatHistogram& last = *window.h.back();
  FloatHistogram first = *window.h.front();
  const auto is_gauge = [](const FloatHistogram* h) { return h->hint == Hint::kGauge; };
  if (counter && std::any_of(window.h.begin(), window.h.end(), is_gauge)) {
    Note(AnnotationKind::kWarning, "this native histogram metric is not a counter: " + window.name);
  }
  if (!counter && !(is_gauge(window.h.front()) && is_gauge(&last))) {
    Note(AnnotationKind::kWarning, "this native histogram metric is not a gauge: " + window.name);
  }
  const double first_count = first.count;
  bool first_is_empty = false;
  const auto is_reset = [&](size_t k, const FloatHistogram& before) {
    return StartsAnew(t, window.histogram_starts, k) || DetectsReset(*window.h[k], before);
  };
  if (counter && is_reset(1, first)) {
    first_is_empty = true;
    first = FloatHistogram();
    first.schema = window.h[1]->schema;
    first.custom_values = window.h[1]->custom_values;
    first.zero_threshold = window.h[1]->zero_threshold;
  }
  const auto mixed_layouts = [&] {
    Note(AnnotationKind::kWarning,
         "vector contains a mix of histograms with exponential and custom buckets schemas for "
         "metric name " +
             window.name);
  };
  for (size_t k = first_is_empty ? 1 : 0; k < n; ++k) {
    if (UsesCustomBuckets(*window.h[k]) != UsesCustomBuckets(last)) return mixed_layouts();
  }
  HistogramSum sum(last, /*compensated=*/false);
  if (!sum.Subtract(first)) return mixed_layouts();
  bool reconciled = sum.bounds_reconciled();
  if (reconciled) {
    Note(AnnotationKind::kInfo, "mismatched custom buckets were reconciled during subtraction");
  }
  if (counter) {
    NoteOverlap(window, t, window.histogram_starts);
    const FloatHistogram* previous = &first;
    for (size_t k = 1; k < n; ++k) {
      if (!(k == 1 && first_is_empty) && is_reset(k, *previous)) {
        if (!sum.Add(*previous)) return mixed_layouts();
        if (sum.bounds_reconciled() && !reconciled) {
          reconciled = true;
          Note(AnnotationKind::kInfo, "mismatched custom buckets were reconciled during addition");
        }
      }
      previous = window.h[k];
    }
  }
  if (interval->from_start && !sum.Add(*window.h.front())) return mixed_layouts();
  FloatHistogram result = sum.Result();
  result.hint = Hint::kGauge;
  const bool from_zero = counter && !interval->from_start;
  Scale(Factor(from_zero ? LimitedByZero(*interval, first_count, result.count) : *interval),
        &result);
  cells->Set(window.step, std::move(result));
}

// The last two samples, whatever their kinds.
void WindowFunction::InstantRateOfMixed(const MixedWindow& window, HistogramCells* cells,
                                        double* out, uint64_t* present) const {
  const bool rate = spec_.id == FunctionId::kIrate;
  const size_t i = window.step;
  ClearBit(present, i);
  const size_t histograms = window.h.size();
  const size_t floats = window.v.size();
  if (histograms + floats < 2) return;
  // How many of the last two are histograms.
  size_t latest = 0;
  size_t h = histograms;
  size_t f = floats;
  for (int k = 0; k < 2; ++k) {
    if (h > 0 && (f == 0 || window.histogram_t[h - 1] >= window.t[f - 1])) {
      --h;
      ++latest;
    } else {
      --f;
    }
  }
  if (latest == 1) {
    Note(AnnotationKind::kWarning,
         "encountered a mix of histograms and floats for metric name " + window.name);
    return;
  }
  if (latest == 0) {
    const double last = window.v[floats - 1];
    const double before = window.v[floats - 2];
    const int64_t interval = window.t[floats - 1] - window.t[floats - 2];
    if (interval == 0) return;
    const bool reset = rate && (last < before || StartsAnew(window.t, window.starts, floats - 1));
    const double value = reset ? last : last - before;
    out[i] = rate ? value / (static_cast<double>(interval) / 1000) : value;
    SetBit(present, i);
    return;
  }
  const FloatHistogram& last = *window.h[histograms - 1];
  const FloatHistogram& before = *window.h[histograms - 2];
  const int64_t interval = window.histogram_t[histograms - 1] - window.histogram_t[histograms - 2];
  if (interval == 0) return;
  if (rate && (last.hint == Hint::kGauge || before.hint == Hint::kGauge)) {
    Note(AnnotationKind::kWarning, "this native histogram metric is not a counter: " + window.name);
  }
  if (!rate && (last.hint != Hint::kGauge || before.hint != Hint::kGauge)) {
    Note(AnnotationKind::kWarning, "this native histogram metric is not a gauge: " + window.name);
  }
  FloatHistogram result = last;
  if (!rate || !(StartsAnew(window.histogram_t, window.histogram_starts, histograms - 1) ||
                 DetectsReset(last, before))) {
    HistogramSum sum(last, /*compensated=*/false);
    if (!sum.Subtract(before)) {
      Note(AnnotationKind::kWarning,
           "vector contains a mix of histograms with exponential and custom buckets schemas for "
           "metric name " +
               window.name);
      return;
    }
    if (sum.bounds_reconciled()) {
      Note(AnnotationKind::kInfo, "mismatched custom buckets were reconciled during subtraction");
    }
    result = sum.Result();
  }
  if (rate) Divide(static_cast<double>(interval) / 1000, &result);
  Compact(&result);
  result.hint = Hint::kGauge;
  cells->Set(i, std::move(result));
}

void WindowFunction::SumOfHistograms(const MixedWindow& window, HistogramCells* cells) const {
  const bool average = spec_.id == FunctionId::kAvgOverTime;
  HistogramAverage sum(*window.h[0], average);
  for (size_t k = 1; k < window.h.size(); ++k) {
    if (sum.Add(*window.h[k])) continue;
    Note(AnnotationKind::kWarning,
         "vector contains a mix of histograms with exponential and custom buckets schemas for "
         "metric name " +
             window.name);
    return;
  }
  if (sum.hint_collision()) {
    Note(AnnotationKind::kWarning, "conflicting counter resets during histogram aggregation");
  }
  if (sum.bounds_reconciled()) {
    Note(AnnotationKind::kInfo, "mismatched custom buckets were reconciled during aggregation");
  }
  cells->Set(window.step, sum.Result());
}

// changes() and resets(): a change of kind is one of each.
double WindowFunction::PairsOfMixed(const MixedWindow& window) const {
  const bool resets = spec_.id == FunctionId::kResets;
  double pairs = 0;
  size_t f = 0;
  size_t h = 0;
  int last = 0;  // 1: a float, 2: a histogram.
  while (f < window.v.size() || h < window.h.size()) {
    const bool is_float =
        h == window.h.size() || (f < window.v.size() && window.t[f] < window.histogram_t[h]);
    const int kind = is_float ? 1 : 2;
    if (last != 0 && last != kind) {
      ++pairs;
    } else if (last == 1) {
      const double x = window.v[f];
      const double before = window.v[f - 1];
      const bool both_nan = std::isnan(x) && std::isnan(before);
      const bool reset = x < before || StartsAnew(window.t, window.starts, f);
      if (resets ? reset : x != before && !both_nan) ++pairs;
    } else if (last == 2) {
      const FloatHistogram& x = *window.h[h];
      const FloatHistogram& before = *window.h[h - 1];
      const bool anew = resets && StartsAnew(window.histogram_t, window.histogram_starts, h);
      if (resets ? anew || DetectsReset(x, before) : !Equal(x, before)) ++pairs;
    }
    last = kind;
    ++(is_float ? f : h);
  }
  return pairs;
}

}  // namespace thanos::promql
