// Windows of range selectors: which samples of a series lie in each step's window. All series of a
// scrape target have equal timestamps, so the geometry of one serves the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "promql/grid.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::promql {

/// The window of step i is (End(i) - range, End(i)].
struct WindowSpec {
  Grid grid;
  int64_t range_ms = 0;
  int64_t offset_ms = 0;
  std::optional<int64_t> at_ms;

  int64_t End(size_t i) const { return at_ms.value_or(grid.At(i)) - offset_ms; }
  /// Range in seconds, as Go's Duration.Seconds gives it.
  double range_seconds() const {
    return static_cast<double>(range_ms / 1000) +
           static_cast<double>(range_ms % 1000 * 1000000) / 1e9;
  }
};

struct WindowGeometry {
  std::vector<int64_t> t;
  // Samples [begin, end) of each step.
  std::vector<uint32_t> begin, end;
  std::vector<uint64_t> any, two;  // Bits: at least one sample, at least two.
  uint64_t visited = 0;            // Sum of window sizes.

  // Of rate and its kin; empty until asked for. Indices of windows with less than two samples are
  // 0, so that loops need no branch.
  std::vector<uint32_t> first, last;
  std::vector<double> sampled, to_start, to_end;

  size_t charged_bytes = 0;
};

/// One thread; keeps the latest geometries, as many as its own bound and the budget allow.
class WindowCache {
 public:
  WindowCache(const WindowSpec& spec, std::shared_ptr<Budget> budget)
      : spec_(spec), budget_(std::move(budget)) {}
  /// Valid until the next call. `t` ascends strictly.
  const WindowGeometry& Find(std::span<const int64_t> t, bool with_extrapolation);
  const WindowSpec& spec() const { return spec_; }
  /// kResourceExhausted once the budget refused the one geometry that is needed.
  const Status& status() const { return status_; }
  size_t held_bytes() const { return bytes_; }

 private:
  WindowGeometry* MakeRoom(size_t bytes);
  bool Charge(size_t bytes);

  void Compute(std::span<const int64_t> t, WindowGeometry* geometry) const;
  void ComputeExtrapolation(WindowGeometry* geometry) const;

  const WindowSpec spec_;
  const std::shared_ptr<Budget> budget_;
  BudgetLease lease_;
  Status status_, refusal_;
  std::vector<std::unique_ptr<WindowGeometry>> entries_;
  size_t bytes_ = 0;
  uint64_t random_ = 1;
};

}  // namespace thanos::promql
