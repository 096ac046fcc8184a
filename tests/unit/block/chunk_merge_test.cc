#include "block/chunk_merge.h"

#include <set>

#include <gtest/gtest.h>

#include "chunk/xor.h"
#include "codec/byte_reader.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::block {
namespace {

using nlohmann::json;

std::vector<MergeChunk> ChunksOf(const json& list) {
  std::vector<MergeChunk> chunks;
  for (const json& chunk : list) {
    chunks.push_back({chunk["mint"], chunk["maxt"],
                      static_cast<ChunkEncoding>(chunk["enc"].get<int>()),
                      testing::FromHex(chunk["hex"])});
  }
  return chunks;
}

void ExpectChunks(const Result<std::vector<MergeChunk>>& got, const json& want) {
  ASSERT_THAT(got, testing::IsOk());
  const std::vector<MergeChunk> expected = ChunksOf(want);
  ASSERT_EQ(got->size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ((*got)[i].min_ms, expected[i].min_ms) << "chunk " << i;
    EXPECT_EQ((*got)[i].max_ms, expected[i].max_ms) << "chunk " << i;
    EXPECT_EQ((*got)[i].encoding, expected[i].encoding) << "chunk " << i;
    EXPECT_EQ(testing::ToHex((*got)[i].data), testing::ToHex(expected[i].data)) << "chunk " << i;
  }
}

TEST(MergeChunksVectors, GiveTheChunksOfTheCompactor) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/merge_chunks.jsonl");
  for (const json& row :
       testing::ReadJsonLines(testing::SharedPath("conformance/vectors/merge_chunks.jsonl"))) {
    SCOPED_TRACE(row["id"].get<std::string>() + " " + row["kind"].get<std::string>());
    std::vector<std::vector<MergeChunk>> inputs;
    std::set<ChunkEncoding> encodings;
    for (const json& input : row["in"]) {
      inputs.push_back(ChunksOf(input));
      for (const MergeChunk& chunk : inputs.back()) encodings.insert(chunk.encoding);
    }
    const auto chain = MergeSeriesChunks(inputs, OverlapMerge::kChain);
    if (row["kind"] == "aggr") {
      // The original dies of these; here they are refused, where anything overlaps.
      if (!row["chain"].is_array()) {
        EXPECT_THAT(chain, testing::StatusIs(StatusCode::kFailedPrecondition));
      }
    } else {
      ExpectChunks(chain, row["chain"]);
    }
    // Of several encodings the original keeps one and loses the others' samples.
    if (encodings.size() == 1 && row["penalty"].is_array()) {
      ExpectChunks(MergeSeriesChunks(inputs, OverlapMerge::kPenalty), row["penalty"]);
    }
  }
}

TEST(MergeSeriesChunks, MalformedOverlapsAreDataLossAndLoneChunksAreCopied) {
  const MergeChunk bad{0, 10, ChunkEncoding::kXor, "x"};
  THANOS_ASSERT_OK_AND_ASSIGN(const auto copied, MergeSeriesChunks({{bad}}, OverlapMerge::kChain));
  EXPECT_EQ(copied[0].data, "x");
  const MergeChunk other{5, 12, ChunkEncoding::kXor, "y"};
  EXPECT_THAT(MergeSeriesChunks({{bad}, {other}}, OverlapMerge::kChain),
              testing::StatusIs(StatusCode::kDataLoss));
}

// Found by fuzzing: what was merged of such chunks overlapped itself and was merged for ever.
TEST(MergeSeriesChunks, SamplesThatGoBackInAChunkAreDataLoss) {
  const auto chunk = [](std::initializer_list<int64_t> times) {
    chunk::XorAppender appender;
    for (const int64_t t : times) EXPECT_TRUE(appender.Append(t, 1));
    return MergeChunk{0, 100, ChunkEncoding::kXor, std::string(codec::AsText(appender.bytes()))};
  };
  for (const OverlapMerge merge : {OverlapMerge::kChain, OverlapMerge::kPenalty}) {
    const std::vector<std::vector<MergeChunk>> lists = {{chunk({0, 50, 20})}, {chunk({0, 100})}};
    EXPECT_THAT(MergeSeriesChunks(lists, merge), testing::StatusIs(StatusCode::kDataLoss));
  }
}

}  // namespace
}  // namespace thanos::block
