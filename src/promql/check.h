// Static checks of a parsed expression: types, arities, matching.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "promql/ast.h"

namespace thanos::promql {

/// Called with the place and text of every violation, in the order of the reference.
using ReportViolation = std::function<void(SourceRange, std::string)>;

/// Also settles what the types decide: set operators become many-to-many, matching between a
/// scalar and something else goes away.
ValueType CheckExpr(Expr& expr, const ReportViolation& report);

}  // namespace thanos::promql
