// quantile_over_time(): windows kept in order while they move.
#include <algorithm>
#include <cmath>

#include "promql/numerics.h"
#include "promql/window_kernels.h"

namespace thanos::promql {
namespace {

struct NanFirst {
  bool operator()(double a, double b) const { return NanFirstLess(a, b); }
};
struct Numbers {
  bool operator()(double a, double b) const { return a < b; }
};

// The samples of a window in order.
template <typename Less>
class SortedWindow {
 public:
  explicit SortedWindow(std::vector<double>* values) : values_(*values) { values_.clear(); }

  std::span<const double> values() const { return values_; }
  void Clear() { values_.clear(); }

  /// Takes out `old` and puts in `fresh`: one by one, or all in one pass when there are many.
  void Move(std::span<const double> old, std::span<const double> fresh) {
    // A search and a move of bytes cost about as much as passing this many values.
    constexpr size_t kValuesPerChange = 10;
    const size_t changes = old.size() + fresh.size();
    if (changes > 2 && values_.size() < kValuesPerChange * changes) return Merge(old, fresh);
    for (const double x : old) values_.erase(Place(x));
    for (const double x : fresh) values_.insert(Place(x), x);
  }

 private:
  std::vector<double>::iterator Place(double x) {
    return std::lower_bound(values_.begin(), values_.end(), x, Less());
  }
  void Merge(std::span<const double> old, std::span<const double> fresh) {
    old_.assign(old.begin(), old.end());
    fresh_.assign(fresh.begin(), fresh.end());
    std::sort(old_.begin(), old_.end(), Less());
    std::sort(fresh_.begin(), fresh_.end(), Less());
    merged_.resize(values_.size() - old_.size() + fresh_.size());
    double* out = merged_.data();
    size_t o = 0;
    size_t f = 0;
    for (const double x : values_) {
      // Every old value is in the window: the first that is not less is it.
      if (o < old_.size() && !Less()(x, old_[o])) {
        ++o;
        continue;
      }
      while (f < fresh_.size() && Less()(fresh_[f], x)) *out++ = fresh_[f++];
      *out++ = x;
    }
    while (f < fresh_.size()) *out++ = fresh_[f++];
    values_.swap(merged_);
  }

  std::vector<double>& values_;
  std::vector<double> old_, fresh_, merged_;
};

template <typename Less>
void Quantiles(const WindowGeometry& geometry, std::span<const double> v, std::span<const double> q,
               std::vector<double>* scratch, Patience* patience, double* out) {
  SortedWindow<Less> window(scratch);
  uint32_t begin = 0;
  uint32_t end = 0;
  for (size_t i = 0; i < geometry.begin.size(); ++i) {
    if (patience->IsGone(geometry.end[i] - geometry.begin[i])) return;
    if (geometry.begin[i] >= end) {  // Nothing is left of the last window.
      window.Clear();
      begin = end = geometry.begin[i];
    }
    window.Move(v.subspan(begin, geometry.begin[i] - begin), v.subspan(end, geometry.end[i] - end));
    begin = geometry.begin[i];
    end = geometry.end[i];
    if (begin < end) out[i] = QuantileOfSorted(q[i], window.values());
  }
}

}  // namespace

void QuantileKernel(const WindowGeometry& geometry, std::span<const double> v,
                    std::span<const double> q, std::vector<double>* scratch, Patience* patience,
                    double* out) {
  if (std::any_of(v.begin(), v.end(), [](double x) { return std::isnan(x); })) {
    return Quantiles<NanFirst>(geometry, v, q, scratch, patience, out);
  }
  Quantiles<Numbers>(geometry, v, q, scratch, patience, out);
}

}  // namespace thanos::promql
