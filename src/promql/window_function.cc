#include "promql/window_function.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "model/go_quote.h"
#include "promql/numerics.h"
#include "promql/start_times.h"

namespace thanos::promql {
namespace {

bool IsRateLike(FunctionId id) {
  return id == FunctionId::kRate || id == FunctionId::kIncrease || id == FunctionId::kDelta;
}

bool EndsLikeCounter(std::string_view name) {
  constexpr std::array<std::string_view, 4> kEndings = {"_total", "_sum", "_count", "_bucket"};
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [name](std::string_view ending) { return name.ends_with(ending); });
}

bool AnyStale(std::span<const double> v) {
  uint64_t found = 0;
  for (const double value : v) found |= model::IsStaleNan(value) ? 1 : 0;
  return found != 0;
}

}  // namespace

namespace {

double MedianDeviation(std::span<const double> v) {
  if (std::any_of(v.begin(), v.end(), [](double x) { return std::isnan(x); })) return kNaN;
  std::vector<double> values(v.begin(), v.end());
  std::sort(values.begin(), values.end());
  const double median = QuantileOfSorted(0.5, values);
  for (double& value : values) value = std::fabs(value - median);
  std::sort(values.begin(), values.end());
  return QuantileOfSorted(0.5, values);
}

// Where the extreme lies for the last time.
size_t LastExtreme(bool maximum, std::span<const double> v) {
  size_t best = 0;
  for (size_t i = 1; i < v.size(); ++i) {
    if ((maximum ? v[i] >= v[best] : v[i] <= v[best]) || std::isnan(v[best])) best = i;
  }
  return best;
}

}  // namespace

size_t WindowScratch::held_bytes() const {
  return columns.held_bytes() +
         8 * (t.capacity() + v.capacity() + st.capacity() + histogram_t.capacity() +
              histogram_st.capacity() + doubles.capacity() + values.capacity() + bits.capacity() +
              histogram_v.capacity()) +
         4 * indices.capacity();
}

// Factors lie between 0 and 1. The first step that is wrong is told.
Status WindowFunction::CheckSmoothing() const {
  for (size_t i = 0; i < spec_.param.size(); ++i) {
    const std::pair<const char*, double> factors[] = {
        {"invalid smoothing factor. Expected: 0 < sf < 1, got: ", spec_.param[i]},
        {"invalid trend factor. Expected: 0 < tf < 1, got: ", spec_.second_param[i]}};
    for (const auto& [text, factor] : factors) {
      if (!(factor <= 0 || factor >= 1)) continue;
      char number[400];
      std::snprintf(number, sizeof(number), "%f", factor);
      return FailedPreconditionError(std::string(text) + number);
    }
  }
  return OkStatus();
}

bool KeepsName(FunctionId id) {
  return id == FunctionId::kFirstOverTime || id == FunctionId::kLastOverTime;
}

Status WindowFunction::Evaluate(const chunk::Columns& columns, LabelsView labels,
                                WindowScratch* scratch, double* out, uint64_t* present) const {
  scratch->cells.Clear(spec_.window.grid.count);
  const bool extended = spec_.extension != Extension::kNone;
  if (spec_.kind != WindowKind::kFunction && !extended) {
    return EvaluateLatest(columns, labels, scratch, out, present);
  }
  std::span<const int64_t> t = columns.t;
  std::span<const double> v = columns.v;
  std::span<const int64_t> starts;
  if (UsesStartTimes()) starts = columns.st;
  if (AnyStale(v)) {
    scratch->t.clear();
    scratch->v.clear();
    scratch->st.clear();
    for (size_t i = 0; i < v.size(); ++i) {
      if (model::IsStaleNan(v[i])) continue;
      scratch->t.push_back(t[i]);
      scratch->v.push_back(v[i]);
      if (!starts.empty()) scratch->st.push_back(StartAt(starts, i));
    }
    t = scratch->t;
    v = scratch->v;
    starts = scratch->st;
  }
  const bool histograms = std::any_of(columns.histograms.begin(), columns.histograms.end(),
                                      [](const auto& h) { return !h.is_stale(); });
  if (v.empty() && !histograms) return OkStatus();
  if (spec_.id == FunctionId::kDoubleExponentialSmoothing) {
    THANOS_RETURN_IF_ERROR(CheckSmoothing());
  }
  if (spec_.looks_before) {
    if (histograms) {
      return FailedPreconditionError("native histograms are not supported in " +
                                     std::string(spec_.name) + "()");
    }
    EvaluateX(t, v, scratch, out, present);
  } else if (extended) {
    if (!histograms) EvaluateExtended(t, v, scratch, out, present);
  } else if (!v.empty() && !starts.empty()) {
    EvaluateWithStartTimes(t, v, starts, labels, scratch, out, present);
  } else if (!v.empty()) {
    THANOS_RETURN_IF_ERROR(EvaluateFloats(t, v, scratch, out, present));
  }
  if (histograms) {
    scratch->histogram_t.clear();
    scratch->histogram_v.clear();
    scratch->histogram_st.clear();
    for (size_t i = 0; i < columns.histograms.size(); ++i) {
      if (columns.histograms[i].is_stale()) continue;
      if (UsesStartTimes() && !columns.histogram_st.empty()) {
        scratch->histogram_st.push_back(StartAt(columns.histogram_st, i));
      }
      scratch->histogram_t.push_back(columns.histogram_t[i]);
      scratch->histogram_v.push_back(&columns.histograms[i]);
    }
    if (extended) {
      EvaluateExtendedMixed(t, v, labels, scratch, out, present);
    } else {
      EvaluateMixed(t, v, starts, labels, scratch, out, present);
    }
  }
  if (spec_.id == FunctionId::kRate || spec_.id == FunctionId::kIncrease) {
    if (AnyBit(present, spec_.window.grid.words())) {
      AnnotateCounterName(labels, scratch);
    }
  }
  return OkStatus();
}

