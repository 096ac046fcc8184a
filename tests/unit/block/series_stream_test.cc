#include "block/series_stream.h"

#include <set>

#include <gtest/gtest.h>

#include "block/block_cursor.h"
#include "block/block_writer.h"
#include "chunk/xor.h"
#include "support/counting_limiter.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::block {
namespace {

using testing::IsOk;

// 100 series of five chunks of about 1 KB; every tenth has the label wanted="yes".
class SeriesStreamTest : public ::testing::Test {
 protected:
  static constexpr int kSeries = 100, kChunks = 5, kSamples = 120;

  void SetUp() override {
    const base::Ulid id = base::Ulid::Make(1'700'000'000'000);
    THANOS_ASSERT_OK_AND_ASSIGN(const auto writer,
                                BlockWriter::Create(directory_.path(), id, {.durable = false}));
    std::set<std::string> symbols = {"i", "wanted", "yes", "no"};
    for (int i = 0; i < kSeries; ++i) symbols.insert(std::to_string(1000 + i));
    for (const std::string& symbol : symbols) ASSERT_THAT(writer->AddSymbol(symbol), IsOk());
    for (int i = 0; i < kSeries; ++i) {
      std::vector<std::string> data;
      for (int c = 0; c < kChunks; ++c) data.push_back(MakeChunk(i, c));
      std::vector<NewChunk> chunks;
      for (int c = 0; c < kChunks; ++c) {
        const int64_t begin = int64_t{c} * kSamples;
        chunks.push_back({begin, begin + kSamples - 1, ChunkEncoding::kXor,
                          std::as_bytes(std::span(data[static_cast<size_t>(c)]))});
      }
      const Labels labels =
          Labels::Of({{"i", std::to_string(1000 + i)}, {"wanted", i % 10 == 0 ? "yes" : "no"}});
      ASSERT_THAT(writer->AddSeries(labels, chunks), IsOk());
    }
    BlockMeta meta;
    meta.max_ms = kChunks * kSamples;
    meta.compaction.sources = {id};
    ASSERT_THAT(writer->Finish(meta), IsOk());
    THANOS_ASSERT_OK_AND_ASSIGN(
        block_, Block::OpenDirectory(CallContext(), directory_.path() + "/" + id.ToString()));
  }

  static std::string MakeChunk(int series, int chunk) {
    chunk::XorAppender appender;
    double value = series + 0.1 * chunk;
    for (int i = 0; i < kSamples; ++i) {
      value = value * 1.1 + 1 / (value + 1);  // Nothing that packs well.
      EXPECT_TRUE(appender.Append(int64_t{chunk} * kSamples + i, value));
    }
    return std::string(reinterpret_cast<const char*>(appender.bytes().data()),
                       appender.bytes().size());
  }

  // What the chunks of the wanted series are guessed to take, series by series.
  std::vector<std::vector<WantedChunk>> Wanted(const BlockReadOptions& options) {
    StreamRequest request;
    request.matchers = {model::Matcher::Equal("wanted", "yes")};
    request.max_ms = INT64_MAX;
    SeriesStream stream(CallContext(), block_, request, options);
    std::vector<std::vector<WantedChunk>> out;
    for (;;) {
      const auto head = stream.Next();
      EXPECT_THAT(head, IsOk());
      if (!head.ok() || *head == nullptr) return out;
      out.emplace_back((*head)->chunks.begin(), (*head)->chunks.end());
    }
  }

  testing::TemporaryDirectory directory_;
  BlockRef block_;
};

TEST_F(SeriesStreamTest, AChunkEndsWhereTheNextOfItsSeriesBegins) {
  const auto all = Wanted({});
  ASSERT_EQ(all.size(), 10u);
  for (const auto& chunks : all) {
    ASSERT_EQ(chunks.size(), size_t{kChunks});
    for (size_t i = 0; i + 1 < chunks.size(); ++i) {
      EXPECT_EQ(chunks[i].bytes_guess, chunks[i + 1].meta.ref - chunks[i].meta.ref);
      EXPECT_GT(chunks[i].bytes_guess, 500u);
    }
  }
}

// The series that is wanted next may be far away: what lies between is not part of the last chunk.
TEST_F(SeriesStreamTest, TheLastChunkIsGuessedByTheOthers) {
  BlockReadOptions options;
  options.chunk_bytes = 16'000;
  for (const auto& chunks : Wanted(options)) EXPECT_EQ(chunks.back().bytes_guess, 16'000u);
  options.chunk_bytes = 1 << 20;  // The next series bounds it, but for the last.
  auto bounded = Wanted(options);
  bounded.pop_back();
  for (const auto& chunks : bounded) EXPECT_LT(chunks.back().bytes_guess, 60'000u);
  ReadPace quick, slow;
  quick.Observe(std::chrono::microseconds(5), 0);
  slow.Observe(std::chrono::milliseconds(5), 0);
  options.chunk_bytes = 16'000;
  options.pace = &slow;  // One more read would cost a wait.
  for (const auto& chunks : Wanted(options)) EXPECT_EQ(chunks.back().bytes_guess, 16'000u);
  options.pace = &quick;
  for (const auto& chunks : Wanted(options)) {
    uint32_t longest = 0;
    for (size_t i = 0; i + 1 < chunks.size(); ++i)
      longest = std::max(longest, chunks[i].bytes_guess);
    EXPECT_LE(chunks.back().bytes_guess, 2 * longest);
    EXPECT_GT(chunks.back().bytes_guess, longest);
  }
}

// Batches that are kept hold their chunks, not the gaps that were read between them; while these
// are read, they are charged.
TEST_F(SeriesStreamTest, GapsDoNotLiveAsLongAsTheChunks) {
  const auto budget = Budget::Make("call", 0, "test");
  const auto limiter = std::make_shared<testing::CountingLimiter>();
  std::vector<SeriesBatchRef> kept;
  SelectRequest request;
  request.max_ms = INT64_MAX;
  request.aggregates.Add(Aggr::kRaw);
  BlockCursorOptions options;
  SelectEnd end;
  {
    const auto cursor = MakeBlockCursor(CallContext().WithBudget(budget),
                                        {{block_, {model::Matcher::Equal("wanted", "yes")}}},
                                        request, options, limiter);
    for (;;) {
      THANOS_ASSERT_OK_AND_ASSIGN(const SeriesBatchRef batch, cursor->Next());
      if (!batch) break;
      kept.push_back(batch);
    }
    end = cursor->end();
  }
  EXPECT_EQ(end.series, 10u);
  EXPECT_GT(limiter->reserved_bytes, 4 * end.bytes);
  EXPECT_LT(budget->used_bytes(), 2 * end.bytes);
  EXPECT_GT(budget->peak_bytes(), 4 * end.bytes);
  kept.clear();
  EXPECT_EQ(budget->used_bytes(), 0u);
}

}  // namespace
}  // namespace thanos::block
