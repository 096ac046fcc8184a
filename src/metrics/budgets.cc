#include "metrics/budgets.h"

#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

namespace thanos::metrics {

struct BudgetMetrics::State {
  std::mutex mutex;
  std::vector<std::shared_ptr<Budget>> budgets;
};

BudgetMetrics::BudgetMetrics(Registry* registry) : state_(std::make_shared<State>()) {
  const auto add = [&](std::string_view name, std::string_view help,
                       size_t (Budget::*value)() const) {
    registry->AddCallback(name, help, false, [state = state_, value] {
      std::vector<Registry::Sample> samples;
      std::lock_guard lock(state->mutex);
      for (const auto& budget : state->budgets) {
        samples.push_back(
            {{{"budget", budget->name()}}, static_cast<double>(((*budget).*value)())});
      }
      return samples;
    });
  };
  add("thanos_memory_budget_used_bytes", "Bytes charged to a memory budget now.",
      &Budget::used_bytes);
  add("thanos_memory_budget_peak_bytes", "Most bytes ever charged to a memory budget at a time.",
      &Budget::peak_bytes);
  add("thanos_memory_budget_limit_bytes",
      "Bytes above which a memory budget refuses requests; 0 is no limit.", &Budget::limit_bytes);
}

std::shared_ptr<Budget> BudgetMetrics::Show(std::shared_ptr<Budget> budget) {
  std::lock_guard lock(state_->mutex);
  state_->budgets.push_back(budget);
  return budget;
}

}  // namespace thanos::metrics
