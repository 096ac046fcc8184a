#include "promql/mixed_binary.h"

#include <string>
#include <utility>

#include "promql/binary_kernels.h"
#include "promql/histogram_math.h"

namespace thanos::promql {

MixedValue MixedValue::Of(const Row& row, size_t i) {
  MixedValue out;
  if (TestBit(row.present, i)) {
    out.is_float = true;
    out.value = row.values[i];
  } else if (row.histograms != nullptr && TestBit(row.histograms->present, i)) {
    out.histogram = row.histograms->at[i];
  }
  return out;
}

MixedValue MixedValue::Own(model::FloatHistogram histogram) {
  MixedValue out;
  out.owner = std::make_shared<const model::FloatHistogram>(std::move(histogram));
  out.histogram = out.owner.get();
  return out;
}

MixedValue MixedBinary::Apply(const MixedValue& lhs, const MixedValue& rhs, bool* failed) const {
  if (lhs.is_float && rhs.is_float) return Floats(lhs.value, rhs.value, failed);
  if (!lhs.is_float && !rhs.is_float) return Histograms(lhs, rhs, failed);
  const double factor = lhs.is_float ? lhs.value : rhs.value;
  model::FloatHistogram histogram = lhs.is_float ? *rhs.histogram : *lhs.histogram;
  if (op_ == TokenKind::kMul) {
    Scale(factor, &histogram);
  } else if (rhs.is_float && op_ == TokenKind::kDiv) {
    Divide(factor, &histogram);
  } else if (rhs.is_float && IsTrim(op_)) {
    Trim(op_ == TokenKind::kTrimUpper, factor, &histogram);
    return MixedValue::Own(std::move(histogram));
  } else {
    return Incompatible(lhs, rhs, failed);
  }
  Compact(&histogram);
  return MixedValue::Own(std::move(histogram));
}

MixedValue MixedBinary::Compared(bool holds, const MixedValue& lhs) const {
  if (as_number_) return {true, holds ? 1. : 0., nullptr, nullptr};
  return holds ? lhs : MixedValue();
}

MixedValue MixedBinary::Floats(double lhs, double rhs, bool* failed) const {
  const MixedValue left{true, lhs, nullptr, nullptr};
  if (IsTrim(op_)) return Incompatible(left, {true, rhs, nullptr, nullptr}, failed);
  const double value = ApplyBinary(op_, lhs, rhs);
  if (IsComparison(op_)) return Compared(value != 0, left);
  return {true, value, nullptr, nullptr};
}

MixedValue MixedBinary::Histograms(const MixedValue& lhs, const MixedValue& rhs,
                                   bool* failed) const {
  if (op_ == TokenKind::kEqualEqual || op_ == TokenKind::kNotEqual) {
    const bool equal = Equal(*lhs.histogram, *rhs.histogram);
    return Compared(equal == (op_ == TokenKind::kEqualEqual), lhs);
  }
  const bool add = op_ == TokenKind::kAdd;
  if (!add && op_ != TokenKind::kSub) return Incompatible(lhs, rhs, failed);
  HistogramSum sum(*lhs.histogram, /*compensated=*/false);
  if (!(add ? sum.Add(*rhs.histogram) : sum.Subtract(*rhs.histogram))) {
    state_->Annotate(
        AnnotationKind::kWarning,
        "incompatible bucket layout encountered for binary operator " + std::string(Spelling(op_)),
        place_);
    if (failed != nullptr) *failed = true;
    return {};
  }
  const std::string action = add ? "addition" : "subtraction";
  if (sum.hint_collision()) {
    state_->Annotate(AnnotationKind::kWarning,
                     "conflicting counter resets during histogram " + action, place_);
  }
  if (sum.bounds_reconciled()) {
    state_->Annotate(AnnotationKind::kInfo,
                     "mismatched custom buckets were reconciled during " + action, place_);
  }
  return MixedValue::Own(sum.Result());
}

MixedValue MixedBinary::Incompatible(const MixedValue& lhs, const MixedValue& rhs,
                                     bool* failed) const {
  const std::string op(Spelling(op_));
  const auto kind = [](const MixedValue& v) -> std::string {
    return v.is_float ? "float" : "histogram";
  };
  state_->Annotate(AnnotationKind::kInfo,
                   "incompatible sample types encountered for binary operator \"" + op +
                       "\": " + kind(lhs) + " " + op + " " + kind(rhs),
                   place_);
  if (failed != nullptr) *failed = true;
  return {};
}

}  // namespace thanos::promql
