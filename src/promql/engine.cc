#include "promql/engine.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "promql/holding.h"
#include "promql/planner.h"
#include "promql/preprocess.h"
#include "promql/query_state.h"
#include "promql/range_result.h"

namespace thanos::promql {
namespace {

using Clock = std::chrono::steady_clock;

int64_t NanosSince(Clock::time_point before) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - before).count();
}

Grid GridOf(const QueryParams& params) {
  Grid grid;
  grid.start_ms = params.start_ms;
  grid.step_ms = params.step_ms;
  grid.count = params.step_ms == 0
                   ? 1
                   : static_cast<size_t>((params.end_ms - params.start_ms) / params.step_ms) + 1;
  return grid;
}

// What a result's views point into.
struct GridResult {
  GridResult(std::shared_ptr<QueryState> state, const Grid& grid) : rows(std::move(state), grid) {}
  MergedRows rows;
  std::vector<double> scalars;
};

class Query final : public PreparedQuery {
 public:
  Query(const EngineOptions& options, QueryParams params, ExprPtr expr, int64_t prepare_ns)
      : options_(options),
        params_(std::move(params)),
        expr_(std::move(expr)),
        grid_(GridOf(params_)),
        prepare_ns_(prepare_ns) {}

  ValueType type() const override { return expr_->type; }
  const Expr& expr() const override { return *expr_; }

  Result<QueryResult> Run(const CallContext& context, SeriesSource& source) override {
    const Clock::time_point before = Clock::now();
    const auto state = std::make_shared<QueryState>(context, &source, options_, params_);
    QueryResult result;
    result.grid = grid_;
    THANOS_RETURN_IF_ERROR(state->Check());
    if (Status status = Evaluate(state, &result); !status.ok()) return state->Translate(status);
    state->Finish(&result);
    result.stats.prepare_ns = prepare_ns_;
    result.stats.run_ns = NanosSince(before);
    return result;
  }

  std::string Explain() const override {
    const auto state = std::make_shared<QueryState>(CallContext(), nullptr, options_, params_);
    Planner planner(state);
    const Expr& root = Unwrap(*expr_);
    switch (expr_->type) {
      case ValueType::kVector:
        return ExplainOperators(*planner.PlanVector(*expr_, grid_));
      case ValueType::kScalar: {
        const ScalarPtr scalar = planner.PlanScalar(*expr_, grid_);
        std::string text = "scalar " + scalar->Describe() + "\n";
        if (scalar->below() != nullptr) text += ExplainOperators(*scalar->below());
        return text;
      }
      case ValueType::kMatrix:
        if (root.kind == ExprKind::kSubquery) {
          return "points of subquery\n" +
                 ExplainOperators(*planner.PlanSubqueryPoints(As<Subquery>(root), grid_));
        }
        return "samples of " + planner.PlanRange(As<MatrixSelector>(root), grid_).text + "\n";
      default:
        return "string\n";
    }
  }

 private:
  Status Evaluate(const std::shared_ptr<QueryState>& state, QueryResult* result) const {
    Planner planner(state);
    const bool range = params_.step_ms != 0;
    result->type = range ? ValueType::kMatrix : expr_->type;
    const Expr& root = Unwrap(*expr_);
    switch (expr_->type) {
      case ValueType::kString:
        result->text = As<StringLiteral>(root).value;
        return OkStatus();
      case ValueType::kScalar:
        return EvaluateScalar(planner, state, result);
      case ValueType::kMatrix:
        if (root.kind == ExprKind::kMatrix) {
          return ReadRange(planner.PlanRange(As<MatrixSelector>(root), grid_), state, result);
        } else {
          const OperatorPtr points = planner.PlanSubqueryPoints(As<Subquery>(root), grid_);
          return Collect(*points, /*ordered_by_labels=*/true, state, result);
        }
      default:
        break;
    }
    const OperatorPtr rows = planner.PlanVector(*expr_, grid_);
    return Collect(*rows, range, state, result);
  }

  Status EvaluateScalar(Planner& planner, const std::shared_ptr<QueryState>& state,
                        QueryResult* result) const {
    const ScalarPtr scalar = planner.PlanScalar(*expr_, grid_);
    THANOS_ASSIGN_OR_RETURN(const std::span<const double> values, scalar->Values());
    if (params_.step_ms == 0) {
      result->scalar = values[0];
      return OkStatus();
    }
    auto held = std::make_shared<GridResult>(state, grid_);
    held->scalars.assign(values.begin(), values.end());
    result->series.push_back({LabelsView(), {}, held->scalars, nullptr, {}, {}});
    result->owner = std::move(held);
    return OkStatus();
  }

  // All rows, joined by label set; names that were marked go now.
  Status Collect(Operator& rows, bool ordered_by_labels, const std::shared_ptr<QueryState>& state,
                 QueryResult* result) const {
    auto held = std::make_shared<GridResult>(state, rows.grid());
    std::string scratch;
    THANOS_RETURN_IF_ERROR(rows.ForEachRow([&](const Row& row) {
      THANOS_RETURN_IF_ERROR(state->Check());
      Row out = row;
      if (row.drop_name) out.labels = WithoutMetadata(row.labels, &scratch);
      out.drop_name = false;
      return held->rows.Add(out);
    }));
    result->grid = rows.grid();
    for (const MergedRows::Series& series : held->rows.series()) {
      result->series.push_back(
          {series.labels, {}, series.values, series.present.data(), series.histograms, {}});
    }
    if (ordered_by_labels) {
      std::sort(result->series.begin(), result->series.end(),
                [](const ResultSeries& a, const ResultSeries& b) { return a.labels < b.labels; });
    }
    result->owner = std::move(held);
    return OkStatus();
  }

  const EngineOptions& options_;
  const QueryParams params_;
  const ExprPtr expr_;
  const Grid grid_;
  const int64_t prepare_ns_;
};

}  // namespace

Result<std::unique_ptr<PreparedQuery>> Engine::Prepare(const QueryParams& params) const {
  const Clock::time_point before = Clock::now();
  if (params.step_ms < 0) return InvalidArgumentError("zero or negative query resolution step");
  const bool range = params.step_ms > 0;
  if (range && params.end_ms < params.start_ms) {
    return InvalidArgumentError("end timestamp must not be before start time");
  }
  THANOS_ASSIGN_OR_RETURN(ExprPtr expr, Parse(params.text, options_.parser));
  if (range && expr->type != ValueType::kScalar && expr->type != ValueType::kVector) {
    return InvalidArgumentError("invalid expression type \"" +
                                std::string(ValueTypeInWords(expr->type)) +
                                "\" for range query, must be Scalar or instant Vector");
  }
  const QueryTimes times{params.start_ms, range ? params.end_ms : params.start_ms, params.step_ms};
  THANOS_RETURN_IF_ERROR(Preprocess(times, &expr));
  std::unique_ptr<PreparedQuery> query =
      std::make_unique<Query>(options_, params, std::move(expr), NanosSince(before));
  return query;
}

}  // namespace thanos::promql
