// Tiles of steps: PromQL is local to a step, so a range query may run part by part when what it
// holds over all steps would not fit its budget.
#pragma once

#include <cstddef>

#include "promql/engine.h"

namespace thanos::promql {

/// True when parts of the range give the bits that the whole gives. What looks at all steps at once
/// does not: parameters of aggregations that change, label sets compared over the whole range,
/// hints about resets that depend on where reading begins.
bool CanTile(const Expr& expr, const EngineOptions& options);

/// The next smaller size of a tile after the budget refused one of `steps`; 0 when there is none.
size_t SmallerTile(size_t steps);

}  // namespace thanos::promql
