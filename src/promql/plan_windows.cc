// Functions over range selectors and subqueries.
#include <utility>

#include "base/number_text.h"
#include "promql/functions.h"
#include "promql/holding.h"
#include "promql/planner.h"

namespace thanos::promql {
namespace {

// A window function whose scalar arguments are known only when the query runs.
class WithParameters final : public Operator {
 public:
  using Columns = std::vector<std::vector<double>>;
  using Factory = std::function<OperatorPtr(Columns)>;
  WithParameters(const Grid& grid, std::vector<ScalarPtr> params, SourceRange place, bool quantile,
                 Factory factory, std::shared_ptr<QueryState> state)
      : Operator(grid, {}),
        params_(std::move(params)),
        place_(place),
        quantile_(quantile),
        factory_(std::move(factory)),
        state_(std::move(state)),
        // Until the parameters are known: the same operator with zeros.
        inner_(factory_(Columns(params_.size(), std::vector<double>(grid.count)))) {
    traits_ = inner_->traits();
    traits_.name = "parameters";
  }
  std::vector<Operator*> children() const override { return WithBelow(inner_.get(), params_); }

  Result<RowBatchRef> Produce() override {
    THANOS_RETURN_IF_ERROR(Prepare());
    return inner_->Next();
  }
  Status Drain(const RowSink& sink) override {
    THANOS_RETURN_IF_ERROR(Prepare());
    return inner_->ForEachRow(sink);
  }

 private:
  Status Prepare() {
    if (std::exchange(prepared_, true)) return OkStatus();
    Columns columns;
    for (const ScalarPtr& param : params_) {
      THANOS_ASSIGN_OR_RETURN(const std::span<const double> values, param->Values());
      columns.emplace_back(values.begin(), values.end());
    }
    for (const double q : columns[0]) {
      if (!quantile_ || (q >= 0 && q <= 1)) continue;
      state_->Annotate(AnnotationKind::kWarning,
                       "quantile value should be between 0 and 1, got " + base::FormatFloatG(q),
                       place_);
    }
    inner_ = factory_(std::move(columns));
    if (profiler() != nullptr) inner_->Profile(profiler());
    return OkStatus();
  }

  const std::vector<ScalarPtr> params_;
  const SourceRange place_;
  const bool quantile_;
  const Factory factory_;
  const std::shared_ptr<QueryState> state_;
  OperatorPtr inner_;
  bool prepared_ = false;
};

// Says what is wrong when the query runs.
class Refusal final : public Operator {
 public:
  Refusal(const Grid& grid, Status status)
      : Operator(grid, OperatorTraits()), status_(std::move(status)) {
    traits_.name = "refused: " + std::string(status_.message());
  }
  Result<RowBatchRef> Produce() override { return status_; }

 private:
  const Status status_;
};

Status CheckExtension(Extension extension, const FunctionSignature& function) {
  if (extension == Extension::kNone) return OkStatus();
  const bool anchored = extension == Extension::kAnchored;
  const std::string_view name = function.name;
  if (name == "delta" || name == "increase" || name == "rate" ||
      (anchored && (name == "changes" || name == "resets"))) {
    return OkStatus();
  }
  return FailedPreconditionError(
      (anchored ? "anchored modifier can only be used with: changes, delta, increase, rate, "
                  "resets - not with "
                : "smoothed modifier can only be used with: delta, increase, rate - not with ") +
      std::string(name));
}

// xrate() and its kin count from the last sample before the window, if it is at most this old.
constexpr int64_t kLookBeforeMs = 3'600'000;

void LookBefore(WindowFunction::Spec* function) {
  function->looks_before = true;
  function->inner_range_ms = function->window.range_ms;
  function->window.range_ms += kLookBeforeMs;
}

void SetParams(WithParameters::Columns params, WindowFunction::Spec* spec) {
  if (!params.empty()) spec->param = std::move(params[0]);
  if (params.size() > 1) spec->second_param = std::move(params[1]);
}

}  // namespace

OperatorPtr Planner::WindowCall(const Call& call, const Grid& grid, size_t matrix_arg,
                                std::vector<size_t> scalar_args) {
  const FunctionId id = call.function->id;
  const Expr& arg = Unwrap(*call.args[matrix_arg]);
  // absent_over_time() has no rows of its own that could become equal.
  const bool drops = !KeepsName(id) && id != FunctionId::kAbsentOverTime;
  WindowFunction::Spec function;
  function.kind = WindowKind::kFunction;
  function.id = id;
  function.name = call.function->name;
  function.place = id == FunctionId::kQuantileOverTime ? call.args[0]->range : arg.range;
  WithParameters::Factory factory;
  OperatorTraits traits;
  if (arg.kind == ExprKind::kMatrix) {
    const MatrixSelector& matrix = As<MatrixSelector>(arg);
    const TimeModifiers& time = matrix.selector->time;
    function.window = {grid, matrix.window_ms, time.offset_ms, time.at_ms};
    const Extension extension = matrix.selector->extension;
    if (Status status = CheckExtension(extension, *call.function); !status.ok()) {
      return std::make_unique<Refusal>(grid, std::move(status));
    }
    Extend(extension, &function);
    if (call.function->extended) LookBefore(&function);
    ScanSpec spec = Scan(*matrix.selector, std::move(function), matrix.window_ms, HintOf(call));
    spec.drop_metadata = drops && !delayed();
    spec.mark_drop = drops && delayed();
    factory = [spec, state = state_](WithParameters::Columns params) {
      ScanSpec mine = spec;
      SetParams(std::move(params), &mine.function);
      return MakeScan(std::move(mine), state);
    };
  } else if (call.function->extended) {
    return std::make_unique<Refusal>(
        grid, FailedPreconditionError(std::string(call.function->name) +
                                      "() takes a range selector, not a subquery"));
  } else {
    const Subquery& subquery = As<Subquery>(arg);
    function.window = {grid, subquery.window_ms, subquery.time.offset_ms, subquery.time.at_ms};
    SubquerySpec spec{std::move(function),
                      std::string(call.function->name) + " of subquery [" +
                          std::to_string(subquery.window_ms) + "ms]",
                      drops && !delayed(), drops && delayed()};
    const Grid inner_grid = SubqueryGrid(subquery, grid);
    factory = [spec, &subquery, inner_grid, hint = HintOf(call),
               state = state_](WithParameters::Columns params) {
      SubquerySpec mine = spec;
      SetParams(std::move(params), &mine.function);
      // The planner may be gone when a parameter comes late.
      return MakeSubquery(std::move(mine), Planner(state).Vector(*subquery.inner, inner_grid, hint),
                          state);
    };
  }
  if (scalar_args.empty()) return factory({});
  std::vector<ScalarPtr> params;
  for (const size_t i : scalar_args) params.push_back(ScalarOf(*call.args[i], grid, HintOf(call)));
  return std::make_unique<WithParameters>(grid, std::move(params), call.args[scalar_args[0]]->range,
                                          id == FunctionId::kQuantileOverTime, std::move(factory),
                                          state_);
}

}  // namespace thanos::promql