void WindowFunction::AnnotateCounterName(LabelsView labels, WindowScratch* scratch) const {
  const std::string_view name = labels.Get(kMetricName);
  if (name.empty() || EndsLikeCounter(name) || name == scratch->last_name) return;
  scratch->last_name = name;
  state_->Annotate(
      AnnotationKind::kInfo,
      "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: " +
          model::GoQuoted(name),
      spec_.place);
}

// When the latest sample began; 0 where that is unknown.
void WindowFunction::LatestStart(const chunk::Columns& columns, WindowScratch* scratch, double* out,
                                 uint64_t* present) const {
  const WindowGeometry& floats = scratch->cache.Find(columns.t, false);
  const WindowGeometry& histograms = scratch->histogram_cache.Find(columns.histogram_t, false);
  for (size_t i = 0; i < spec_.window.grid.count; ++i) {
    const bool has_float = floats.end[i] > floats.begin[i];
    const bool has_histogram = histograms.end[i] > histograms.begin[i];
    if (!has_float && !has_histogram) continue;
    const size_t f = floats.end[i] - 1;
    const size_t h = histograms.end[i] - 1;
    const bool use_float = has_float && (!has_histogram || columns.t[f] > columns.histogram_t[h]);
    const bool stale =
        use_float ? model::IsStaleNan(columns.v[f]) : columns.histograms[h].is_stale();
    if (stale) continue;
    ++scratch->visited;
    const int64_t start = use_float ? StartAt(columns.st, f) : StartAt(columns.histogram_st, h);
    out[i] = static_cast<double>(start) / 1000;
    SetBit(present, i);
  }
}

// The latest sample of either kind; stale markers of both kinds end a series.
Status WindowFunction::EvaluateLatest(const chunk::Columns& columns, LabelsView labels,
                                      WindowScratch* scratch, double* out,
                                      uint64_t* present) const {
  if (spec_.kind == WindowKind::kLatestStart) {
    LatestStart(columns, scratch, out, present);
    return OkStatus();
  }
  const WindowGeometry& geometry = scratch->cache.Find(columns.t, false);
  const WindowGeometry* histograms =
      columns.histogram_t.empty() ? nullptr
                                  : &scratch->histogram_cache.Find(columns.histogram_t, false);
  const bool time = spec_.kind == WindowKind::kLatestTime;
  for (size_t i = 0; i < spec_.window.grid.count; ++i) {
    const uint32_t end = geometry.end[i];
    const bool has_float = end > geometry.begin[i];
    if (histograms != nullptr && histograms->end[i] > histograms->begin[i]) {
      const uint32_t last = histograms->end[i] - 1;
      if (!has_float || columns.histogram_t[last] > columns.t[end - 1]) {
        if (columns.histograms[last].is_stale()) continue;
        ++scratch->visited;
        if (time && spec_.name == "info") {
          return FailedPreconditionError("info metric has histogram samples: " + labels.ToString());
        }
        if (!time) {
          scratch->cells.Borrow(i, &columns.histograms[last]);
          continue;
        }
        out[i] = static_cast<double>(columns.histogram_t[last]) / 1000;
        SetBit(present, i);
        continue;
      }
    }
    if (!has_float || model::IsStaleNan(columns.v[end - 1])) continue;
    ++scratch->visited;
    out[i] = time ? static_cast<double>(columns.t[end - 1]) / 1000 : columns.v[end - 1];
    SetBit(present, i);
  }
  return OkStatus();
}

