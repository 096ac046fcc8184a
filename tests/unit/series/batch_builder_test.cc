#include "series/batch_builder.h"

#include <gtest/gtest.h>

#include "codec/byte_reader.h"
#include "series/filter.h"
#include "series/merge.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::series {
namespace {

using ::testing::ElementsAre;

struct OneChunk {
  int64_t min_ms, max_ms;
  ChunkEncoding encoding;
  std::string data;
};

SeriesBatchRef BatchOf(const std::vector<OneChunk>& chunks) {
  BatchBuilder builder;
  const Labels labels = Labels::Of({{"a", "b"}});
  builder.BeginSeries(labels.view());
  for (const OneChunk& chunk : chunks) {
    const ChunkPart part{Aggr::kRaw, chunk.encoding, 0,
                         builder.CopyBytes(codec::AsBytes(chunk.data))};
    builder.AddChunk(chunk.min_ms, chunk.max_ms, 0, std::span(&part, 1));
  }
  builder.EndSeries();
  auto batch = builder.Build(nullptr);
  EXPECT_THAT(batch, testing::IsOk());
  return *batch;
}

std::vector<std::string> DataOf(const SeriesView& series) {
  std::vector<std::string> out;
  for (const ChunkView& chunk : series.chunks) {
    out.emplace_back(codec::AsText(chunk.parts[0].data));
  }
  return out;
}

// Two replicas scraped at the same times have chunks of the same bounds: which comes first decides
// whose samples a query shows, and must not depend on which block was read first.
TEST(BatchBuilder, ChunksOfEqualTimesAreOrderedByEncodingThenByDataDescending) {
  const SeriesBatchRef batch = BatchOf({{0, 9, ChunkEncoding::kHistogram, "z"},
                                        {0, 9, ChunkEncoding::kXor, "a"},
                                        {0, 9, ChunkEncoding::kXor, "c"},
                                        {0, 5, ChunkEncoding::kXor, "short"},
                                        {0, 9, ChunkEncoding::kXor, "b"}});
  EXPECT_THAT(DataOf(batch->series()[0]), ElementsAre("short", "c", "b", "a", "z"));
  EXPECT_TRUE(ChunksAreSorted(batch->series()[0].chunks));
}

// Stores that merge several blocks may have sent such chunks in any order.
TEST(MergeCursors, ASeriesOfOneInputIsOrderedToo) {
  const SeriesBatchRef right =
      BatchOf({{0, 9, ChunkEncoding::kXor, "b"}, {0, 9, ChunkEncoding::kXor, "a"}});
  const auto chunks = right->series()[0].chunks;
  const std::vector<ChunkView> reversed = {chunks[1], chunks[0]};
  BatchBuilder builder;
  builder.Pin(right, 0);
  builder.AddSeriesBorrowed({right->series()[0].labels, reversed});
  auto batch = builder.Build(nullptr);
  ASSERT_THAT(batch, testing::IsOk());
  std::vector<std::unique_ptr<SeriesCursor>> inputs;
  inputs.push_back(CursorOf({*batch}));
  const auto merged = MergeCursors(CallContext(), std::move(inputs), {});
  merged->Start();
  THANOS_ASSERT_OK_AND_ASSIGN(const SeriesBatchRef out, merged->Next());
  EXPECT_THAT(DataOf(out->series()[0]), ElementsAre("b", "a"));
}

}  // namespace
}  // namespace thanos::series
