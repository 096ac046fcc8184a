// Who goes on when many want to: places of flows, turns at the CPUs.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/cpu_shares.h"
#include "base/fair_executor.h"
#include "base/fair_queue.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::base {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using thanos::testing::StatusIs;
using Turn = CpuShares::Turn;

bool Eventually(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

// The items that may go on now, in their order.
std::vector<int> Entering(FairQueue<int>* queue, SteadyTime now) {
  std::vector<int> out;
  while (const auto next = queue->Next(now)) out.push_back(next->second);
  return out;
}

TEST(FairQueue, FlowsTakeTurnsAndAreServedInOrderWithin) {
  FairQueue<int> queue(6);
  for (int item : {1, 2, 3, 4}) queue.Push("a", item);
  for (int item : {11, 12}) queue.Push("b", item);
  EXPECT_THAT(Entering(&queue, SteadyTime()), ElementsAre(1, 11, 2, 12, 3, 4));
}

TEST(FairQueue, OneFlowAloneHasAllPlaces) {
  FairQueue<int> queue(4);
  for (int item : {1, 2, 3, 4, 5}) queue.Push("a", item);
  EXPECT_THAT(Entering(&queue, SteadyTime()), ElementsAre(1, 2, 3, 4));
  queue.Leave("a", SteadyTime());
  EXPECT_THAT(Entering(&queue, SteadyTime()), ElementsAre(5));
}

TEST(FairQueue, APlaceIsKeptForAFlowThatWasHereAMomentAgo) {
  FairQueue<int> queue(4);
  const SteadyTime start = SteadyTime() + seconds(1000);
  queue.Push("modest", 0);
  EXPECT_THAT(Entering(&queue, start), ElementsAre(0));
  queue.Leave("modest", start);
  for (int item : {1, 2, 3, 4}) queue.Push("greedy", item);
  EXPECT_THAT(Entering(&queue, start + seconds(1)), ElementsAre(1, 2, 3));
  queue.Push("modest", 9);
  EXPECT_THAT(Entering(&queue, start + seconds(2)), ElementsAre(9));
  queue.Leave("modest", start + seconds(3));
  EXPECT_THAT(Entering(&queue, start + seconds(63)), ElementsAre());
  EXPECT_THAT(Entering(&queue, start + seconds(64)), ElementsAre(4));
}

TEST(FairQueue, AQuarterIsKeptAtMost) {
  FairQueue<int> queue(4);
  const SteadyTime start = SteadyTime() + seconds(1000);
  for (const char* flow : {"b", "c", "d"}) {
    queue.Push(flow, 0);
    Entering(&queue, start);
    queue.Leave(flow, start);
  }
  for (int item : {1, 2, 3, 4}) queue.Push("a", item);
  EXPECT_THAT(Entering(&queue, start), ElementsAre(1, 2, 3));
}

TEST(FairQueue, WhoDoesNotWaitAnyMoreIsPassedOver) {
  FairQueue<int> queue(1);
  for (int item : {1, 2}) queue.Push("a", item);
  EXPECT_TRUE(queue.Remove("a", 1));
  EXPECT_FALSE(queue.Remove("a", 1));
  EXPECT_FALSE(queue.Remove("b", 1));
  EXPECT_THAT(Entering(&queue, SteadyTime()), ElementsAre(2));
  EXPECT_EQ(queue.waiting(), 0u);
}

TEST(FairQueue, NamesOfFlowsDoNotPileUp) {
  FairQueue<int> queue(4);
  for (int i = 0; i < 1000; ++i) {
    const std::string flow = "flow" + std::to_string(i);
    queue.Push(flow, i);
    Entering(&queue, SteadyTime() + seconds(1));
    queue.Leave(flow, SteadyTime() + seconds(1) + milliseconds(i));
  }
  EXPECT_LE(queue.flows(), FairQueue<int>::kIdleFlowsMax);
}

TEST(FairExecutor, AFullHouseOfOneFlowDelaysAnotherByOneTask) {
  std::atomic<bool> go{false};
  std::vector<std::string> order;
  FairExecutor executor("fair", 1, 8);
  ASSERT_TRUE(executor.TrySubmit("a", [&] { ASSERT_TRUE(Eventually([&] { return go.load(); })); }));
  for (const char* name : {"a1", "a2", "a3", "b1"}) {
    ASSERT_TRUE(Eventually([&] {
      return executor.TrySubmit(std::string(1, name[0]), [&, name] { order.push_back(name); });
    }));
  }
  int more = 0;
  while (executor.TrySubmit("a", [] {})) ++more;
  EXPECT_LE(more, 5);
  std::atomic<bool> done{false};
  go = true;
  ASSERT_TRUE(Eventually([&] { return executor.TrySubmit("c", [&] { done = true; }); }));
  ASSERT_TRUE(Eventually([&] { return done.load(); }));
  ASSERT_EQ(order.size(), 4u);
  EXPECT_EQ(order[0], "b1");
}

// Who goes on, in this order, of those who wait for the one place that `holder` has for a while.
class CpuOrderTest : public ::testing::Test {
 protected:
  using ShareRef = std::shared_ptr<CpuShares::Share>;

  std::vector<std::string> OrderBehind(
      const ShareRef& holder, milliseconds held,
      const std::vector<std::pair<std::string, ShareRef>>& waiters) {
    std::vector<std::string> order;
    std::vector<std::thread> threads;
    {
      const auto turn = Turn::Take(CallContext(), holder);
      EXPECT_TRUE(turn.ok());
      for (const auto& [name, share] : waiters) {
        threads.emplace_back([&, name = name, share = share] {
          const auto mine = Turn::Take(CallContext(), share);
          EXPECT_TRUE(mine.ok());
          order.push_back(name);  // One place: nobody else is here.
        });
        EXPECT_TRUE(Eventually([&] { return cpus_.waiting() == threads.size(); }));
      }
      std::this_thread::sleep_for(held);
    }
    for (std::thread& thread : threads) thread.join();
    return order;
  }

  CpuShares cpus_{1};
};

TEST_F(CpuOrderTest, TheTenantThatHadLeastAndItsOldestQueryGoOn) {
  const auto first = cpus_.Join("greedy"), second = cpus_.Join("greedy"),
             third = cpus_.Join("greedy"), modest = cpus_.Join("modest");
  EXPECT_THAT(
      OrderBehind(first, milliseconds(20),
                  {{"third", third}, {"first", first}, {"second", second}, {"modest", modest}}),
      ElementsAre("modest", "first", "second", "third"));
}

TEST_F(CpuOrderTest, AQueryThatHadLongWaitsBehindTheOthersButNotForEver) {
  const auto old = cpus_.Join("a"), one = cpus_.Join("a"), two = cpus_.Join("a"),
             three = cpus_.Join("a");
  EXPECT_THAT(OrderBehind(old, milliseconds(260), {{"old", old}, {"one", one}, {"two", two}}),
              ElementsAre("one", "two", "old"));
  // Counted from 0, turns 4, 8 and 12 are the oldest one's.
  EXPECT_THAT(OrderBehind(three, milliseconds(0),
                          {{"one", one}, {"two", two}, {"old", old}, {"three", three}}),
              ElementsAre("one", "two", "three", "old"));
  EXPECT_THAT(OrderBehind(three, milliseconds(0), {{"one", one}}), ElementsAre("one"));
  EXPECT_THAT(OrderBehind(three, milliseconds(0), {{"two", two}, {"old", old}}),
              ElementsAre("old", "two"));
}

TEST(CpuShares, ATenantThatJustComputedFindsAPlace) {
  CpuShares cpus(2);
  const auto one = cpus.Join("greedy"), two = cpus.Join("greedy");
  auto first = Turn::Take(CallContext(), one);
  auto second = Turn::Take(CallContext(), two);
  ASSERT_TRUE(first.ok() && second.ok());  // Alone it has both.
  second->Give();
  const auto modest = cpus.Join("modest");
  const CallContext brief = CallContext().WithTimeout(milliseconds(1));
  EXPECT_THAT(Turn::Take(brief, two).status(), StatusIs(StatusCode::kDeadlineExceeded));
  EXPECT_TRUE(Turn::Take(brief, modest).ok());
}

TEST(CpuShares, ATenantThatDoesNotComputeLeavesItsPlaceToOthers) {
  CpuShares cpus(2);
  const auto one = cpus.Join("greedy"), two = cpus.Join("greedy"), idle = cpus.Join("idle");
  auto first = Turn::Take(CallContext(), one);
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(
      Eventually([&] { return Turn::Take(CallContext().WithTimeout(milliseconds(1)), two).ok(); }));
}

TEST(CpuShares, NewcomersDoNotPayForThePastNorSaveUp) {
  CpuShares cpus(1);
  const auto old = cpus.Join("old");
  {
    const auto turn = Turn::Take(CallContext(), old);
    std::this_thread::sleep_for(milliseconds(20));
  }
  // As if it had computed as much: after 5 ms of its own the other one is next.
  const auto fresh = cpus.Join("fresh");
  {
    const auto turn = Turn::Take(CallContext(), fresh);
    std::this_thread::sleep_for(milliseconds(5));
  }
  std::vector<std::string> order;
  std::vector<std::thread> threads;
  {
    const auto both = Turn::Take(CallContext(), cpus.Join("third"));
    for (const auto& [name, share] : {std::pair("fresh", fresh), std::pair("old", old)}) {
      threads.emplace_back([&, name = name, share = share] {
        const auto mine = Turn::Take(CallContext(), share);
        order.push_back(name);
      });
      ASSERT_TRUE(Eventually([&] { return cpus.waiting() == threads.size(); }));
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(order, ElementsAre("old", "fresh"));
}

TEST(CpuShares, WhoWaitsSeesThatItIsCancelled) {
  CpuShares cpus(1);
  const auto share = cpus.Join("a");
  auto turn = Turn::Take(CallContext(), share);
  const CallContext leaves = CallContext().WithCancel();
  std::thread thread(
      [&] { EXPECT_THAT(Turn::Take(leaves, share).status(), StatusIs(StatusCode::kCancelled)); });
  ASSERT_TRUE(Eventually([&] { return cpus.waiting() == 1; }));
  leaves.Cancel();
  thread.join();
  EXPECT_EQ(cpus.waiting(), 0u);
  turn->Give();
  EXPECT_TRUE(Turn::Take(CallContext(), share).ok());
}

TEST(CpuShares, ManyThreadsNeverExceedThePlaces) {
  CpuShares cpus(3);
  std::atomic<int> inside{0}, most{0}, done{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&, i] {
      const auto share = cpus.Join("tenant" + std::to_string(i % 4));
      for (int n = 0; n < 200; ++n) {
        const auto turn = Turn::Take(CallContext(), share);
        const int now = ++inside;
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --inside;
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), 3);
  EXPECT_EQ(done.load(), 2400);
}

}  // namespace
}  // namespace thanos::base
