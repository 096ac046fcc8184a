// One run of a query: from its tree to its result.
#pragma once

#include <memory>

#include "promql/ast.h"
#include "promql/engine.h"
#include "promql/grid.h"
#include "promql/operator.h"
#include "promql/query_state.h"

namespace thanos::promql {

/// One thread. Used once.
class Evaluation {
 public:
  /// `tile_steps`: how many steps run at a time; grid.count for all.
  Evaluation(std::shared_ptr<QueryState> state, const Expr& expr, const Grid& grid,
             size_t tile_steps)
      : state_(std::move(state)), expr_(expr), grid_(grid), tile_steps_(tile_steps) {}

  Status Run(QueryResult* result);
  /// What the result held when Run() ended, also when it failed.
  uint64_t result_bytes() const { return result_bytes_; }
  /// Nothing is opened.
  PlanNode Explain() const;

 private:
  Status RunScalar(QueryResult* result);
  Status RunRange(QueryResult* result);
  Status RunVector(QueryResult* result);
  Status Collect(Operator& rows, size_t from, class MergedRows* merged);
  void Measure(Operator& root, QueryResult* result);
  PlanNode Root(Operator* rows) const;

  const std::shared_ptr<QueryState> state_;
  const Expr& expr_;
  const Grid grid_;
  const size_t tile_steps_;
  Profiler profiler_;
  uint64_t result_bytes_ = 0;
};

}  // namespace thanos::promql
