#include "metrics/budgets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "thanos/testing/status_matchers.h"

namespace thanos::metrics {
namespace {

using ::testing::HasSubstr;

TEST(BudgetMetrics, ShowEachBudgetByItsName) {
  Registry registry;
  BudgetMetrics metrics(&registry);
  const auto queries = metrics.Show(Budget::Make("queries", 100));
  metrics.Show(Budget::Make("bodies", 0));
  THANOS_ASSERT_OK(queries->Charge(70));
  queries->Release(30);
  const std::string text = registry.Render(Format::kText);
  EXPECT_THAT(text, HasSubstr("thanos_memory_budget_used_bytes{budget=\"queries\"} 40\n"));
  EXPECT_THAT(text, HasSubstr("thanos_memory_budget_peak_bytes{budget=\"queries\"} 70\n"));
  EXPECT_THAT(text, HasSubstr("thanos_memory_budget_limit_bytes{budget=\"queries\"} 100\n"));
  EXPECT_THAT(text, HasSubstr("thanos_memory_budget_used_bytes{budget=\"bodies\"} 0\n"));
}

}  // namespace
}  // namespace thanos::metrics
