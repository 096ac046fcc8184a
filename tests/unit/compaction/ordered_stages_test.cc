#include "compaction/ordered_stages.h"

#include <atomic>
#include <condition_variable>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "thanos/testing/status_matchers.h"

namespace thanos::compaction {
namespace {

using testing::StatusIs;

struct Number {
  int value = -1, result = -1;
  void Clear() { value = result = -1; }
};

class OrderedStagesTest : public ::testing::TestWithParam<size_t> {
 protected:
  OrderedStagesTest() {
    if (GetParam() > 0) helpers_ = std::make_unique<base::Executor>("help", GetParam());
  }
  // Pushes 0 to count - 1; what was taken is in `taken_`.
  Status Run(int count, OrderedStages<Number>::Step work) {
    OrderedStages<Number> stages(helpers_.get(), 4, std::move(work), [this](Number& number) {
      taken_.push_back(number.result);
      return OkStatus();
    });
    for (int i = 0; i < count; ++i) {
      auto next = stages.Next();
      if (!next.ok()) return next.status();
      EXPECT_EQ((*next)->value, -1);
      (*next)->value = i;
      stages.Push(*std::move(next));
    }
    return stages.Finish();
  }
  std::unique_ptr<base::Executor> helpers_;
  std::vector<int> taken_;
};

TEST_P(OrderedStagesTest, TakesInTheOrderOfPushing) {
  std::atomic<int> under_way{0}, most{0};
  THANOS_ASSERT_OK(Run(300, [&](Number& number) {
    const int now = ++under_way;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) continue;
    if (number.value % 7 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    number.result = number.value * 2;
    --under_way;
    return OkStatus();
  }));
  ASSERT_EQ(taken_.size(), 300u);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(taken_[static_cast<size_t>(i)], 2 * i);
  EXPECT_LE(most, 4);
}

TEST_P(OrderedStagesTest, TheFirstErrorInOrderIsTold) {
  for (int round = 0; round < 20; ++round) {
    taken_.clear();
    const Status status = Run(100, [&](Number& number) {
      number.result = number.value;
      // The later one fails sooner.
      if (number.value == 41) return DataLossError("41");
      if (number.value != 40) return OkStatus();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return InvalidArgumentError("40");
    });
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument));
    EXPECT_EQ(taken_.size(), 40u);
  }
}

TEST_P(OrderedStagesTest, WhatIsLeftGoesAwayWithIt) {
  std::atomic<int> worked{0};
  {
    OrderedStages<Number> stages(
        helpers_.get(), 4, [&](Number&) { return ++worked, OkStatus(); },
        [](Number&) { return OkStatus(); });
    for (int i = 0; i < 3; ++i) {
      auto next = stages.Next();
      THANOS_ASSERT_OK(next.status());
      stages.Push(*std::move(next));
    }
  }
  const int after = worked;
  helpers_.reset();
  EXPECT_EQ(worked, after);
}

INSTANTIATE_TEST_SUITE_P(Helpers, OrderedStagesTest, ::testing::Values(0, 1, 4));

// All helpers are busy with something else for good: the pushing thread does the work.
TEST(OrderedStages, NeedsNoHelperToBecomeFree) {
  std::mutex mutex;
  std::condition_variable changed;
  bool released = false;
  base::Executor helpers("help", 1);
  helpers.Submit([&] {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return released; });
  });
  int taken = 0;
  OrderedStages<Number> stages(
      &helpers, 3, [](Number&) { return OkStatus(); },
      [&](Number&) { return ++taken, OkStatus(); });
  for (int i = 0; i < 20; ++i) {
    auto next = stages.Next();
    THANOS_ASSERT_OK(next.status());
    stages.Push(*std::move(next));
  }
  THANOS_EXPECT_OK(stages.Finish());
  EXPECT_EQ(taken, 20);
  {
    std::lock_guard lock(mutex);
    released = true;
  }
  changed.notify_all();
}

}  // namespace
}  // namespace thanos::compaction
