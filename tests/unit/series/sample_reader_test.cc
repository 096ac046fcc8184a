#include "series/sample_reader.h"

#include <gtest/gtest.h>

#include "series/batch_builder.h"
#include "series/dedup.h"
#include "support/start_time_chunks.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::series {
namespace {

using Times = std::vector<int64_t>;

ChunkPart PartOf(const std::string& data) {
  return {Aggr::kRaw, ChunkEncoding::kXor2, 0, std::as_bytes(std::span<const char>(data))};
}

class StartTimesTest : public ::testing::Test {
 protected:
  // Samples at 10, 20, … with their start times; the chunks of all lists in one series.
  void Add(int64_t first, const std::vector<int64_t>& st) {
    Times t;
    std::vector<double> v;
    for (size_t i = 0; i < st.size(); ++i) {
      t.push_back(first + 10 * static_cast<int64_t>(i));
      v.push_back(static_cast<double>(t.back()));
    }
    data_.push_back(testing::EncodeXor2(t, v, st));
    ranges_.emplace_back(t.front(), t.back());
  }

  chunk::Columns Read(const ReadOptions& options) {
    BatchBuilder builder;
    builder.BeginSeries(Labels::Of({{"__name__", "m"}}));
    for (size_t i = 0; i < data_.size(); ++i) {
      const ChunkPart part = PartOf(data_[i]);
      builder.AddChunk(ranges_[i].first, ranges_[i].second, 0, {&part, 1});
    }
    builder.EndSeries();
    const auto batch = builder.Build(nullptr);
    EXPECT_THAT(batch, testing::IsOk());
    SampleReader reader;
    chunk::Columns columns;
    EXPECT_THAT(reader.Read((*batch)->series()[0], options, &columns), testing::IsOk());
    return columns;
  }

  std::vector<std::string> data_;
  std::vector<std::pair<int64_t, int64_t>> ranges_;
};

TEST_F(StartTimesTest, StayWithTheirSamplesWhenTrimmed) {
  Add(10, {1, 12, 0, 31});
  const chunk::Columns columns = Read({.min_ms = 20, .max_ms = 30});
  EXPECT_EQ(columns.t, (Times{20, 30}));
  EXPECT_EQ(columns.st, (Times{12, 0}));
}

TEST_F(StartTimesTest, StayWithTheirSamplesWhereChunksOverlap) {
  Add(10, {1, 11, 21});
  Add(20, {12, 22, 32});  // 20 and 30 were seen.
  const chunk::Columns columns = Read({});
  EXPECT_EQ(columns.t, (Times{10, 20, 30, 40}));
  EXPECT_EQ(columns.st, (Times{1, 11, 21, 32}));
}

TEST_F(StartTimesTest, ComeFromTheReplicaWhoseSampleIsTaken) {
  Add(10, {5, 15, 25});
  Add(15, {3, 13, 23});
  const chunk::Columns merged = Read({.dedup = DedupAlgorithm::kChain});
  EXPECT_EQ(merged.t, (Times{10, 15, 20, 25, 30, 35}));
  EXPECT_EQ(merged.st, (Times{5, 3, 15, 13, 25, 23}));
  const chunk::Columns penalty = Read({.dedup = DedupAlgorithm::kPenalty});
  ASSERT_EQ(penalty.st.size(), penalty.t.size());
  for (size_t i = 0; i < penalty.t.size(); ++i) {
    EXPECT_EQ(penalty.st[i], penalty.t[i] % 10 == 0 ? penalty.t[i] - 5 : penalty.t[i] - 12);
  }
}

}  // namespace
}  // namespace thanos::series
