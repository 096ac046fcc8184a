// The value of a series at every step: instant selectors and functions over windows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chunk/decode.h"
#include "promql/functions.h"
#include "promql/query_state.h"
#include "promql/row.h"
#include "promql/window.h"
#include "promql/window_kernels.h"

namespace thanos::promql {

enum class WindowKind : uint8_t {
  kLatest,       // An instant selector.
  kLatestTime,   // timestamp() of one.
  kLatestStart,  // start_timestamp() of one.
  kFunction,
};

/// Scratch of one worker.
struct WindowScratch {
  WindowScratch(const WindowSpec& spec, const std::shared_ptr<Budget>& budget)
      : cache(spec, budget),
        histogram_cache(spec, budget),
        values(spec.grid.count),
        bits(spec.grid.words()) {}
  /// Memory of columns and rows; the caches charge theirs themselves.
  size_t held_bytes() const;
  /// That of the caches.
  Status status() const { return cache.status().ok() ? histogram_cache.status() : cache.status(); }
  WindowCache cache, histogram_cache;
  chunk::Columns columns;
  std::vector<int64_t> t, histogram_t, st, histogram_st;
  std::vector<double> v, doubles;
  std::vector<uint32_t> indices;
  // A row, for those who hand it over at once.
  std::vector<double> values;
  std::vector<uint64_t> bits;
  HistogramCells cells;                                   // Histograms of the row, and
  std::vector<const model::FloatHistogram*> histogram_v;  // those of the series that are not stale.
  std::string last_name;                                  // Whose annotation has been made.
  uint64_t visited = 0;  // Samples in windows since the owner last took it.
};

/// Immutable; used by any number of threads, each with its own scratch.
class WindowFunction {
 public:
  struct Spec {
    WindowKind kind = WindowKind::kLatest;
    FunctionId id = FunctionId::kLastOverTime;
    std::string_view name;
    WindowSpec window;
    // One per step, of functions that take scalars.
    std::vector<double> param, second_param;
    SourceRange place;  // Where annotations point.
    // With anchored and smoothed `window` is what is read; the function's own window ends
    // window_past_end_ms before it, and is inner_range_ms long.
    Extension extension = Extension::kNone;
    int64_t inner_range_ms = 0;
    int64_t window_past_end_ms = 0;
    // xrate() and its kin: `window` is longer by the time that is looked at before it.
    bool looks_before = false;
    bool explicit_hints = false;  // Of histograms: resets are found while reading.
  };
  WindowFunction(Spec spec, std::shared_ptr<QueryState> state)
      : spec_(std::move(spec)), state_(std::move(state)) {}

  /// Writes the row of a series; `present` comes zeroed.
  Status Evaluate(const chunk::Columns& columns, LabelsView labels, WindowScratch* scratch,
                  double* out, uint64_t* present) const;
  const Spec& spec() const { return spec_; }

 private:
  Status EvaluateLatest(const chunk::Columns& columns, LabelsView labels, WindowScratch* scratch,
                        double* out, uint64_t* present) const;
  // Series that hold native histograms, alone or beside floats: window by window.
  struct MixedWindow {
    std::span<const int64_t> t, histogram_t;
    std::span<const int64_t> starts, histogram_starts;  // Empty when they are not used.
    std::span<const double> v;
    std::span<const model::FloatHistogram* const> h;
    size_t step;
    std::string name;  // Of the metric, quoted.
  };
  // The part of a window that rate() and increase() extrapolate from, in seconds.
  struct Extrapolation {
    double sampled = 0, to_start = 0, to_end = 0;
    bool from_start = false;  // The interval begins where the counter began.
  };
  Status CheckSmoothing() const;
  bool UsesStartTimes() const;
  void EvaluateWithStartTimes(std::span<const int64_t> t, std::span<const double> v,
                              std::span<const int64_t> starts, LabelsView labels,
                              WindowScratch* scratch, double* out, uint64_t* present) const;
  std::optional<double> StartTimeStep(const MixedWindow& window) const;
  std::optional<double> RateWithStartTimes(const MixedWindow& window) const;
  std::optional<Extrapolation> IntervalOf(const MixedWindow& window, std::span<const int64_t> t,
                                          std::span<const int64_t> starts) const;
  static Extrapolation LimitedByZero(Extrapolation interval, double first, double value);
  double Factor(const Extrapolation& interval) const;
  void NoteOverlap(const MixedWindow& window, std::span<const int64_t> t,
                   std::span<const int64_t> starts) const;
  void LatestStart(const chunk::Columns& columns, WindowScratch* scratch, double* out,
                   uint64_t* present) const;
  void EvaluateExtended(std::span<const int64_t> t, std::span<const double> v,
                        WindowScratch* scratch, double* out, uint64_t* present) const;
  std::optional<double> SmoothedAt(std::span<const int64_t> t, std::span<const double> v,
                                   int64_t at_ms) const;
  void EvaluateExtendedMixed(std::span<const int64_t> t, std::span<const double> v,
                             LabelsView labels, WindowScratch* scratch, double* out,
                             uint64_t* present) const;
  void ExtendedMixedStep(const MixedWindow& window, WindowScratch* scratch, double* out,
                         uint64_t* present) const;
  std::optional<model::FloatHistogram> SmoothedHistogram(const MixedWindow& window,
                                                         int64_t at_ms) const;
  std::optional<model::FloatHistogram> ExtendedHistogram(const MixedWindow& window,
                                                         int64_t end_ms) const;
  double ExtendedPairs(const MixedWindow& window, int64_t start_ms) const;
  std::optional<double> ExtendedStep(std::span<const int64_t> t, std::span<const double> v,
                                     int64_t end_ms) const;
  void EvaluateX(std::span<const int64_t> t, std::span<const double> v, WindowScratch* scratch,
                 double* out, uint64_t* present) const;
  double XStep(std::span<const int64_t> t, std::span<const double> v, int64_t end_ms,
               bool appears) const;
  Status EvaluateFloats(std::span<const int64_t> t, std::span<const double> v,
                        WindowScratch* scratch, double* out, uint64_t* present) const;
  void EvaluatePerWindow(const WindowGeometry& geometry, std::span<const int64_t> t,
                         std::span<const double> v, Patience* patience, double* out,
                         uint64_t* present) const;
  void EvaluateInstantRate(const WindowGeometry& geometry, std::span<const int64_t> t,
                           std::span<const double> v, double* out, uint64_t* present) const;
  void EvaluateMixed(std::span<const int64_t> t, std::span<const double> v,
                     std::span<const int64_t> starts, LabelsView labels, WindowScratch* scratch,
                     double* out, uint64_t* present) const;
  void MixedStep(const MixedWindow& window, WindowScratch* scratch, double* out,
                 uint64_t* present) const;
  void RateOfHistograms(const MixedWindow& window, HistogramCells* cells) const;
  void InstantRateOfMixed(const MixedWindow& window, HistogramCells* cells, double* out,
                          uint64_t* present) const;
  void SumOfHistograms(const MixedWindow& window, HistogramCells* cells) const;
  double PairsOfMixed(const MixedWindow& window) const;
  void Note(AnnotationKind kind, const std::string& text) const {
    state_->Annotate(kind, text, spec_.place);
  }
  void AnnotateCounterName(LabelsView labels, WindowScratch* scratch) const;

  const Spec spec_;
  const std::shared_ptr<QueryState> state_;
};

/// True when the function keeps the metric name: first_over_time, last_over_time.
bool KeepsName(FunctionId id);

}  // namespace thanos::promql
