// Windows computed several at a time. Each window is one chain of dependent additions, which must
// not be reordered; windows beside each other are independent, and with their samples laid out side
// by side a vector holds one step of eight chains.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "promql/window.h"

namespace thanos::promql {

inline constexpr size_t kLanes = 8;

/// The samples of a series so that v[j], v[j + stride], v[j + 2 * stride], … are neighbours.
/// Borrows `v` and `room`.
class LaneLayout {
 public:
  /// Looks at how far apart the windows begin. Of no use when they are irregular, or so few samples
  /// are in several windows that laying them out would cost more than it saves.
  LaneLayout(const WindowGeometry& geometry, std::span<const double> v, std::vector<double>* room);

  bool useful() const { return stride_ != 0; }
  /// The number of samples that windows i to i + kLanes * groups - 1 have alike when each begins
  /// one stride behind the last; 0 when they do not.
  size_t CommonLength(size_t i, size_t groups) const;

  struct Cursor {
    const double* row;  // Of the sample at hand, for the first lane.
    size_t columns, stride, rest;
    void Advance() {
      row += columns;
      if (--rest != 0) return;
      rest = stride;
      row += 1 - static_cast<ptrdiff_t>(columns * stride);
    }
  };
  Cursor Begin(size_t window) const;

 private:
  const WindowGeometry& geometry_;
  const double* rows_ = nullptr;
  size_t stride_ = 0;  // 0: of no use.
  size_t columns_ = 0;
};

/// Kahan-Neumaier sums of kLanes windows of n samples. False when a sum is not finite: the order of
/// infinities decides then, and the caller must add one by one.
bool SumLanes(LaneLayout::Cursor samples, size_t n, double* sums, double* compensations);

/// Population variances of 4 * kLanes windows of n samples; false as for SumLanes().
bool VarianceLanes(LaneLayout::Cursor samples, size_t n, double* variances);

/// Sums of y and of x * y, of kLanes windows, where x[k] is alike in all of them; false as above.
struct ProductSums {
  double y[kLanes], xy[kLanes];
  bool constant[kLanes];  // All values of the window are equal.
};
bool ProductLanes(LaneLayout::Cursor samples, const double* x, size_t n, ProductSums* out);

/// double_exponential_smoothing() of 4 * kLanes windows of n >= 2 samples; one factor a window.
void SmoothLanes(LaneLayout::Cursor samples, size_t n, const double* smoothing, const double* trend,
                 double* out);

}  // namespace thanos::promql
