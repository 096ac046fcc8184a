#include "promql/scalar.h"

#include <algorithm>
#include <utility>

#include "base/number_text.h"
#include "promql/binary_kernels.h"
#include "promql/numerics.h"

namespace thanos::promql {
namespace {

class Constant final : public Scalar {
 public:
  Constant(const Grid& grid, double value) : Scalar(grid), value_(value) {}
  std::string Describe() const override { return base::FormatFloatG(value_); }

 protected:
  Status Compute(std::span<double> out) override {
    std::fill(out.begin(), out.end(), value_);
    return OkStatus();
  }

 private:
  const double value_;
};

class Time final : public Scalar {
 public:
  using Scalar::Scalar;
  std::string Describe() const override { return "time()"; }

 protected:
  Status Compute(std::span<double> out) override {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(grid_.At(i)) / 1000;
    return OkStatus();
  }
};

class ScalarOf final : public Scalar {
 public:
  explicit ScalarOf(OperatorPtr vector) : Scalar(vector->grid()), vector_(std::move(vector)) {}
  std::string Describe() const override { return "scalar(…)"; }
  void AppendBelow(std::vector<Operator*>* out) const override { out->push_back(vector_.get()); }

 protected:
  Status Compute(std::span<double> out) override {
    std::vector<uint64_t> once(grid_.words()), twice(grid_.words());
    const Status status = vector_->ForEachRow([&](const Row& row) {
      for (size_t w = 0; w < once.size(); ++w) {
        twice[w] |= once[w] & row.present[w];
        once[w] |= row.present[w];
      }
      ForEachBit(row.present, once.size(), [&](size_t i) { out[i] = row.values[i]; });
      return OkStatus();
    });
    THANOS_RETURN_IF_ERROR(status);
    for (size_t i = 0; i < out.size(); ++i) {
      if (!TestBit(once.data(), i) || TestBit(twice.data(), i)) out[i] = kNaN;
    }
    return OkStatus();
  }

 private:
  const OperatorPtr vector_;
};

class Negation final : public Scalar {
 public:
  explicit Negation(ScalarPtr inner) : Scalar(inner->grid()), inner_(std::move(inner)) {}
  std::string Describe() const override { return "-" + inner_->Describe(); }
  void AppendBelow(std::vector<Operator*>* out) const override { inner_->AppendBelow(out); }

 protected:
  Status Compute(std::span<double> out) override {
    THANOS_ASSIGN_OR_RETURN(const std::span<const double> values, inner_->Values());
    std::transform(values.begin(), values.end(), out.begin(), [](double v) { return -v; });
    return OkStatus();
  }

 private:
  const ScalarPtr inner_;
};

// Two scalars and a function of values.
class Pair final : public Scalar {
 public:
  using Function = double (*)(TokenKind, double, double);
  Pair(TokenKind op, std::string name, Function function, ScalarPtr lhs, ScalarPtr rhs)
      : Scalar(lhs->grid()),
        op_(op),
        name_(std::move(name)),
        function_(function),
        lhs_(std::move(lhs)),
        rhs_(std::move(rhs)) {}
  std::string Describe() const override {
    return lhs_->Describe() + " " + name_ + " " + rhs_->Describe();
  }
  void AppendBelow(std::vector<Operator*>* out) const override {
    lhs_->AppendBelow(out);
    rhs_->AppendBelow(out);
  }

 protected:
  Status Compute(std::span<double> out) override {
    if (IsTrim(op_)) {
      return InternalError("operator \"" + std::string(Spelling(op_)) +
                           "\" not allowed for Scalar operations");
    }
    THANOS_ASSIGN_OR_RETURN(const std::span<const double> left, lhs_->Values());
    THANOS_ASSIGN_OR_RETURN(const std::span<const double> right, rhs_->Values());
    for (size_t i = 0; i < out.size(); ++i) out[i] = function_(op_, left[i], right[i]);
    return OkStatus();
  }

 private:
  const TokenKind op_;
  const std::string name_;
  const Function function_;
  const ScalarPtr lhs_, rhs_;
};

class Repeated final : public Scalar {
 public:
  Repeated(const Grid& grid, ScalarPtr inner) : Scalar(grid), inner_(std::move(inner)) {}
  std::string Describe() const override { return inner_->Describe(); }
  void AppendBelow(std::vector<Operator*>* out) const override { inner_->AppendBelow(out); }

 protected:
  Status Compute(std::span<double> out) override {
    THANOS_ASSIGN_OR_RETURN(const std::span<const double> values, inner_->Values());
    std::fill(out.begin(), out.end(), values.front());
    return OkStatus();
  }

 private:
  const ScalarPtr inner_;
};

}  // namespace

std::vector<Operator*> WithBelow(Operator* input, std::span<const ScalarPtr> params) {
  std::vector<Operator*> out = {input};
  for (const ScalarPtr& param : params) {
    if (param != nullptr) param->AppendBelow(&out);
  }
  return out;
}

Result<std::span<const double>> Scalar::Values() {
  if (!computed_) {
    values_.resize(grid_.count);
    THANOS_RETURN_IF_ERROR(Compute(values_));
    computed_ = true;
  }
  return std::span<const double>(values_);
}

ScalarPtr MakeConstant(const Grid& grid, double value) {
  return std::make_unique<Constant>(grid, value);
}
ScalarPtr MakeTime(const Grid& grid) { return std::make_unique<Time>(grid); }
ScalarPtr MakeScalarOf(OperatorPtr vector) { return std::make_unique<ScalarOf>(std::move(vector)); }
ScalarPtr MakeNegation(ScalarPtr inner) { return std::make_unique<Negation>(std::move(inner)); }
ScalarPtr MakeScalarBinary(TokenKind op, ScalarPtr lhs, ScalarPtr rhs) {
  return std::make_unique<Pair>(op, std::string(Spelling(op)), &ApplyBinary, std::move(lhs),
                                std::move(rhs));
}
ScalarPtr MakeExtremeOf(bool maximum, ScalarPtr lhs, ScalarPtr rhs) {
  const Pair::Function function = maximum
                                      ? [](TokenKind, double a, double b) { return GoMax(a, b); }
                                      : [](TokenKind, double a, double b) { return GoMin(a, b); };
  return std::make_unique<Pair>(maximum ? TokenKind::kMaxOf : TokenKind::kMinOf,
                                maximum ? "max_of" : "min_of", function, std::move(lhs),
                                std::move(rhs));
}
ScalarPtr MakeRepeated(const Grid& grid, ScalarPtr inner) {
  return std::make_unique<Repeated>(grid, std::move(inner));
}

}  // namespace thanos::promql