Status WindowFunction::EvaluateFloats(std::span<const int64_t> t, std::span<const double> v,
                                      WindowScratch* scratch, double* out,
                                      uint64_t* present) const {
  const FunctionId id = spec_.id;
  Patience patience([this] { return !state_->Check().ok(); });
  const WindowGeometry& geometry = scratch->cache.Find(t, IsRateLike(id));
  scratch->visited += geometry.visited;
  const bool pairs = IsRateLike(id) || id == FunctionId::kDeriv ||
                     id == FunctionId::kPredictLinear ||
                     id == FunctionId::kDoubleExponentialSmoothing;
  const std::vector<uint64_t>& valid = pairs ? geometry.two : geometry.any;
  switch (id) {
    case FunctionId::kRate:
    case FunctionId::kIncrease:
    case FunctionId::kDelta:
      RateKernel(id == FunctionId::kRate    ? RateKind::kRate
                 : id == FunctionId::kDelta ? RateKind::kDelta
                                            : RateKind::kIncrease,
                 geometry, v, spec_.window.range_seconds(), &scratch->indices, out);
      break;
    case FunctionId::kSumOverTime:
    case FunctionId::kAvgOverTime:
      SumKernel(id == FunctionId::kAvgOverTime, geometry, v, &scratch->doubles, &patience, out);
      break;
    case FunctionId::kMinOverTime:
    case FunctionId::kMaxOverTime:
      ExtremeKernel(id == FunctionId::kMaxOverTime, geometry, v, &scratch->indices, out);
      break;
    case FunctionId::kQuantileOverTime:
      QuantileKernel(geometry, v, spec_.param, &scratch->doubles, &patience, out);
      break;
    case FunctionId::kStddevOverTime:
    case FunctionId::kStdvarOverTime:
      VarianceKernel(id == FunctionId::kStddevOverTime, geometry, v, &scratch->doubles, &patience,
                     out);
      break;
    case FunctionId::kChanges:
    case FunctionId::kResets:
      PairCountKernel(id == FunctionId::kResets, geometry, v, &scratch->indices, out);
      break;
    case FunctionId::kDeriv:
      RegressionKernel(spec_.window, geometry, v, {}, &scratch->doubles, out);
      break;
    case FunctionId::kPredictLinear:
      RegressionKernel(spec_.window, geometry, v, spec_.param, &scratch->doubles, out);
      break;
    case FunctionId::kDoubleExponentialSmoothing:
      SmoothKernel(geometry, v, spec_.param, spec_.second_param, &scratch->doubles, &patience, out);
      break;
    case FunctionId::kIrate:
    case FunctionId::kIdelta:
      EvaluateInstantRate(geometry, t, v, out, present);
      return OkStatus();
    default:
      EvaluatePerWindow(geometry, t, v, &patience, out, present);
      return patience.gone() ? state_->Check() : OkStatus();
  }
  std::copy(valid.begin(), valid.end(), present);
  return patience.gone() ? state_->Check() : OkStatus();
}

// The last two samples of the window.
void WindowFunction::EvaluateInstantRate(const WindowGeometry& geometry, std::span<const int64_t> t,
                                         std::span<const double> v, double* out,
                                         uint64_t* present) const {
  const bool rate = spec_.id == FunctionId::kIrate;
  ForEachBit(geometry.two.data(), geometry.two.size(), [&](size_t i) {
    const uint32_t last = geometry.end[i] - 1;
    const int64_t interval = t[last] - t[last - 1];
    if (interval == 0) return;
    double value = v[last] - v[last - 1];
    if (rate && v[last] < v[last - 1]) value = v[last];
    out[i] = rate ? value / (static_cast<double>(interval) / 1000) : value;
    SetBit(present, i);
  });
}

void WindowFunction::EvaluatePerWindow(const WindowGeometry& geometry, std::span<const int64_t> t,
                                       std::span<const double> v, Patience* patience, double* out,
                                       uint64_t* present) const {
  ForEachBit(geometry.any.data(), geometry.any.size(), [&](size_t i) {
    const uint32_t begin = geometry.begin[i];
    const uint32_t n = geometry.end[i] - begin;
    if (patience->IsGone(n)) return;
    SetBit(present, i);
    switch (spec_.id) {
      case FunctionId::kCountOverTime:
        out[i] = n;
        break;
      case FunctionId::kFirstOverTime:
        out[i] = v[begin];
        break;
      case FunctionId::kLastOverTime:
        out[i] = v[begin + n - 1];
        break;
      case FunctionId::kMadOverTime:
        out[i] = MedianDeviation(v.subspan(begin, n));
        break;
      case FunctionId::kTsOfFirstOverTime:
        out[i] = static_cast<double>(t[begin]) / 1000;
        break;
      case FunctionId::kTsOfLastOverTime:
        out[i] = static_cast<double>(t[begin + n - 1]) / 1000;
        break;
      case FunctionId::kTsOfMaxOverTime:
      case FunctionId::kTsOfMinOverTime: {
        const bool maximum = spec_.id == FunctionId::kTsOfMaxOverTime;
        const size_t at = LastExtreme(maximum, v.subspan(begin, n));
        out[i] = static_cast<double>(t[begin + at]) / 1000;
        break;
      }
      default:
        out[i] = 1;
        break;  // present_over_time, absent_over_time.
    }
  });
}

}  // namespace thanos::promql
