#include "series/replica_source.h"

#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "model/histogram.h"
#include "series/dedup.h"
#include "series/sample_reader.h"
#include "support/memory_source.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::series {
namespace {

using testing::IsOk;
using testing::StatusIs;

constexpr int64_t kStep = 15000;

class ReplicaSourceTest : public ::testing::Test {
 protected:
  void Add(const Labels& labels, int64_t offset, int count, double first) {
    auto& samples = source_->At(labels);
    for (int i = 0; i < count; ++i) {
      samples.t.push_back(offset + i * kStep);
      samples.v.push_back(first + i);
    }
  }
  // Sources of the chunks of each series, and its samples once merged.
  Status Read(const SelectRequest& request) {
    sources_.clear();
    samples_.clear();
    const auto source = SeparateReplicas(source_, {.replicas_max = 6});
    THANOS_ASSIGN_OR_RETURN(const auto cursor, source->Select(CallContext(), request));
    cursor->Start();
    while (true) {
      THANOS_ASSIGN_OR_RETURN(const SeriesBatchRef batch, cursor->Next());
      if (!batch) return OkStatus();
      for (const SeriesView& series : batch->series()) {
        const std::string name = series.labels.ToString();
        for (const ChunkView& chunk : series.chunks) sources_[name].insert(chunk.source);
        SampleReader reader;
        THANOS_RETURN_IF_ERROR(
            reader.Read(series, {.dedup = DedupAlgorithm::kSteady}, &samples_[name]));
      }
    }
  }
  static SelectRequest Without(std::vector<std::string> labels) {
    SelectRequest request;
    request.min_ms = INT64_MIN;
    request.max_ms = INT64_MAX;
    request.without_labels = std::move(labels);
    return request;
  }

  std::shared_ptr<testing::MemorySource> source_ = std::make_shared<testing::MemorySource>();
  std::map<std::string, std::set<uint32_t>> sources_;
  std::map<std::string, chunk::Columns> samples_;
};

TEST_F(ReplicaSourceTest, ReplicasStayApartAndWhoLacksTheLabelIsThereToo) {
  Add(Labels::Of({{"a", "1"}, {"replica", "x"}}), 0, 300, 0);
  Add(Labels::Of({{"a", "1"}, {"replica", "y"}}), 5000, 300, 0);
  Add(Labels::Of({{"a", "2"}, {"replica", "y"}}), 0, 10, 0);
  Add(Labels::Of({{"a", "3"}}), 0, 10, 0);
  ASSERT_THAT(Read(Without({"replica"})), IsOk());
  ASSERT_EQ(sources_.size(), 3u);
  EXPECT_EQ(sources_["{a=\"1\"}"].size(), 2u);
  EXPECT_EQ(sources_["{a=\"2\"}"].size(), 1u);
  // Steady: the one that begins first is followed to its end.
  EXPECT_EQ(samples_["{a=\"1\"}"].t.front(), 0);
  EXPECT_EQ(samples_["{a=\"1\"}"].t.size(), 300u);
  EXPECT_EQ(samples_["{a=\"3\"}"].t.size(), 10u);
}

TEST_F(ReplicaSourceTest, OfSeveralLabelsOnlyWhatOccursIsAskedFor) {
  for (const char* replica : {"x", "y"}) {
    Add(Labels::Of({{"a", "1"}, {"cluster", replica}, {"replica", replica}}), 0, 3, 0);
  }
  ASSERT_THAT(Read(Without({"cluster", "replica"})), IsOk());
  EXPECT_EQ(sources_.size(), 1u);
  EXPECT_EQ(source_->selects(), 5u);  // x with x, x without, y with y, y without, neither.
  Add(Labels::Of({{"a", "1"}, {"cluster", "z"}, {"replica", "z"}}), 0, 3, 0);
  EXPECT_THAT(Read(Without({"cluster", "replica"})), StatusIs(StatusCode::kResourceExhausted));
}

TEST_F(ReplicaSourceTest, WithoutReplicaLabelsTheSourceIsAskedOnce) {
  Add(Labels::Of({{"a", "1"}}), 0, 3, 0);
  ASSERT_THAT(Read(Without({})), IsOk());
  EXPECT_EQ(source_->selects(), 1u);
}

chunk::Columns Merge(const std::vector<chunk::Columns>& replicas, bool counter) {
  std::vector<const chunk::Columns*> pointers;
  for (const auto& replica : replicas) pointers.push_back(&replica);
  chunk::Columns out;
  SteadyMerge(pointers, counter, &out);
  return out;
}

TEST(SteadyMergeTest, SwitchesAtTheFirstMissingSampleAndStaysThere) {
  chunk::Columns a, b;
  for (int i = 0; i < 20; ++i) {
    if (i < 8 || i > 9) a.t.push_back(i * kStep);
    b.t.push_back(i * kStep + 1000);
  }
  a.v.resize(a.t.size(), 1);
  b.v.resize(b.t.size(), 2);
  const chunk::Columns merged = Merge({a, b}, false);
  ASSERT_EQ(merged.t.size(), 20u);
  for (size_t i = 0; i < 20; ++i) EXPECT_EQ(merged.v[i], i < 8 ? 1 : 2) << i;
}

TEST(SteadyMergeTest, AnIntervalThatChangesIsNoGap) {
  chunk::Columns a, b;
  int64_t t = 0;
  for (int i = 0; i < 40; ++i, t += i < 25 ? 15000 : 60000) {
    a.t.push_back(t);
    b.t.push_back(t + 7000);
  }
  a.v.resize(40, 1);
  b.v.resize(40, 2);
  const chunk::Columns merged = Merge({a, b}, false);
  // Where the pace changes one sample may come from the other one; the pace itself stays.
  EXPECT_LE(std::count(merged.v.begin(), merged.v.end(), 2.0), 15);
  EXPECT_LE(merged.t.size(), 42u);
}

TEST(SteadyMergeTest, AStaleMarkerIsKeptUnlessAnotherReplicaGoesOn) {
  const double stale = std::bit_cast<double>(model::kStaleNanBits);
  chunk::Columns a, b;
  a.t = {0, 15000, 30000, 45000};
  a.v = {1, 1, 1, stale};
  EXPECT_TRUE(model::IsStaleNan(Merge({a, b}, false).v.back()));
  b.t = {2000, 17000, 32000, 47000, 62000};
  b.v = {2, 2, 2, 2, 2};
  const chunk::Columns merged = Merge({a, b}, false);
  EXPECT_EQ(merged.t, (std::vector<int64_t>{0, 15000, 30000, 47000, 62000}));
}

TEST(SteadyMergeTest, ACounterThatLagsDoesNotFall) {
  chunk::Columns a, b;
  a.t = {0, 15000, 30000};
  a.v = {100, 110, 120};
  b.t = {8000, 23000, 38000, 53000, 68000};
  b.v = {101, 109, 119, 125, 135};
  EXPECT_EQ(Merge({a, b}, true).v, (std::vector<double>{100, 110, 120, 125, 135}));
  EXPECT_EQ(Merge({a, b}, false).v, (std::vector<double>{100, 110, 120, 119, 125, 135}));
  b.v = {101, 109, 3, 4, 5};  // A reset, and b shows it.
  EXPECT_EQ(Merge({a, b}, true).v, (std::vector<double>{100, 110, 120, 3, 4, 5}));
}

}  // namespace
}  // namespace thanos::series
