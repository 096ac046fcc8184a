#include "base/single_flight.h"

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "thanos/testing/status_matchers.h"

namespace thanos::base {
namespace {

using std::chrono::milliseconds;
using thanos::testing::StatusIs;

void AwaitWaiting(const SingleFlight& flights, size_t count) {
  while (flights.waiting() < count) std::this_thread::sleep_for(milliseconds(1));
}

TEST(SingleFlight, OthersGetWhatTheFirstOneBrought) {
  SingleFlight flights;
  std::atomic<int> shared{0};
  std::vector<std::thread> threads;
  THANOS_ASSERT_OK_AND_ASSIGN(auto first, flights.Board(CallContext(), "a"));
  EXPECT_EQ(first.Result<int>(), nullptr);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto flight = flights.Board(CallContext(), "a");
      ASSERT_TRUE(flight.ok());
      const auto result = flight->Result<int>();
      if (result != nullptr && *result == 7) ++shared;
    });
  }
  AwaitWaiting(flights, 8);
  first.Land(std::make_shared<const int>(7));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(shared.load(), 8);
  // It is over: the next one begins anew.
  THANOS_ASSERT_OK_AND_ASSIGN(const auto next, flights.Board(CallContext(), "a"));
  EXPECT_EQ(next.Result<int>(), nullptr);
}

TEST(SingleFlight, OtherKeysDoNotWait) {
  SingleFlight flights;
  THANOS_ASSERT_OK_AND_ASSIGN(const auto first, flights.Board(CallContext(), "a"));
  EXPECT_TRUE(flights.Board(CallContext().WithTimeout(milliseconds(1)), "b").ok());
}

TEST(SingleFlight, WhoWaitsForAFailureWorksForItself) {
  SingleFlight flights;
  std::optional<SingleFlight::Flight> first = *flights.Board(CallContext(), "a");
  std::thread thread([&] {
    const auto flight = flights.Board(CallContext(), "a");
    ASSERT_TRUE(flight.ok());
    EXPECT_EQ(flight->Result<int>(), nullptr);
  });
  AwaitWaiting(flights, 1);
  first.reset();
  thread.join();
}

TEST(SingleFlight, WaitingEndsWithTheContext) {
  SingleFlight flights;
  THANOS_ASSERT_OK_AND_ASSIGN(const auto first, flights.Board(CallContext(), "a"));
  EXPECT_THAT(flights.Board(CallContext().WithTimeout(milliseconds(2)), "a").status(),
              StatusIs(StatusCode::kDeadlineExceeded));
  const CallContext leaves = CallContext().WithCancel();
  std::thread thread([&] {
    AwaitWaiting(flights, 1);
    leaves.Cancel();
  });
  EXPECT_THAT(flights.Board(leaves, "a").status(), StatusIs(StatusCode::kCancelled));
  thread.join();
}

}  // namespace
}  // namespace thanos::base
