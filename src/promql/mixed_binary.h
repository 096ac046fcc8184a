// Binary operators where a point may be a float or a native histogram.
#pragma once

#include <memory>

#include "model/histogram.h"
#include "promql/ast.h"
#include "promql/query_state.h"
#include "promql/row.h"

namespace thanos::promql {

/// A float, a histogram (borrowed, or owned by `owner`), or nothing.
struct MixedValue {
  bool is_float = false;
  double value = 0;
  const model::FloatHistogram* histogram = nullptr;
  std::shared_ptr<const model::FloatHistogram> owner;

  bool present() const { return is_float || histogram != nullptr; }
  static MixedValue Of(const Row& row, size_t i);
  static MixedValue Own(model::FloatHistogram histogram);
};

class MixedBinary {
 public:
  /// `as_number`: comparisons give 1 or 0; otherwise the left value or nothing.
  MixedBinary(TokenKind op, bool as_number, SourceRange place, QueryState* state)
      : op_(op), as_number_(as_number), place_(place), state_(state) {}

  /// `*failed` (may be null): the kinds do not go together, which has been annotated.
  MixedValue Apply(const MixedValue& lhs, const MixedValue& rhs, bool* failed = nullptr) const;

 private:
  MixedValue Floats(double lhs, double rhs, bool* failed) const;
  MixedValue Histograms(const MixedValue& lhs, const MixedValue& rhs, bool* failed) const;
  MixedValue Compared(bool holds, const MixedValue& lhs) const;
  MixedValue Incompatible(const MixedValue& lhs, const MixedValue& rhs, bool* failed) const;

  const TokenKind op_;
  const bool as_number_;
  const SourceRange place_;
  QueryState* const state_;
};

}  // namespace thanos::promql
