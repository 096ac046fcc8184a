#include "tools/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "compaction/plan.h"

namespace thanos::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
constexpr int64_t kHour = 3'600'000, kDay = 24 * kHour;

base::Ulid Id(int n) {
  char text[27];
  std::snprintf(text, sizeof text, "01AR%022d", n);
  return *base::Ulid::Parse(text);
}

class DoctorTest : public ::testing::Test {
 protected:
  DoctorTest() {
    options_.now_ms = 1000 * kDay;
    options_.delete_delay_ms = 2 * kDay;
  }
  void Add(int n, int64_t min_ms, int64_t max_ms, int64_t resolution_ms = 0) {
    block::BlockMeta meta;
    meta.ulid = Id(n);
    meta.min_ms = min_ms;
    meta.max_ms = max_ms;
    meta.compaction.sources = {Id(n)};
    meta.thanos.resolution_ms = resolution_ms;
    const auto ref = std::make_shared<const block::BlockMeta>(meta);
    views_.all.metas[meta.ulid] = ref;
    views_.active.metas[meta.ulid] = ref;
  }
  void Mark(bucketblocks::MarkKind kind, int n, int64_t ago_ms) {
    const bucketblocks::Mark mark{kind, Id(n), (options_.now_ms - ago_ms) / 1000, "because",
                                  kind == bucketblocks::MarkKind::kDeletion ? "" : "manual"};
    for (auto* view : {&views_.all, &views_.active}) {
      if (kind == bucketblocks::MarkKind::kDeletion) view->deletion_marks[Id(n)] = mark;
      if (kind == bucketblocks::MarkKind::kNoCompact) view->no_compact_marks[Id(n)] = mark;
      if (kind == bucketblocks::MarkKind::kNoDownsample) view->no_downsample_marks[Id(n)] = mark;
    }
  }
  BlockDiagnosis Of(int n) {
    diagnosis_ = Diagnose(views_, options_);
    for (const BlockDiagnosis& block : diagnosis_.blocks) {
      if (block.ulid == Id(n)) return block;
    }
    ADD_FAILURE() << "no block " << n;
    return {};
  }
  BucketViews views_;
  DoctorOptions options_;
  BucketDiagnosis diagnosis_;
};

TEST_F(DoctorTest, NamesThePlanAndTheNewestBlock) {
  for (int i = 0; i < 6; ++i) Add(i, i * 2 * kHour, (i + 1) * 2 * kHour);
  EXPECT_THAT(Of(0).compaction,
              ::testing::AllOf(StartsWith("next: with "), HasSubstr(Id(3).ToString())));
  EXPECT_THAT(Of(5).compaction, HasSubstr("newest of its group"));
  EXPECT_THAT(Of(4).compaction, HasSubstr("its window of 2d"));
}

TEST_F(DoctorTest, AnUnfinishedWindowIsNamed) {
  for (int i = 0; i < 3; ++i) Add(i, i * 2 * kHour, (i + 1) * 2 * kHour);
  EXPECT_THAT(Of(0).compaction,
              HasSubstr("its window of 8h up to 1970-01-01T08:00:00Z is not full"));
}

// What the doctor says is next is what the planner plans, whatever the blocks.
TEST_F(DoctorTest, AgreesWithThePlanner) {
  uint64_t seed = 7;
  const auto random = [&seed](uint64_t bound) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return static_cast<int64_t>((seed >> 33) % bound);
  };
  for (int round = 0; round < 300; ++round) {
    views_ = {};
    int64_t at = random(20) * 2 * kHour;
    const int count = 1 + static_cast<int>(random(12));
    for (int i = 0; i < count; ++i) {
      const int64_t range = 2 * kHour * (random(4) == 0 ? 4 : 1);
      Add(i, at, at + range);
      at += range + (random(3) == 0 ? 2 * kHour : 0);
    }
    const auto groups = compaction::MakeGroups(views_.active.metas);
    const auto plan = compaction::PlanCompaction(compaction::kRangesMs, groups[0].metas, {});
    diagnosis_ = Diagnose(views_, options_);
    for (const BlockDiagnosis& block : diagnosis_.blocks) {
      const bool planned = std::any_of(plan.begin(), plan.end(),
                                       [&](const auto& meta) { return meta->ulid == block.ulid; });
      EXPECT_EQ(planned, block.compaction.starts_with("next")) << block.compaction;
      // Without a plan nothing waits for one.
      const bool later = block.compaction.starts_with("later");
      EXPECT_FALSE(plan.empty() && later) << block.compaction;
    }
  }
}

