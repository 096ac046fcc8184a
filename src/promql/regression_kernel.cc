// deriv() and predict_linear().
#include <cmath>

#include "promql/numerics.h"
#include "promql/window_kernels.h"
#include "promql/window_lanes.h"

namespace thanos::promql {
namespace {

struct KahanSum {
  double sum = 0, c = 0;
  void Add(double x) { KahanAdd(x, sum, c); }
  double value() const { return sum + c; }
};

// Sums over one window; x is the seconds from where the intercept lies.
struct Sums {
  double n = 0, x = 0, y = 0, xy = 0, xx = 0;
  bool constant = true;

  void Solve(double first, double* slope, double* intercept) const {
    if (constant) {
      *slope = std::isinf(first) ? kNaN : 0;
      *intercept = std::isinf(first) ? kNaN : first;
      return;
    }
    const double covariance = xy - x * y / n;
    const double variance = xx - x * x / n;
    *slope = covariance / variance;
    *intercept = y / n - *slope * x / n;
  }
};

double SecondsFrom(int64_t origin_ms, int64_t t) {
  return static_cast<double>(t - origin_ms) / 1000;
}

Sums SumsOf(std::span<const int64_t> t, std::span<const double> v, int64_t origin_ms) {
  KahanSum x, y, xy, xx;
  Sums out;
  for (size_t i = 0; i < v.size(); ++i) {
    if (v[i] != v[0]) out.constant = false;
    const double at = SecondsFrom(origin_ms, t[i]);
    x.Add(at);
    y.Add(v[i]);
    xy.Add(at * v[i]);
    xx.Add(at * at);
  }
  out.n = static_cast<double>(v.size());
  out.x = x.value();
  out.y = y.value();
  out.xy = xy.value();
  out.xx = xx.value();
  return out;
}

// What windows of regularly scraped series have alike: the times of their samples, from the origin.
class SharedTimes {
 public:
  // False when the samples behind a step do not repeat those of the step before.
  static bool Repeat(const WindowSpec& spec, const WindowGeometry& geometry) {
    const size_t steps = geometry.begin.size();
    if (steps < kLanes || spec.at_ms) return false;
    const size_t stride = geometry.begin[steps / 2] - geometry.begin[steps / 2 - 1];
    if (stride == 0) return false;
    for (size_t j = stride; j < geometry.t.size(); ++j) {
      if (geometry.t[j] - geometry.t[j - stride] != spec.grid.step_ms) return false;
    }
    return true;
  }

  void Use(std::span<const int64_t> t, int64_t origin_ms, size_t phase) {
    const int64_t offset = t[0] - origin_ms;
    if (x_.size() == t.size() && offset == offset_ && phase == phase_) return;
    offset_ = offset;
    phase_ = phase;
    x_.clear();
    KahanSum x, xx;
    for (const int64_t at : t) {
      x_.push_back(SecondsFrom(origin_ms, at));
      x.Add(x_.back());
      xx.Add(x_.back() * x_.back());
    }
    sums_.n = static_cast<double>(t.size());
    sums_.x = x.value();
    sums_.xx = xx.value();
  }
  const double* x() const { return x_.data(); }
  const Sums& sums() const { return sums_; }

 private:
  std::vector<double> x_;
  int64_t offset_ = 0;
  size_t phase_ = 0;
  Sums sums_;
};

}  // namespace

void RegressionKernel(const WindowSpec& spec, const WindowGeometry& geometry,
                      std::span<const double> v, std::span<const double> ahead,
                      std::vector<double>* scratch, double* out) {
  const std::span<const int64_t> t = geometry.t;
  const size_t steps = geometry.begin.size();
  const bool predicts = !ahead.empty();
  const LaneLayout layout(geometry, v, scratch);
  const bool repeat = layout.useful() && SharedTimes::Repeat(spec, geometry);
  SharedTimes times;
  const auto finish = [&](size_t i, const Sums& sums) {
    double slope = 0;
    double intercept = 0;
    sums.Solve(v[geometry.begin[i]], &slope, &intercept);
    out[i] = predicts ? slope * ahead[i] + intercept : slope;
  };
  for (size_t i = 0; i < steps; ++i) {
    const size_t begin = geometry.begin[i];
    const size_t n = geometry.end[i] - begin;
    if (n < 2) continue;
    const int64_t origin = predicts ? spec.grid.At(i) : t[begin];
    if (repeat && layout.CommonLength(i, 1) == n) {
      const size_t stride = geometry.begin[i + 1] - begin;
      times.Use(t.subspan(begin, n), origin, begin % stride);
      ProductSums products;
      if (ProductLanes(layout.Begin(i), times.x(), n, &products)) {
        for (size_t l = 0; l < kLanes; ++l) {
          Sums sums = times.sums();
          sums.y = products.y[l];
          sums.xy = products.xy[l];
          sums.constant = products.constant[l];
          finish(i + l, sums);
        }
        i += kLanes - 1;
        continue;
      }
    }
    finish(i, SumsOf(t.subspan(begin, n), v.subspan(begin, n), origin));
  }
}

}  // namespace thanos::promql
