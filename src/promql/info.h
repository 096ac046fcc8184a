// info(): labels of info metrics joined to other series.
#pragma once

#include <memory>

#include "model/matcher.h"
#include "promql/operator.h"
#include "promql/query_state.h"

namespace thanos::promql {

struct InfoSpec {
  model::Matchers name_matchers;  // On __name__, of the info metrics.
  model::Matchers data_matchers;  // On their other labels; only these labels are joined, if any.
};

/// `info` gives the times of the info metrics' samples; it is drained first.
OperatorPtr MakeInfo(InfoSpec spec, OperatorPtr base, OperatorPtr info,
                     std::shared_ptr<QueryState> state);

/// Splits the selector of info(), with the default name where it has none.
InfoSpec InfoSpecOf(const model::Matchers& selector);

}  // namespace thanos::promql
