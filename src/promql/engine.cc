#include "promql/engine.h"

#include <chrono>
#include <utility>

#include "promql/evaluation.h"
#include "promql/preprocess.h"
#include "promql/query_state.h"
#include "promql/tiles.h"

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

// Smaller tiles help when what the operators hold does not fit; not when the result alone takes
// most of the budget.
bool SmallerTilesHelp(const Status& status, const CallContext& context, uint64_t result_bytes) {
  const auto& budget = context.budget();
  if (budget == nullptr || !IsMemoryRefusal(status)) return false;
  return budget->limit_bytes() == 0 || result_bytes <= budget->limit_bytes() / 2;
}

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

  // A budget that refuses leads to smaller tiles, from the start: at most a few times, since each
  // is a fraction of the one before.
  Result<QueryResult> Run(const CallContext& context, SeriesSource& source) override {
    const Clock::time_point before = Clock::now();
    const bool tiles =
        params_.step_ms != 0 && expr_->type == ValueType::kVector && CanTile(*expr_, options_);
    size_t steps = grid_.count;
    if (tiles) steps = (steps + options_.tiles_min - 1) / options_.tiles_min;
    while (true) {
      const auto state = std::make_shared<QueryState>(context, &source, options_, params_);
      QueryResult result;
      THANOS_RETURN_IF_ERROR(state->Check());
      Evaluation evaluation(state, *expr_, grid_, steps);
      const Status status = evaluation.Run(&result);
      if (status.ok()) {
        state->Finish(&result);
        result.stats.prepare_ns = prepare_ns_;
        result.stats.run_ns = NanosSince(before);
        return result;
      }
      const bool again = tiles && SmallerTilesHelp(status, context, evaluation.result_bytes());
      steps = again ? SmallerTile(steps) : 0;
      if (steps == 0) return state->Translate(status);
    }
  }

  PlanNode Explain() const override {
    const auto state = std::make_shared<QueryState>(CallContext(), nullptr, options_, params_);
    return Evaluation(state, *expr_, grid_, grid_.count).Explain();
  }

 private:
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
