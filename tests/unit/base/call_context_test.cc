#include "thanos/call_context.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/executor.h"
#include "base/json_text.h"
#include "base/ulid.h"
#include "thanos/testing/status_matchers.h"

namespace thanos {
namespace {

using testing::IsOk;
using testing::StatusIs;

TEST(Budget, RefusesOverTheLimitAndNamesTheFlag) {
  auto process = Budget::Make("process", 100);
  auto query = Budget::Make("query", 60, "query.memory-limit", process);
  EXPECT_THAT(query->Charge(50), IsOk());
  EXPECT_THAT(query->Charge(20), StatusIs(StatusCode::kResourceExhausted,
                                          ::testing::HasSubstr("raise --query.memory-limit")));
  EXPECT_EQ(process->used_bytes(), 50u);
}

TEST(Budget, LeavesNothingChargedWhenAnAncestorRefuses) {
  auto process = Budget::Make("process", 10);
  auto query = Budget::Make("query", 60, "", process);
  EXPECT_THAT(query->Charge(20),
              StatusIs(StatusCode::kResourceExhausted, ::testing::HasSubstr("process")));
  EXPECT_EQ(query->used_bytes(), 0u);
  EXPECT_EQ(process->used_bytes(), 0u);
}

TEST(BudgetLease, GivesBackAPart) {
  const auto budget = Budget::Make("role", 10);
  THANOS_ASSERT_OK_AND_ASSIGN(BudgetLease lease, BudgetLease::Take(budget, 8));
  lease.Shrink(3);
  EXPECT_EQ(lease.bytes(), 5u);
  EXPECT_EQ(budget->used_bytes(), 5u);
  lease.Shrink(100);
  EXPECT_EQ(budget->used_bytes(), 0u);
}

TEST(BudgetLease, GivesBackWhenItGoesAway) {
  auto budget = Budget::Make("b", 10);
  {
    THANOS_ASSERT_OK_AND_ASSIGN(BudgetLease lease, BudgetLease::Take(budget, 4));
    EXPECT_THAT(lease.Grow(6), IsOk());
    BudgetLease moved = std::move(lease);
    EXPECT_EQ(budget->used_bytes(), 10u);
  }
  EXPECT_EQ(budget->used_bytes(), 0u);
  EXPECT_EQ(budget->peak_bytes(), 10u);
}

TEST(CallContext, CancellationReachesChildrenAndCallbacks) {
  CallContext parent;
  CallContext child = parent.WithTenant("t").WithCancel();
  int calls = 0;
  auto registration = child.OnCancel([&] { ++calls; });
  EXPECT_THAT(child.Check(), IsOk());
  parent.Cancel();
  parent.Cancel();
  EXPECT_EQ(calls, 1);
  EXPECT_THAT(child.Check(), StatusIs(StatusCode::kCancelled));
  auto late = child.OnCancel([&] { ++calls; });
  EXPECT_EQ(calls, 2);
}

TEST(CallContext, CancellingAChildLeavesTheParent) {
  CallContext parent;
  CallContext child = parent.WithCancel();
  child.Cancel(ResourceExhaustedError("enough"));
  EXPECT_THAT(child.Check(), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(parent.Check(), IsOk());
}

TEST(CallContext, ADeadlineThatPassedIsAnError) {
  EXPECT_THAT(CallContext().WithTimeout(std::chrono::nanoseconds(-1)).Check(),
              StatusIs(StatusCode::kDeadlineExceeded));
  EXPECT_THAT(CallContext().WithTimeout(std::chrono::nanoseconds::max()).Check(), IsOk());
}

TEST(CallContext, ARegistrationGoingAwayWaitsForItsCallback) {
  for (int round = 0; round < 200; ++round) {
    CallContext context;
    std::atomic<bool> alive{true}, bad{false};
    std::thread canceller;
    {
      auto registration = context.OnCancel([&] {
        if (!alive) bad = true;
      });
      canceller = std::thread([&] { context.Cancel(); });
    }
    alive = false;
    canceller.join();
    EXPECT_FALSE(bad);
  }
}

TEST(ParallelFor, RunsAllAndReportsTheFirstError) {
  base::Executor executor("t", 3);
  std::atomic<int> sum{0};
  EXPECT_THAT(base::ParallelFor(&executor, 100,
                                [&](size_t i) {
                                  sum += static_cast<int>(i);
                                  return OkStatus();
                                }),
              IsOk());
  EXPECT_EQ(sum, 4950);
  EXPECT_THAT(
      base::ParallelFor(&executor, 100,
                        [&](size_t i) { return i == 7 ? DataLossError("seven") : OkStatus(); }),
      StatusIs(StatusCode::kDataLoss, "seven"));
}

TEST(ParallelFor, WithoutAPoolTheCallerWorksInOrderUntilTheFirstError) {
  std::vector<size_t> done;
  const auto body = [&](size_t i) {
    done.push_back(i);
    return i == 2 ? DataLossError("two") : OkStatus();
  };
  EXPECT_THAT(base::ParallelFor(nullptr, 2, body), IsOk());
  EXPECT_THAT(base::ParallelFor(nullptr, 9, body), StatusIs(StatusCode::kDataLoss, "two"));
  EXPECT_EQ(done, (std::vector<size_t>{0, 1, 0, 1, 2}));
  EXPECT_THAT(base::ParallelFor(nullptr, 0, body), IsOk());
}

TEST(ParallelFor, WorkThatWaitsHasAllThreads) {
  EXPECT_EQ(base::MakeHelpers("t", 1), nullptr);
  const auto helpers = base::MakeHelpers("t", 4);
  std::mutex mutex;
  std::condition_variable all_here;
  size_t here = 0;
  // The caller and the three of the pool: each waits until all four have begun.
  EXPECT_THAT(base::ParallelFor(helpers.get(), 4,
                                [&](size_t) {
                                  std::unique_lock lock(mutex);
                                  ++here;
                                  all_here.notify_all();
                                  const bool together = all_here.wait_for(
                                      lock, std::chrono::seconds(30), [&] { return here == 4; });
                                  return together ? OkStatus() : InternalError("alone");
                                }),
              IsOk());
}

TEST(ParallelFor, NestsWithoutADeadlock) {
  base::Executor executor("t", 2);
  std::atomic<int> count{0};
  EXPECT_THAT(base::ParallelFor(&executor, 8,
                                [&](size_t) {
                                  return base::ParallelFor(&executor, 8, [&](size_t) {
                                    ++count;
                                    return OkStatus();
                                  });
                                }),
              IsOk());
  EXPECT_EQ(count, 64);
}

TEST(Ulid, PrintsAndReadsAndGrowsWithTime) {
  THANOS_ASSERT_OK_AND_ASSIGN(const base::Ulid ulid,
                              base::Ulid::Parse("01M84PV20WZFBRJZ21XGXKXZHD"));
  EXPECT_EQ(ulid.ToString(), "01M84PV20WZFBRJZ21XGXKXZHD");
  EXPECT_FALSE(base::Ulid::IsUlid("81M84PV20WZFBRJZ21XGXKXZHD"));
  EXPECT_FALSE(base::Ulid::IsUlid("01M84PV20WZFBRJZ21XGXKXZH"));
  base::Ulid last;
  for (int i = 0; i < 1000; ++i) {
    const base::Ulid next = base::Ulid::Make(1700000000000 + i / 100);
    EXPECT_LT(last, next);
    last = next;
  }
  EXPECT_EQ(last.time_ms(), 1700000000009);
}

TEST(JsonText, EscapesAsGoDoes) {
  std::string out;
  base::AppendJsonString("a\"\\\n\x01<\xff\xe2\x80\xa8é", &out);
  EXPECT_EQ(out, "\"a\\\"\\\\\\n\\u0001<\\ufffd\\u2028é\"");
  out.clear();
  base::AppendJsonString("<&>", &out, true);
  EXPECT_EQ(out, "\"\\u003c\\u0026\\u003e\"");
}

}  // namespace
}  // namespace thanos
