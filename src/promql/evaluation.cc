#include "promql/evaluation.h"

#include <algorithm>
#include <utility>

#include "promql/holding.h"
#include "promql/planner.h"
#include "promql/range_result.h"

namespace thanos::promql {
namespace {

// What a result's views point into.
struct GridResult {
  GridResult(std::shared_ptr<QueryState> state, const Grid& grid) : rows(std::move(state), grid) {}
  MergedRows rows;
  std::vector<double> scalars;
};

void SortByLabels(QueryResult* result) {
  std::sort(result->series.begin(), result->series.end(),
            [](const ResultSeries& a, const ResultSeries& b) { return a.labels < b.labels; });
}

void ShowRows(std::shared_ptr<GridResult> held, QueryResult* result) {
  for (const MergedRows::Series& series : held->rows.series()) {
    result->series.push_back(
        {series.labels, {}, series.values, series.present.data(), series.histograms, {}});
  }
  result->owner = std::move(held);
}

}  // namespace

Status Evaluation::Run(QueryResult* result) {
  const bool range = state_->params.step_ms != 0;
  result->grid = grid_;
  result->type = range ? ValueType::kMatrix : expr_.type;
  switch (expr_.type) {
    case ValueType::kString:
      result->text = As<StringLiteral>(Unwrap(expr_)).value;
      return OkStatus();
    case ValueType::kScalar:
      return RunScalar(result);
    case ValueType::kMatrix:
      return RunRange(result);
    default:
      return RunVector(result);
  }
}

Status Evaluation::RunScalar(QueryResult* result) {
  const ScalarPtr scalar = Planner(state_).PlanScalar(expr_, grid_);
  std::vector<Operator*> below;
  scalar->AppendBelow(&below);
  if (state_->params.analyze) {
    for (Operator* op : below) op->Profile(&profiler_);
  }
  THANOS_ASSIGN_OR_RETURN(const std::span<const double> values, scalar->Values());
  if (state_->params.analyze) {
    result->analysis = {"scalar " + scalar->Describe(), {}, {}};
    for (const Operator* op : below) result->analysis->children.push_back(op->Plan());
  }
  if (state_->params.step_ms == 0) {
    result->scalar = values[0];
    return OkStatus();
  }
  auto held = std::make_shared<GridResult>(state_, grid_);
  held->scalars.assign(values.begin(), values.end());
  result->series.push_back({LabelsView(), {}, held->scalars, nullptr, {}, {}});
  result->owner = std::move(held);
  return OkStatus();
}

// A range selector or a subquery as the whole of an instant query.
Status Evaluation::RunRange(QueryResult* result) {
  Planner planner(state_);
  const Expr& root = Unwrap(expr_);
  if (root.kind == ExprKind::kMatrix) {
    const ScanSpec spec = planner.PlanRange(As<MatrixSelector>(root), grid_);
    if (state_->params.analyze) result->analysis = {"samples of " + spec.text, {}, {}};
    return ReadRange(spec, state_, result);
  }
  const OperatorPtr points = planner.PlanSubqueryPoints(As<Subquery>(root), grid_);
  if (state_->params.analyze) points->Profile(&profiler_);
  auto held = std::make_shared<GridResult>(state_, points->grid());
  THANOS_RETURN_IF_ERROR(Collect(*points, 0, &held->rows));
  if (state_->params.analyze) Measure(*points, result);
  result->grid = points->grid();
  ShowRows(std::move(held), result);
  SortByLabels(result);
  return OkStatus();
}

Status Evaluation::RunVector(QueryResult* result) {
  auto held = std::make_shared<GridResult>(state_, grid_);
  for (size_t from = 0; from < grid_.count; from += tile_steps_) {
    Grid tile = grid_;
    tile.start_ms = grid_.At(from);
    tile.count = std::min(tile_steps_, grid_.count - from);
    tile.lead_ms = tile.start_ms - grid_.start_ms;
    const OperatorPtr rows = Planner(state_).PlanVector(expr_, tile);
    if (state_->params.analyze) rows->Profile(&profiler_);
    const Status status = Collect(*rows, from, &held->rows);
    result_bytes_ = held->rows.held_bytes();
    THANOS_RETURN_IF_ERROR(status);
    if (state_->params.analyze) {
      Measure(*rows, result);
      result->analysis->stats.peak_bytes = result_bytes_;
    }
  }
  ShowRows(std::move(held), result);
  if (state_->params.step_ms != 0) SortByLabels(result);
  return OkStatus();
}

// All rows, joined by label set; names that were marked go now.
Status Evaluation::Collect(Operator& rows, size_t from, MergedRows* merged) {
  std::string scratch;
  return rows.ForEachRow([&](const Row& row) {
    THANOS_RETURN_IF_ERROR(state_->Check());
    Row out = row;
    if (row.drop_name) out.labels = WithoutMetadata(row.labels, &scratch);
    out.drop_name = false;
    Status status = merged->Add(out, rows.grid(), from);
    return IsMemoryRefusal(status) ? status.WithContext("operator result") : status;
  });
}

PlanNode Evaluation::Root(Operator* rows) const {
  const Grid& grid = rows->grid();
  PlanNode root{
      "result: holds its input (8.125 bytes a row and step), rows " +
          std::string(state_->params.step_ms != 0 ? "by labels, " : "as its input, ") +
          std::to_string(grid.lead_ms == 0 ? std::max(grid.count, grid_.count) : grid_.count) +
          " steps",
      {},
      {}};
  if (tile_steps_ < grid_.count) {
    root.name += " in tiles of " + std::to_string(tile_steps_);
  }
  root.children.push_back(rows->Plan());
  return root;
}

void Evaluation::Measure(Operator& root, QueryResult* result) {
  PlanNode plan = Root(&root);
  plan.stats.rows = plan.children[0].stats.rows;
  plan.stats.points = plan.children[0].stats.points;
  if (result->analysis) {
    result->analysis->Add(plan);
  } else {
    result->analysis = std::move(plan);
  }
}

PlanNode Evaluation::Explain() const {
  Planner planner(state_);
  const Expr& root = Unwrap(expr_);
  switch (expr_.type) {
    case ValueType::kVector: {
      const OperatorPtr rows = planner.PlanVector(expr_, grid_);
      return Root(rows.get());
    }
    case ValueType::kScalar: {
      const ScalarPtr scalar = planner.PlanScalar(expr_, grid_);
      PlanNode node{"scalar " + scalar->Describe(), {}, {}};
      std::vector<Operator*> below;
      scalar->AppendBelow(&below);
      for (const Operator* op : below) node.children.push_back(op->Plan());
      return node;
    }
    case ValueType::kMatrix: {
      if (root.kind != ExprKind::kSubquery) {
        return {"samples of " + planner.PlanRange(As<MatrixSelector>(root), grid_).text, {}, {}};
      }
      const OperatorPtr rows = planner.PlanSubqueryPoints(As<Subquery>(root), grid_);
      return Root(rows.get());
    }
    default:
      return {"string", {}, {}};
  }
}

}  // namespace thanos::promql