TEST_F(DoctorTest, OverlapsAreProblemsUnlessTheyAreMerged) {
  Add(0, 0, 4 * kHour);
  Add(1, 2 * kHour, 6 * kHour);
  Add(2, 8 * kHour, 10 * kHour);
  EXPECT_THAT(Of(0).problems, ElementsAre(HasSubstr(Id(1).ToString())));
  EXPECT_THAT(Of(2).compaction, HasSubstr("not while blocks of its group overlap"));
  options_.vertical = true;
  EXPECT_TRUE(Of(0).problems.empty());
  EXPECT_THAT(Of(0).compaction, StartsWith("next"));
}

TEST_F(DoctorTest, TellsOfDownsampling) {
  Add(0, 0, 2 * kDay);
  Add(1, 0, 2 * kHour);
  Add(2, 0, 2 * kDay, 300'000);
  Add(3, 0, 20 * kDay);
  Mark(bucketblocks::MarkKind::kNoDownsample, 3, 0);
  EXPECT_EQ(Of(0).downsampling, "next: to 5m");
  EXPECT_EQ(Of(1).downsampling, "not yet: it spans 2h, 1d16h are needed");
  EXPECT_EQ(Of(2).downsampling, "not yet: it spans 2d, 10d are needed");
  EXPECT_THAT(Of(3).downsampling, HasSubstr("no-downsample mark"));
}

TEST_F(DoctorTest, WhatIsNotDownsampledYetDoesNotExpire) {
  options_.retention.raw_ms = 10 * kDay;
  Add(0, 0, 2 * kDay);
  EXPECT_THAT(Of(0).deletion, HasSubstr("must be downsampled first"));
  EXPECT_TRUE(diagnosis_.plan.empty());
  options_.wait_for_downsampled = false;
  EXPECT_THAT(Of(0).deletion, StartsWith("next: it gets a mark"));
  EXPECT_EQ(diagnosis_.plan.size(), 1u);
}

TEST_F(DoctorTest, PlansWhatACompactorWouldDelete) {
  options_.retention.raw_ms = 10 * kDay;
  options_.wait_for_downsampled = false;
  Add(0, 0, 2 * kHour);                        // Expired.
  Add(1, 999 * kDay, 999 * kDay + 2 * kHour);  // Not yet.
  Add(2, 995 * kDay, 995 * kDay + 2 * kHour);  // Marked long ago.
  Add(3, 996 * kDay, 996 * kDay + 2 * kHour);  // Just marked.
  Add(4, 997 * kDay, 997 * kDay + 2 * kHour);  // A duplicate.
  Mark(bucketblocks::MarkKind::kDeletion, 2, 3 * kDay);
  Mark(bucketblocks::MarkKind::kDeletion, 3, kDay);
  views_.active.metas.erase(Id(4));
  views_.active.duplicates = {Id(4)};
  views_.all.partial = {Id(5)};
  EXPECT_THAT(Of(1).deletion, StartsWith("not yet: its retention ends at"));
  EXPECT_THAT(Of(3).deletion, StartsWith("not yet: it is marked (because)"));
  EXPECT_THAT(Of(4).compaction, HasSubstr("have all of its sources"));
  std::vector<std::pair<int, RepairKind>> steps;
  for (const RepairStep& step : diagnosis_.plan) {
    for (int i = 0; i < 6; ++i) {
      if (Id(i) == step.ulid) steps.emplace_back(i, step.kind);
    }
  }
  EXPECT_THAT(steps, ElementsAre(std::pair(0, RepairKind::kMarkExpired),
                                 std::pair(2, RepairKind::kDeleteMarked),
                                 std::pair(4, RepairKind::kMarkDuplicate),
                                 std::pair(5, RepairKind::kDeletePartial)));
  const auto json = nlohmann::json::parse(DiagnosisJson(diagnosis_));
  EXPECT_EQ(json.at("blocks").size(), 6u);
  EXPECT_EQ(json.at("plan")[0].at("step"), "mark expired for deletion");
  EXPECT_THAT(DiagnosisText(diagnosis_), HasSubstr("Repair plan:"));
}

TEST_F(DoctorTest, MarksAndDelaysHideBlocks) {
  Add(0, 0, 2 * kHour);
  Add(1, 2 * kHour, 4 * kHour);
  Mark(bucketblocks::MarkKind::kNoCompact, 0, 0);
  EXPECT_EQ(Of(0).compaction, "no: it has a no-compact mark, manual: because");
  views_.active.metas.erase(Id(1));
  options_.consistency_delay_ms = 1'800'000;
  EXPECT_EQ(Of(1).compaction, "not yet: it is younger than the consistency delay of 30m");
}

}  // namespace
}  // namespace thanos::tools
