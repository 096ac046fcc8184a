// Hot loops over the samples of one series and the steps of a grid. Plain functions on arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "promql/window.h"

namespace thanos::promql {

/// Asked by loops over windows whether their result is still wanted; it looks once in a million
/// samples.
class Patience {
 public:
  /// `gone` is true once nobody waits for the result.
  explicit Patience(std::function<bool()> gone) : ask_(std::move(gone)) {}
  /// After work on so many samples more. True: stop, what is written so far is of no use.
  bool IsGone(size_t samples) {
    if (samples < left_) {
      left_ -= samples;
      return gone_;
    }
    left_ = kSamples;
    gone_ = gone_ || ask_();
    return gone_;
  }
  bool gone() const { return gone_; }

 private:
  static constexpr size_t kSamples = 1 << 20;
  const std::function<bool()> ask_;
  size_t left_ = kSamples;
  bool gone_ = false;
};

enum class RateKind : uint8_t { kRate, kIncrease, kDelta };

/// Writes all steps; those without two samples hold garbage.
void RateKernel(RateKind kind, const WindowGeometry& geometry, std::span<const double> v,
                double range_seconds, std::vector<uint32_t>* resets, double* out);

/// Kahan-Neumaier sums (or averages) of every window, in the reference's order.
void SumKernel(bool average, const WindowGeometry& geometry, std::span<const double> v,
               std::vector<double>* scratch, Patience* patience, double* out);

/// Minimum or maximum of every window: NaN only when all are, the earliest of equals.
void ExtremeKernel(bool maximum, const WindowGeometry& geometry, std::span<const double> v,
                   std::vector<uint32_t>* deque, double* out);

/// out[i] = q[i]-quantile of window i.
void QuantileKernel(const WindowGeometry& geometry, std::span<const double> v,
                    std::span<const double> q, std::vector<double>* scratch, Patience* patience,
                    double* out);

/// Population variance, or its root.
void VarianceKernel(bool root, const WindowGeometry& geometry, std::span<const double> v,
                    std::vector<double>* scratch, Patience* patience, double* out);

/// Double exponential smoothing of each window that has two samples; factors one a step.
void SmoothKernel(const WindowGeometry& geometry, std::span<const double> v,
                  std::span<const double> smoothing, std::span<const double> trend,
                  std::vector<double>* scratch, Patience* patience, double* out);

/// Number of neighbours in the window whose pair counts: value changes, or counter resets.
void PairCountKernel(bool resets, const WindowGeometry& geometry, std::span<const double> v,
                     std::vector<uint32_t>* prefix, double* out);

/// Least squares over the samples of each window that has two: the slope, or with `ahead` (seconds,
/// one a step) the value that far behind the step.
void RegressionKernel(const WindowSpec& spec, const WindowGeometry& geometry,
                      std::span<const double> v, std::span<const double> ahead,
                      std::vector<double>* scratch, double* out);

}  // namespace thanos::promql
