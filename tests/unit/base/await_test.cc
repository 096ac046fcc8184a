#include "base/await.h"

#include <thread>

#include <gtest/gtest.h>

#include "thanos/testing/status_matchers.h"

namespace thanos::base {
namespace {

using std::chrono::milliseconds;
using thanos::testing::StatusIs;

class AwaitTest : public ::testing::Test {
 protected:
  Status Wait(const CallContext& context) {
    return Await(
        context, mutex_, changed_,
        [this] {
          ++asked_;
          return done_;
        },
        [this] { gave_up_ = true; });
  }
  void Set() {
    const std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false, gave_up_ = false;
  int asked_ = 0;
};

TEST_F(AwaitTest, EndsWhenItIsDoneAndAsksNoMore) {
  std::thread thread([this] { Set(); });
  THANOS_EXPECT_OK(Wait(CallContext()));
  thread.join();
  const int asked = asked_;
  THANOS_EXPECT_OK(Wait(CallContext()));
  EXPECT_EQ(asked_, asked + 1);
  EXPECT_FALSE(gave_up_);
}

TEST_F(AwaitTest, EndsWithTheContext) {
  EXPECT_THAT(Wait(CallContext().WithTimeout(milliseconds(2))),
              StatusIs(StatusCode::kDeadlineExceeded));
  EXPECT_TRUE(gave_up_);
  gave_up_ = false;
  const CallContext leaves = CallContext().WithCancel();
  std::thread thread([&] { leaves.Cancel(); });
  EXPECT_THAT(Wait(leaves), StatusIs(StatusCode::kCancelled));
  thread.join();
  EXPECT_TRUE(gave_up_);
  EXPECT_THAT(Wait(leaves), StatusIs(StatusCode::kCancelled)) << "cancelled before it began";
}

TEST_F(AwaitTest, WhatIsDoneIsDoneWhateverBecameOfTheContext) {
  const CallContext leaves = CallContext().WithCancel();
  leaves.Cancel();
  Set();
  THANOS_EXPECT_OK(Wait(leaves));
}

TEST(SleepFor, SleepsUnlessTheContextEnds) {
  const auto begin = std::chrono::steady_clock::now();
  THANOS_EXPECT_OK(SleepFor(CallContext(), milliseconds(5)));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(5));
  const CallContext leaves = CallContext().WithCancel();
  std::thread thread([&] { leaves.Cancel(); });
  EXPECT_THAT(SleepFor(leaves, std::chrono::hours(1)), StatusIs(StatusCode::kCancelled));
  thread.join();
  EXPECT_THAT(SleepFor(CallContext().WithTimeout(milliseconds(1)), std::chrono::hours(1)),
              StatusIs(StatusCode::kDeadlineExceeded));
}

}  // namespace
}  // namespace thanos::base
