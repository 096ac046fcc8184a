// What memory budgets hold, as metrics of ours: thanos_memory_budget_*.
#pragma once

#include <memory>

#include "metrics/registry.h"
#include "thanos/call_context.h"

namespace thanos::metrics {

/// Used, peak and limit in bytes of each budget that is shown, by its name. Thread-safe.
class BudgetMetrics {
 public:
  explicit BudgetMetrics(Registry* registry);
  /// Shows `budget` for as long as the registry lives, and gives it back. Names are unique.
  std::shared_ptr<Budget> Show(std::shared_ptr<Budget> budget);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace thanos::metrics
