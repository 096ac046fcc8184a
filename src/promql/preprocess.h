// What happens to a checked tree before it is planned: durations and `@` get their values, calls of
// start() and the like become numbers, parentheses around arguments go.
#pragma once

#include <cstdint>

#include "promql/ast.h"
#include "thanos/status.h"

namespace thanos::promql {

struct QueryTimes {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;  // 0: instant.
};

/// kInvalidArgument with "BEGIN:END: text" for a duration without a usable value.
Status Preprocess(const QueryTimes& times, ExprPtr* expr);

/// True when the expression has the same value at every step: literals, selectors with `@`, and
/// what is made of them by functions that do not look at the time.
bool IsStepInvariant(const Expr& expr);

}  // namespace thanos::promql
