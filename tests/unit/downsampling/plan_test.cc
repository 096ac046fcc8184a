#include "downsampling/plan.h"

#include <gtest/gtest.h>

#include "thanos/testing/status_matchers.h"

namespace thanos::downsampling {
namespace {

using ::thanos::testing::StatusIs;
constexpr int64_t kHour = 3'600'000;

base::Ulid Id(int n) { return *base::Ulid::Parse("01AR000000000000000000000" + std::to_string(n)); }

class PlanTest : public ::testing::Test {
 protected:
  void Add(int n, int64_t resolution_ms, int64_t range_ms, std::vector<int> sources) {
    block::BlockMeta meta;
    meta.ulid = Id(n);
    meta.min_ms = 1000;
    meta.max_ms = 1000 + range_ms;
    meta.thanos.resolution_ms = resolution_ms;
    for (const int source : sources) meta.compaction.sources.push_back(Id(source));
    metas_[meta.ulid] = std::make_shared<const block::BlockMeta>(meta);
  }
  std::vector<DownsampleTask> Plan(const std::set<base::Ulid>& marked = {}) {
    auto plan = DownsamplePlan(metas_, marked);
    EXPECT_TRUE(plan.ok());
    return *plan;
  }
  using Tasks = std::vector<DownsampleTask>;
  bucketblocks::MetaMap metas_;
};

TEST_F(PlanTest, RawBlocksOf40HoursAndFineOnesOf10DaysAreDue) {
  Add(1, 0, 40 * kHour, {1});
  Add(2, 0, 40 * kHour - 1, {2});
  Add(3, kResolution5mMs, 240 * kHour, {3});
  Add(4, kResolution5mMs, 240 * kHour - 1, {4});
  Add(5, kResolution1hMs, 1000 * kHour, {5});
  EXPECT_EQ(Plan(), (Tasks{{Id(1), kResolution5mMs}, {Id(3), kResolution1hMs}}));
}

TEST_F(PlanTest, SourcesThatCoarserBlocksHaveTogetherCover) {
  Add(1, 0, 100 * kHour, {7, 8});
  Add(2, kResolution5mMs, 40 * kHour, {7});
  EXPECT_EQ(Plan(), (Tasks{{Id(1), kResolution5mMs}}));
  Add(3, kResolution5mMs, 40 * kHour, {8});
  EXPECT_EQ(Plan(), Tasks());
}

TEST_F(PlanTest, AFinerBlockIsNotCoveredByTheSameResolution) {
  Add(1, kResolution5mMs, 240 * kHour, {7});
  Add(2, kResolution5mMs, 240 * kHour, {7});
  EXPECT_EQ(Plan().size(), 2u);
}

TEST_F(PlanTest, MarkedBlocksAreNeitherDueNorDoTheyCover) {
  Add(1, 0, 100 * kHour, {7});
  Add(2, kResolution5mMs, 100 * kHour, {7});
  EXPECT_EQ(Plan({Id(1)}), Tasks());
  EXPECT_EQ(Plan({Id(2)}), (Tasks{{Id(1), kResolution5mMs}}));
}

TEST_F(PlanTest, UnknownResolutionsAreRefusedByName) {
  Add(1, 60'000, 100 * kHour, {7});
  const auto plan = DownsamplePlan(metas_, {});
  EXPECT_THAT(plan, StatusIs(StatusCode::kInvalidArgument));
  EXPECT_NE(plan.status().message().find(Id(1).ToString()), std::string::npos);
}

}  // namespace
}  // namespace thanos::downsampling
