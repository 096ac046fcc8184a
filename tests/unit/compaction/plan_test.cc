#include "compaction/plan.h"

#include <filesystem>
#include <fstream>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/vectors.h"

namespace thanos::compaction {
namespace {

constexpr int64_t kHour = 3'600'000;

// A ULID whose order is that of `n`.
base::Ulid Id(uint64_t n) {
  char text[27];
  std::snprintf(text, sizeof text, "01%024llu", static_cast<unsigned long long>(n));
  return *base::Ulid::Parse(text);
}

MetaRef Meta(uint64_t id, int64_t min_ms, int64_t max_ms) {
  auto meta = std::make_shared<block::BlockMeta>();
  meta->ulid = Id(id);
  meta->min_ms = min_ms;
  meta->max_ms = max_ms;
  meta->compaction.sources = {meta->ulid};
  return meta;
}

MetaList Hours(std::initializer_list<std::pair<int, int>> spans) {
  MetaList metas;
  for (const auto& [from, to] : spans) {
    metas.push_back(Meta(metas.size() + 1, from * kHour, to * kHour));
  }
  return metas;
}

std::vector<size_t> Positions(const MetaList& metas, const MetaList& plan) {
  std::vector<size_t> out;
  for (const MetaRef& chosen : plan) {
    for (size_t i = 0; i < metas.size(); ++i) {
      if (metas[i] == chosen) out.push_back(i);
    }
  }
  return out;
}

TEST(PlanCompaction, EqualsThePlansOfGoThanos) {
  const std::string path = testing::SharedPath("fixtures/plans/plans.jsonl");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "../shared/fixtures is absent: skipped";
  std::ifstream file(path);
  size_t cases = 0;
  for (std::string line; std::getline(file, line); ++cases) {
    const auto one = nlohmann::json::parse(line);
    MetaList metas;
    for (const auto& given : one["metas"]) {
      auto meta = std::make_shared<block::BlockMeta>();
      meta->ulid = Id(given["id"].get<uint64_t>());
      meta->min_ms = given["min_time"];
      meta->max_ms = given["max_time"];
      meta->compaction.failed = given.value("failed", false);
      meta->stats.tombstones = given.value("tombstones", uint64_t{0});
      meta->stats.series = given.value("series", uint64_t{0});
      metas.push_back(std::move(meta));
    }
    std::vector<uint64_t> expected, got;
    for (const auto& id : one["plan"]) expected.push_back(id);
    const std::vector<int64_t> ranges = one["ranges_ms"];
    for (const MetaRef& meta : PlanCompaction(ranges, metas, {})) {
      got.push_back(std::stoull(meta->ulid.ToString().substr(2)));
    }
    ASSERT_EQ(got, expected) << "case " << cases << ": " << line;
  }
  EXPECT_EQ(cases, 2000u);
}

TEST(PlanCompaction, NoCompactMarksSplitAWindow) {
  const MetaList metas = Hours({{0, 2}, {2, 4}, {4, 6}, {6, 8}, {8, 10}});
  using Positions_ = std::vector<size_t>;
  EXPECT_EQ(Positions(metas, PlanCompaction(kRangesMs, metas, {})), (Positions_{0, 1, 2, 3}));
  EXPECT_EQ(Positions(metas, PlanCompaction(kRangesMs, metas, {Id(1)})), (Positions_{1, 2, 3}));
  EXPECT_EQ(Positions(metas, PlanCompaction(kRangesMs, metas, {Id(2)})), (Positions_{2, 3}));
  EXPECT_EQ(Positions(metas, PlanCompaction(kRangesMs, metas, {Id(2), Id(3)})), Positions_{});
  // A marked newest block stands for itself: the others are planned as before.
  EXPECT_EQ(Positions(metas, PlanCompaction(kRangesMs, metas, {Id(5)})), (Positions_{0, 1, 2, 3}));
}

TEST(PlanCompaction, OverlapsComeFirstUnlessMarked) {
  const MetaList metas = Hours({{0, 2}, {1, 3}, {8, 10}, {10, 12}, {16, 18}, {18, 20}});
  EXPECT_EQ(Positions(metas, PlanCompaction(kRangesMs, metas, {})), (std::vector<size_t>{0, 1}));
  EXPECT_EQ(Positions(metas, PlanCompaction(kRangesMs, metas, {Id(2)})),
            (std::vector<size_t>{2, 3}));
}

TEST(SmallerPlans, NeighboursMoreThanHalfOfThem) {
  const MetaList five = Hours({{0, 2}, {2, 4}, {4, 6}, {6, 8}, {8, 10}});
  std::vector<std::vector<size_t>> got;
  for (const MetaList& plan : SmallerPlans(five)) got.push_back(Positions(five, plan));
  const std::vector<std::vector<size_t>> want = {
      {0, 1, 2, 3}, {1, 2, 3, 4}, {0, 1, 2}, {1, 2, 3}, {2, 3, 4}};
  EXPECT_EQ(got, want);
  EXPECT_EQ(SmallerPlans(Hours({{0, 2}, {2, 4}, {4, 6}})).size(), 2u);
  EXPECT_TRUE(SmallerPlans(Hours({{0, 2}, {2, 4}})).empty());
  EXPECT_TRUE(SmallerPlans(Hours({{0, 2}})).empty());
  EXPECT_TRUE(SmallerPlans({}).empty());
}

TEST(SmallerPlans, OfOverlapsTheFirstOnesThatStillOverlap) {
  const MetaList metas = Hours({{0, 10}, {1, 3}, {4, 6}, {5, 7}});
  const auto plans = SmallerPlans(metas);
  ASSERT_EQ(plans.size(), 1u);
  EXPECT_EQ(Positions(metas, plans[0]), (std::vector<size_t>{0, 1, 2}));
}

// Whatever the disk allows each time, it ends: each step leaves fewer blocks, and none overlap that
// did not before.
TEST(SmallerPlans, NoChoiceOfThemIsPlannedForEver) {
  for (uint32_t seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    MetaList metas;
    int64_t t = 0;
    for (uint64_t i = 0; i < 30; ++i) {
      const int64_t length = 2 * kHour * (1 + random() % 2 * 3);
      if (random() % 5 > 0) metas.push_back(Meta(i, t, t + length));
      t += length;
    }
    while (true) {
      const MetaList plan = PlanCompaction(kRangesMs, metas, {});
      if (plan.empty()) break;
      std::vector<MetaList> choices = SmallerPlans(plan);
      choices.push_back(plan);
      const size_t before = metas.size();
      const MetaList& chosen = choices[random() % choices.size()];
      ReplacePlanned(chosen, SimulateResult(chosen), &metas);
      ASSERT_LT(metas.size(), before);
      ASSERT_TRUE(FindOverlap(metas).empty());
    }
  }
}

TEST(MakeGroups, SplitsByLabelsAndResolutionAndSortsByTime) {
  MetaMap metas;
  const auto add = [&](uint64_t id, int64_t hour, const char* cluster, int64_t resolution) {
    auto meta = std::make_shared<block::BlockMeta>(*Meta(id, hour * kHour, (hour + 2) * kHour));
    meta->thanos.labels = {{"cluster", cluster}};
    meta->thanos.resolution_ms = resolution;
    metas[meta->ulid] = meta;
  };
  add(1, 4, "a", 0);
  add(2, 0, "a", 0);
  add(3, 0, "b", 0);
  add(4, 0, "a", 300000);
  const auto groups = MakeGroups(metas);
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_TRUE(std::is_sorted(groups.begin(), groups.end(),
                             [](const Group& a, const Group& b) { return a.key < b.key; }));
  size_t found = 0;
  for (const Group& group : groups) {
    if (group.labels != Labels::Of({{"cluster", "a"}}) || group.resolution_ms != 0) continue;
    ++found;
    ASSERT_EQ(group.metas.size(), 2u);
    EXPECT_EQ(group.metas[0]->ulid, Id(2));
    EXPECT_EQ(group.metas[1]->ulid, Id(1));
  }
  EXPECT_EQ(found, 1u);
}

TEST(CommonExtensions, KeepsWhatAllHave) {
  const auto with = [](const char* json) {
    auto meta = std::make_shared<block::BlockMeta>();
    meta->thanos.extensions_json = json;
    return meta;
  };
  EXPECT_EQ(CommonExtensions({with(R"({"t":1,"x":2})"), with(R"({"t":5,"y":2})")}), R"({"t":1})");
  EXPECT_EQ(CommonExtensions({with(R"({"t":1})"), with("")}), "");
  EXPECT_EQ(CommonExtensions({with(R"({"t":1})"), with(R"([1])")}), "");
  EXPECT_EQ(CommonExtensions({with(R"({"t":1})"), with(R"({"u":1})")}), "");
  const std::string deep = "{\"t\":" + std::string(9000, '[') + std::string(9000, ']') + "}";
  EXPECT_EQ(CommonExtensions({with(deep.c_str()), with(deep.c_str())}), "");
}

}  // namespace
}  // namespace thanos::compaction
