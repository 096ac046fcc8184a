// Goal: merging floats over arrays gives, byte for byte, what the general merge of chunks gives.
// Method: random replicas of one series, cut into chunks: jitter, gaps, equal times with equal or
// other values, copies of whole chunks; both ways of merging.
#include "compaction/float_merge.h"

#include <random>

#include <gtest/gtest.h>

#include "block/chunk_merge.h"
#include "chunk/xor.h"
#include "codec/byte_reader.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::compaction {
namespace {

using block::MergeChunk;
using Random = std::mt19937_64;

int64_t Pick(Random& random, int64_t from, int64_t to) {
  return std::uniform_int_distribution<int64_t>(from, to)(random);
}

MergeChunk Encode(const std::vector<std::pair<int64_t, double>>& samples) {
  chunk::XorAppender appender;
  for (const auto& [t, v] : samples) EXPECT_TRUE(appender.Append(t, v));
  return {samples.front().first, samples.back().first, ChunkEncoding::kXor,
          std::string(codec::AsText(appender.bytes()))};
}

// One replica's chunks. Values tell replicas apart where `own` says so.
std::vector<MergeChunk> Replica(Random& random, int64_t interval, bool own) {
  std::vector<MergeChunk> chunks;
  int64_t t = Pick(random, -3, 3) * interval + Pick(random, 0, 1) * Pick(random, 0, interval);
  const int64_t jitter = Pick(random, 0, 2) == 0 ? interval / 4 : 0;
  const auto count = Pick(random, 1, 5);
  for (int64_t c = 0; c < count; ++c) {
    std::vector<std::pair<int64_t, double>> samples;
    const auto size = Pick(random, 1, 40);
    for (int64_t i = 0; i < size; ++i) {
      const double v = own ? static_cast<double>(Pick(random, 0, 5)) : static_cast<double>(t % 7);
      samples.emplace_back(t, v);
      t += interval + (jitter > 0 ? Pick(random, 0, jitter) : 0);
      if (Pick(random, 0, 30) == 0) t += Pick(random, 1, 20) * interval;
    }
    chunks.push_back(Encode(samples));
  }
  return chunks;
}

std::vector<std::vector<MergeChunk>> RandomLists(Random& random) {
  const int64_t intervals[] = {1, 1000, 15000, 60000};
  const int64_t interval = intervals[Pick(random, 0, 3)];
  const bool own = Pick(random, 0, 1) == 1;
  std::vector<std::vector<MergeChunk>> lists;
  const auto count = Pick(random, 2, 4);
  for (int64_t i = 0; i < count; ++i) {
    if (i > 0 && Pick(random, 0, 4) == 0) {
      lists.push_back(lists[0]);  // An exact copy.
    } else {
      lists.push_back(Replica(random, interval, own));
    }
  }
  return lists;
}

class FloatMergeTest : public ::testing::TestWithParam<block::OverlapMerge> {};

TEST_P(FloatMergeTest, EqualsTheGeneralMerge) {
  FloatMerger merger(GetParam());
  ChunkArena arena;
  size_t merged_anew = 0;
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    Random random(seed);
    const auto lists = RandomLists(random);
    THANOS_ASSERT_OK_AND_ASSIGN(const auto want, block::MergeSeriesChunks(lists, GetParam()));
    arena.Reset();
    std::vector<std::vector<HeldChunk>> held;
    for (const auto& list : lists) {
      auto& to = held.emplace_back();
      for (const MergeChunk& chunk : list) {
        to.push_back(
            {chunk.min_ms, chunk.max_ms, chunk.encoding, arena.Copy(codec::AsBytes(chunk.data))});
      }
    }
    std::vector<HeldChunk> got;
    THANOS_ASSERT_OK(merger.Merge(held, &arena, &got));
    ASSERT_EQ(got.size(), want.size()) << "seed " << seed;
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].min_ms, want[i].min_ms) << "seed " << seed << ", chunk " << i;
      ASSERT_EQ(got[i].max_ms, want[i].max_ms) << "seed " << seed << ", chunk " << i;
      ASSERT_EQ(codec::AsText(got[i].data), want[i].data) << "seed " << seed << ", chunk " << i;
    }
    merged_anew += got.size() != lists[0].size();
  }
  EXPECT_GT(merged_anew, 1000u);
}

INSTANTIATE_TEST_SUITE_P(All, FloatMergeTest,
                         ::testing::Values(block::OverlapMerge::kChain,
                                           block::OverlapMerge::kPenalty));

}  // namespace
}  // namespace thanos::compaction
