// Arithmetic and comparison of float columns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "promql/token.h"

namespace thanos::promql {

/// One value. Comparisons give 1 or 0.
double ApplyBinary(TokenKind op, double lhs, double rhs);

/// out[i] = lhs[i] op rhs[i] for every step, present or not.
void BinaryKernel(TokenKind op, const double* lhs, const double* rhs, size_t steps, double* out);

/// Clears the bits of the steps where the comparison does not hold.
void FilterKernel(TokenKind op, const double* lhs, const double* rhs, size_t steps, uint64_t* bits);

/// One Kahan-Neumaier step for every step of a row that has all points.
void KahanAddRow(const double* x, size_t steps, double* sum, double* compensation);

}  // namespace thanos::promql
