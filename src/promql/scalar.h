// Expressions of scalar type: a value per step, computed once.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "promql/grid.h"
#include "promql/operator.h"
#include "promql/token.h"
#include "thanos/status.h"

namespace thanos::promql {

class Scalar {
 public:
  explicit Scalar(const Grid& grid) : grid_(grid) {}
  virtual ~Scalar() = default;
  Scalar(const Scalar&) = delete;

  /// One per step; valid as long as this.
  Result<std::span<const double>> Values();
  /// For EXPLAIN.
  virtual std::string Describe() const = 0;
  /// Operators that it draws on.
  virtual void AppendBelow(std::vector<Operator*>*) const {}
  const Grid& grid() const { return grid_; }

 protected:
  /// Fills `out`, which has a place per step.
  virtual Status Compute(std::span<double> out) = 0;
  const Grid grid_;

 private:
  bool computed_ = false;
  std::vector<double> values_;
};
using ScalarPtr = std::unique_ptr<Scalar>;

/// The operand, then what the parameters draw on.
std::vector<Operator*> WithBelow(Operator* input, std::span<const ScalarPtr> params);

ScalarPtr MakeConstant(const Grid& grid, double value);
/// time(): the step's time in seconds.
ScalarPtr MakeTime(const Grid& grid);
/// scalar(v): the only element's value, else NaN.
ScalarPtr MakeScalarOf(OperatorPtr vector);
ScalarPtr MakeNegation(ScalarPtr inner);
ScalarPtr MakeScalarBinary(TokenKind op, ScalarPtr lhs, ScalarPtr rhs);
/// min_of and max_of.
ScalarPtr MakeExtremeOf(bool maximum, ScalarPtr lhs, ScalarPtr rhs);
/// A scalar of one step, for every step.
ScalarPtr MakeRepeated(const Grid& grid, ScalarPtr inner);

}  // namespace thanos::promql
