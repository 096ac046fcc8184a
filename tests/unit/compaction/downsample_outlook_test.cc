#include "compaction/downsample_outlook.h"

#include <gtest/gtest.h>

namespace thanos::compaction {
namespace {

using downsampling::kResolution1hMs;
using downsampling::kResolution5mMs;
using Resolutions = std::vector<int64_t>;
constexpr int64_t kHour = 3'600'000;
constexpr int64_t kDay = 24 * kHour;

class DownsampleOutlookTest : public ::testing::Test {
 protected:
  MetaRef Add(int64_t min_ms, int64_t max_ms, int64_t resolution_ms = 0,
              std::vector<base::Ulid> sources = {}) {
    auto meta = std::make_shared<block::BlockMeta>();
    meta->ulid = base::Ulid::Make(++made_);
    meta->min_ms = min_ms;
    meta->max_ms = max_ms;
    meta->thanos.labels = {{"c", "a"}};
    meta->thanos.resolution_ms = resolution_ms;
    meta->compaction.sources = sources.empty() ? std::vector{meta->ulid} : std::move(sources);
    metas_[meta->ulid] = meta;
    return meta;
  }
  // The blocks of a resolution out of `span`-long ones, `count` of them from 0 on.
  MetaList Run(size_t count, int64_t span, int64_t resolution_ms = 0) {
    MetaList run;
    for (size_t i = 0; i < count; ++i) {
      const auto begin = static_cast<int64_t>(i) * span;
      run.push_back(Add(begin, begin + span, resolution_ms));
    }
    return run;
  }
  Resolutions Of(const MetaList& plan) {
    block::BlockMeta made = *SimulateResult(plan);
    made.ulid = base::Ulid::Make(++made_);
    made.compaction.sources.clear();
    for (const MetaRef& meta : plan) {
      made.compaction.sources.insert(made.compaction.sources.end(),
                                     meta->compaction.sources.begin(),
                                     meta->compaction.sources.end());
    }
    const std::vector<int64_t> ranges(std::begin(kRangesMs), std::end(kRangesMs));
    return DownsampleOutlook(metas_, ranges, {}, no_downsample_).ResolutionsOf(made, plan);
  }
  int64_t made_ = 0;
  MetaMap metas_;
  UlidSet no_downsample_;
};

TEST_F(DownsampleOutlookTest, WhatIsLongEnoughAndStaysAsItIs) {
  const MetaList plan = Run(6, 8 * kHour);
  Add(2 * kDay, 2 * kDay + 2 * kHour);
  EXPECT_EQ(Of(plan), Resolutions{kResolution5mMs});
}

TEST_F(DownsampleOutlookTest, NothingOfShortBlocks) {
  const MetaList plan = Run(4, 2 * kHour);
  Add(8 * kHour, 10 * kHour);
  EXPECT_TRUE(Of(plan).empty());
}

// Two weeks are there already: the block of two days is merged again in this iteration.
TEST_F(DownsampleOutlookTest, NothingOfWhatIsMergedFurther) {
  const MetaList plan = Run(6, 8 * kHour);
  for (int i = 1; i < 7; ++i) Add(i * 2 * kDay, (i + 1) * 2 * kDay);
  Add(14 * kDay, 14 * kDay + 2 * kHour);
  EXPECT_TRUE(Of(plan).empty());
}

TEST_F(DownsampleOutlookTest, NothingOfWhatBlocksOfTheResolutionCover) {
  const MetaList plan = Run(7, 2 * kDay);
  Add(14 * kDay, 14 * kDay + 2 * kHour);
  MetaRef coarse;
  for (const MetaRef& meta : plan) {
    coarse = Add(meta->min_ms, meta->max_ms, kResolution5mMs, {meta->ulid});
  }
  EXPECT_TRUE(Of(plan).empty());
  no_downsample_ = {coarse->ulid};  // Covers nothing.
  // What comes out overlaps the other blocks of its resolution: it is not the end of it there.
  EXPECT_EQ(Of(plan), Resolutions{kResolution5mMs});
}

TEST_F(DownsampleOutlookTest, BothResolutionsOfTwoWeeks) {
  const MetaList plan = Run(7, 2 * kDay);
  Add(14 * kDay, 14 * kDay + 2 * kHour);
  EXPECT_EQ(Of(plan), (Resolutions{kResolution5mMs, kResolution1hMs}));
}

TEST_F(DownsampleOutlookTest, OneHourOfFiveMinutes) {
  const MetaList plan = Run(7, 2 * kDay, kResolution5mMs);
  Add(14 * kDay, 16 * kDay, kResolution5mMs);
  EXPECT_EQ(Of(plan), Resolutions{kResolution1hMs});
  const MetaList hours = Run(7, 2 * kDay, kResolution1hMs);
  EXPECT_TRUE(Of(hours).empty());
}

}  // namespace
}  // namespace thanos::compaction
