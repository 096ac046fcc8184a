#include "promql/binary_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace thanos::promql {
namespace {

template <typename Op>
void ForAll(const double* lhs, const double* rhs, size_t steps, double* __restrict out, Op op) {
  for (size_t i = 0; i < steps; ++i) out[i] = op(lhs[i], rhs[i]);
}

template <typename Op>
void KeepIf(const double* lhs, const double* rhs, size_t steps, uint64_t* bits, Op op) {
  for (size_t word = 0; word * 64 < steps; ++word) {
    const size_t begin = word * 64;
    const size_t end = std::min(steps, begin + 64);
    uint64_t mask = 0;
    for (size_t i = begin; i < end; ++i) {
      mask |= static_cast<uint64_t>(op(lhs[i], rhs[i])) << (i - begin);
    }
    bits[word] &= mask;
  }
}

// Calls body with the comparison as a function object.
template <typename Body>
void WithComparison(TokenKind op, Body body) {
  switch (op) {
    case TokenKind::kEqualEqual:
      return body([](double a, double b) { return a == b; });
    case TokenKind::kNotEqual:
      return body([](double a, double b) { return a != b; });
    case TokenKind::kLess:
      return body([](double a, double b) { return a < b; });
    case TokenKind::kLessEqual:
      return body([](double a, double b) { return a <= b; });
    case TokenKind::kGreater:
      return body([](double a, double b) { return a > b; });
    default:
      return body([](double a, double b) { return a >= b; });
  }
}

}  // namespace

double ApplyBinary(TokenKind op, double lhs, double rhs) {
  double out = 0;
  BinaryKernel(op, &lhs, &rhs, 1, &out);
  return out;
}

void BinaryKernel(TokenKind op, const double* lhs, const double* rhs, size_t steps, double* out) {
  switch (op) {
    case TokenKind::kAdd:
      return ForAll(lhs, rhs, steps, out, [](double a, double b) { return a + b; });
    case TokenKind::kSub:
      return ForAll(lhs, rhs, steps, out, [](double a, double b) { return a - b; });
    case TokenKind::kMul:
      return ForAll(lhs, rhs, steps, out, [](double a, double b) { return a * b; });
    case TokenKind::kDiv:
      return ForAll(lhs, rhs, steps, out, [](double a, double b) { return a / b; });
    case TokenKind::kMod:
      return ForAll(lhs, rhs, steps, out, [](double a, double b) { return std::fmod(a, b); });
    case TokenKind::kPow:
      return ForAll(lhs, rhs, steps, out, [](double a, double b) { return std::pow(a, b); });
    case TokenKind::kAtan2:
      return ForAll(lhs, rhs, steps, out, [](double a, double b) { return std::atan2(a, b); });
    default:
      break;
  }
  WithComparison(op, [&](auto compare) {
    ForAll(lhs, rhs, steps, out, [compare](double a, double b) { return compare(a, b) ? 1. : 0.; });
  });
}

void FilterKernel(TokenKind op, const double* lhs, const double* rhs, size_t steps,
                  uint64_t* bits) {
  WithComparison(op, [&](auto compare) { KeepIf(lhs, rhs, steps, bits, compare); });
}

void KahanAddRow(const double* __restrict x, size_t steps, double* __restrict sum,
                 double* __restrict compensation) {
  for (size_t i = 0; i < steps; ++i) {
    const double s = sum[i];
    const double v = x[i];
    const double t = s + v;
    const bool keep = std::fabs(s) >= std::fabs(v);
    const double big = keep ? s : v;
    const double small = keep ? v : s;
    const double c = compensation[i] + ((big - t) + small);
    const bool infinite = std::fabs(t) > std::numeric_limits<double>::max();
    compensation[i] = infinite ? 0 : c;
    sum[i] = t;
  }
}

}  // namespace thanos::promql
