// Functions of single values.
#pragma once

#include <cstdint>
#include <span>

#include "promql/functions.h"
#include "promql/grid.h"

namespace thanos::promql {

/// out[i] = f(in[i]) where present. `params` are the function's scalar arguments, per step.
void ApplyElementwise(FunctionId id, const double* in,
                      std::span<const std::span<const double>> params, const uint64_t* present,
                      const Grid& grid, double* out);

}  // namespace thanos::promql
