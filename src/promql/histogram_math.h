// Arithmetic of native histograms. Rules: sums of histograms of different resolution have the lower
// one; zero buckets are widened until they agree; custom bounds meet on those they share.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/histogram.h"
#include "model/histogram_buckets.h"
#include "model/histogram_resets.h"

namespace thanos::promql {

using model::FloatHistogram;

using model::AllBuckets;
using model::CustomBound;
using model::DetectsReset;
using model::ExponentialBound;
using model::ForBuckets;
using model::HistogramBucket;
using model::UsesCustomBuckets;

/// Removes empty buckets and joins spans.
void Compact(FloatHistogram* histogram);
/// All counts and the sum; a negative factor makes it a gauge.
void Scale(double factor, FloatHistogram* histogram);
/// By 0: no buckets are left.
void Divide(double divisor, FloatHistogram* histogram);
/// Exact, hints apart; both compacted.
bool Equal(const FloatHistogram& a, const FloatHistogram& b);
/// Keeps the observations below (`upper`) or above the bound.
void Trim(bool upper, double bound, FloatHistogram* histogram);
/// {count:2, sum:3, (0.5,1]:2}
std::string HistogramText(const FloatHistogram& histogram);
/// What it counts for in limits of samples.
uint64_t SizeInSamples(const FloatHistogram& histogram);

enum class HistogramIssue : uint8_t { kNone, kNanResult, kNanSkew, kNanFraction };
double HistogramQuantile(double q, const FloatHistogram& histogram, HistogramIssue* issue);
double HistogramFraction(double lower, double upper, const FloatHistogram& histogram,
                         HistogramIssue* issue);
/// Population variance of the observations, each at the middle of its bucket.
double HistogramVariance(const FloatHistogram& histogram);

/// A running sum of histograms; with `compensated` in Kahan's way.
class HistogramSum {
 public:
  HistogramSum(const FloatHistogram& first, bool compensated);
  /// False, and nothing added: one has exponential buckets, the other custom ones.
  [[nodiscard]] bool Add(const FloatHistogram& other) { return Combine(other, 1); }
  [[nodiscard]] bool Subtract(const FloatHistogram& other) { return Combine(other, -1); }
  void Scale(double factor);
  /// Compacted.
  FloatHistogram Result() const;
  bool has_infinity() const;

  /// A reset met a hint that there was none.
  bool hint_collision() const { return seen_reset_ && seen_not_reset_; }
  /// Custom bounds differed.
  bool bounds_reconciled() const { return reconciled_; }

 private:
  struct Cell {
    double value = 0, compensation = 0;
  };
  using Side = std::map<int32_t, Cell>;
  struct Parts {
    int32_t schema = 0;
    double zero_threshold = 0;
    Cell zero, count, sum;
    Side positive, negative;
    std::vector<double> custom;
  };

  static Parts PartsOf(const FloatHistogram& histogram);
  static Side SideOf(const std::vector<model::HistogramSpan>& spans,
                     const std::vector<double>& buckets);
  bool Combine(const FloatHistogram& other, double sign);
  void AddTo(Cell* cell, const Cell& x, double sign) const;
  void Absorb(Cell* cell, const Cell& x) const;
  void ReduceTo(int32_t schema, Parts* parts) const;
  double RaiseZero(double threshold, Parts* parts) const;
  void ReconcileBounds(Parts* a, Parts* b) const;
  void NoteHint(model::CounterResetHint hint);
  void CombineHints(model::CounterResetHint other, double sign);

  Parts parts_;
  model::CounterResetHint hint_;
  bool compensated_;
  bool seen_reset_ = false, seen_not_reset_ = false;
  bool reconciled_ = false;
};

/// Sum or average of histograms. Where the sum of an average overflows, it goes on with the mean.
class HistogramAverage {
 public:
  HistogramAverage(const FloatHistogram& first, bool average)
      : sum_(first, /*compensated=*/true), average_(average) {}
  /// False as HistogramSum::Add.
  [[nodiscard]] bool Add(const FloatHistogram& other);
  FloatHistogram Result() const;
  bool hint_collision() const { return sum_.hint_collision(); }
  bool bounds_reconciled() const { return sum_.bounds_reconciled(); }

 private:
  HistogramSum sum_;
  const bool average_;
  bool mean_ = false;  // sum_ holds the mean.
  double count_ = 1;
};

}  // namespace thanos::promql
