// Operators between two vectors: arithmetic, comparison, and, or, unless.
#pragma once

#include <memory>

#include "promql/ast.h"
#include "promql/operator.h"
#include "promql/query_state.h"

namespace thanos::promql {

struct VectorBinarySpec {
  TokenKind op = TokenKind::kAdd;
  bool return_bool = false;
  Matching matching;
  SourceRange place;  // Of the whole expression.
};

/// The side that must be unique is drained into a table first, then the other streams past it.
OperatorPtr MakeVectorBinary(VectorBinarySpec spec, OperatorPtr lhs, OperatorPtr rhs,
                             std::shared_ptr<QueryState> state);
OperatorPtr MakeSetOperator(VectorBinarySpec spec, OperatorPtr lhs, OperatorPtr rhs,
                            std::shared_ptr<QueryState> state);

}  // namespace thanos::promql
