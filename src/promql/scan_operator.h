// Selectors: a select of the source, decoding, and the function over the window, fused.
#pragma once

#include <memory>
#include <string>

#include "promql/operator.h"
#include "promql/query_state.h"
#include "promql/window_function.h"
#include "series/sample_reader.h"
#include "thanos/series.h"

namespace thanos::promql {

struct ScanSpec {
  std::string text;       // Of the selector, for EXPLAIN.
  SelectRequest request;  // Complete.
  series::ReadOptions read;
  WindowFunction::Spec function;
  bool drop_metadata = false;  // The function drops the name, at once.
  bool mark_drop = false;      // … at the end of the query.
  bool name_is_fixed = false;  // All series have one metric name.
};

OperatorPtr MakeScan(ScanSpec spec, std::shared_ptr<QueryState> state);

}  // namespace thanos::promql
