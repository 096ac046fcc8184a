#include "compaction/retention.h"

#include <gtest/gtest.h>

#include "compaction/progress.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::compaction {
namespace {

constexpr int64_t kHour = 3'600'000, kDay = 24 * kHour, kNow = 20'000 * kDay;
constexpr int64_t kFive = 300'000, kOne = 3'600'000;

class RetentionTest : public ::testing::Test {
 protected:
  base::Ulid Add(int64_t age_days, int64_t resolution_ms, std::vector<base::Ulid> sources = {},
                 const std::string& cluster = "a") {
    auto meta = std::make_shared<block::BlockMeta>();
    meta->ulid = base::Ulid::Make(++next_);
    meta->max_ms = kNow - age_days * kDay;
    meta->min_ms = meta->max_ms - 2 * kDay;
    meta->thanos.resolution_ms = resolution_ms;
    meta->thanos.labels = {{"cluster", cluster}};
    meta->compaction.sources = sources.empty() ? std::vector{meta->ulid} : std::move(sources);
    metas_[meta->ulid] = meta;
    return meta->ulid;
  }
  UlidSet Ids(const MetaList& list) const {
    UlidSet ids;
    for (const MetaRef& meta : list) ids.insert(meta->ulid);
    return ids;
  }
  ExpiredBlocks Find(const Retention& retention, bool downsampled, const UlidSet& marked = {}) {
    return FindExpired(metas_, retention, kNow, downsampled, marked);
  }
  int64_t next_ = 0;
  MetaMap metas_;
};

TEST_F(RetentionTest, EachResolutionHasItsOwnEnd) {
  const auto raw = Add(20, 0), five = Add(20, kFive), one = Add(20, kOne);
  Add(5, 0);
  EXPECT_EQ(Ids(Find({.raw_ms = 10 * kDay}, false).expired), UlidSet{raw});
  EXPECT_EQ(Ids(Find({.five_minutes_ms = 10 * kDay}, false).expired), UlidSet{five});
  EXPECT_EQ(Ids(Find({.one_hour_ms = 10 * kDay}, false).expired), UlidSet{one});
  EXPECT_TRUE(Find({}, false).expired.empty());
  // At the very end it is not past yet.
  EXPECT_TRUE(Find({.raw_ms = 20 * kDay}, false).expired.empty());
  EXPECT_EQ(Find({.raw_ms = 20 * kDay - 1}, false).expired.size(), 1u);
}

TEST_F(RetentionTest, WhatIsNotDownsampledYetIsHeldBack) {
  const auto covered = Add(20, 0), bare = Add(20, 0), marked = Add(20, 0);
  Add(20, kFive, {covered});
  Add(20, kFive, {bare}, "another cluster");
  const ExpiredBlocks found = Find({.raw_ms = 10 * kDay}, true, {marked});
  EXPECT_EQ(Ids(found.expired), (UlidSet{covered, marked}));
  EXPECT_EQ(Ids(found.held_back), UlidSet{bare});
  // Where the coarser data would be past its time too, nothing is waited for.
  const Retention short_ones{10 * kDay, 15 * kDay, 16 * kDay};
  EXPECT_EQ(Find(short_ones, true).held_back.size(), 0u);
  EXPECT_EQ(Find({.raw_ms = 10 * kDay, .five_minutes_ms = 30 * kDay}, true).held_back.size(), 2u);
}

TEST_F(RetentionTest, CoverMayComeFromSeveralBlocks) {
  const auto a = base::Ulid::Make(900), b = base::Ulid::Make(901);
  const auto both = Add(20, 0, {a, b});
  Add(20, kFive, {a});
  EXPECT_EQ(Ids(Find({.raw_ms = kDay}, true).held_back), UlidSet{both});
  Add(20, kFive, {b});
  EXPECT_EQ(Ids(Find({.raw_ms = kDay}, true).expired), UlidSet{both});
}

TEST(EstimateProgress, CountsWhatAnIterationWouldDo) {
  MetaMap metas;
  for (int i = 0; i < 25; ++i) {
    auto meta = std::make_shared<block::BlockMeta>();
    meta->ulid = base::Ulid::Make(i + 1);
    meta->min_ms = i * 2 * kHour;
    meta->max_ms = (i + 1) * 2 * kHour;
    meta->compaction.sources = {meta->ulid};
    metas[meta->ulid] = meta;
  }
  const ProgressInput input{.metas = &metas,
                            .ranges_ms = {std::begin(kRangesMs), std::end(kRangesMs)},
                            .retention = {.raw_ms = kDay}};
  THANOS_ASSERT_OK_AND_ASSIGN(const Progress progress, EstimateProgress(input, 2 * kDay));
  EXPECT_EQ(progress.compactions, 7u);  // Six of 8 h, one of 2 d.
  EXPECT_EQ(progress.compaction_blocks, 24u + 6);
  EXPECT_EQ(progress.downsample_blocks, 0u);
  EXPECT_EQ(progress.deletion_blocks, 0u);  // Held back: nothing is downsampled.
}

}  // namespace
}  // namespace thanos::compaction
