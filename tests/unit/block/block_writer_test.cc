#include "block/block_writer.h"

#include <cstdlib>
#include <filesystem>
#include <set>

#include <gtest/gtest.h>

#include "block/block_source.h"
#include "block/byte_sink.h"
#include "chunk/xor.h"
#include "codec/byte_reader.h"
#include "fixture_blocks.h"

namespace thanos::block {
namespace {

using testing::IsOk;
using testing::StatusIs;

class BlockWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/block-writer-" + std::to_string(getpid());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // 50 series of two chunks of 100 samples, 15 s apart.
  Result<BlockMeta> WriteBlock(base::Ulid id, uint64_t segment_bytes_max = kSegmentBytesMax) {
    THANOS_ASSIGN_OR_RETURN(const auto writer,
                            BlockWriter::Create(directory_, id, {segment_bytes_max, true}));
    std::set<std::string> symbols = {"__name__", "job", "up"};
    for (int i = 0; i < 50; ++i) symbols.insert("j" + std::to_string(100 + i));
    for (const std::string& symbol : symbols) {
      THANOS_RETURN_IF_ERROR(writer->AddSymbol(symbol));
    }
    for (int i = 0; i < 50; ++i) THANOS_RETURN_IF_ERROR(WriteOne(*writer, i));
    BlockMeta meta;
    meta.min_ms = kBegin;
    meta.max_ms = kBegin + 7'200'000;
    meta.compaction.level = 1;
    meta.compaction.sources = {id};
    meta.thanos.labels = {{"cluster", "w"}};
    meta.thanos.source = "test";
    return writer->Finish(meta);
  }

  static Status WriteOne(BlockWriter& writer, int series) {
    std::vector<std::string> data;
    std::vector<NewChunk> chunks;
    for (int c = 0; c < 2; ++c) {
      chunk::XorAppender appender;
      const int64_t begin = kBegin + c * 1'500'000;
      for (int i = 0; i < 100; ++i) {
        if (!appender.Append(begin + i * 15000, series * 1000 + c * 100 + i)) break;
      }
      data.emplace_back(codec::AsText(appender.bytes()));
      chunks.push_back({begin, begin + 99 * 15000, ChunkEncoding::kXor, {}});
    }
    for (size_t c = 0; c < 2; ++c) chunks[c].data = codec::AsBytes(data[c]);
    return writer.AddSeries(
        Labels::Of({{"__name__", "up"}, {"job", "j" + std::to_string(100 + series)}}), chunks);
  }

  static constexpr int64_t kBegin = 1'699'574'400'000;
  std::string directory_;
};

TEST_F(BlockWriterTest, WhatIsWrittenReadsBackEqual) {
  const base::Ulid id = base::Ulid::Make(kBegin);
  THANOS_ASSERT_OK_AND_ASSIGN(const BlockMeta meta, WriteBlock(id, 5000));
  EXPECT_EQ(meta.stats.samples, 10000u);
  EXPECT_EQ(meta.stats.series, 50u);
  EXPECT_EQ(meta.stats.chunks, 100u);
  EXPECT_GT(meta.thanos.segment_files.size(), 2u);
  const std::string path = directory_ + "/" + id.ToString();
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp-for-creation"));
  THANOS_ASSERT_OK_AND_ASSIGN(const BlockRef block, Block::OpenDirectory(CallContext(), path));
  EXPECT_EQ(WriteMeta(block->meta()), WriteMeta(meta));
  BlockSource source("written", {block});
  SelectRequest request;
  request.max_ms = INT64_MAX;
  THANOS_ASSERT_OK_AND_ASSIGN(const auto cursor, source.Select(CallContext(), request));
  size_t series = 0, samples = 0;
  while (true) {
    THANOS_ASSERT_OK_AND_ASSIGN(const SeriesBatchRef batch, cursor->Next());
    if (!batch) break;
    for (const SeriesView& view : batch->series()) {
      chunk::Columns columns;
      for (const ChunkView& chunk : view.chunks) {
        ASSERT_THAT(chunk::DecodeChunk(chunk.parts[0].encoding, chunk.parts[0].data, &columns),
                    IsOk());
      }
      ASSERT_EQ(columns.v.size(), 200u);
      EXPECT_EQ(columns.v[150], static_cast<double>(series) * 1000 + 150);
      samples += columns.t.size();
      ++series;
    }
  }
  EXPECT_EQ(series, 50u);
  EXPECT_EQ(samples, 10000u);
}

TEST_F(BlockWriterTest, PromtoolReadsTheBlock) {
  if (std::system("promtool --version >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "promtool is absent: skipped";
  }
  const base::Ulid id = base::Ulid::Make(kBegin);
  ASSERT_THAT(WriteBlock(id, 5000), IsOk());
  const std::string log = directory_ + "/log";
  const std::string analyze =
      "promtool tsdb analyze " + directory_ + " " + id.ToString() + " >" + log + " 2>&1";
  EXPECT_EQ(std::system(analyze.c_str()), 0) << testing::ReadWholeFile(log);
  EXPECT_NE(testing::ReadWholeFile(log).find("50"), std::string::npos);
  std::filesystem::create_directories(directory_ + "/wal");  // Promtool insists on one.
  const std::string dump = "promtool tsdb dump " + directory_ + " >" + log + " 2>&1";
  EXPECT_EQ(std::system(dump.c_str()), 0) << testing::ReadWholeFile(log);
  const std::string text = testing::ReadWholeFile(log);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 10000) << text.substr(0, 1000);
  EXPECT_NE(text.find("{__name__=\"up\", job=\"j149\"} 49199 " +
                      std::to_string(kBegin + 1'500'000 + 99 * 15000)),
            std::string::npos);
}

TEST_F(BlockWriterTest, AnUnfinishedBlockLeavesNothing) {
  {
    THANOS_ASSERT_OK_AND_ASSIGN(const auto writer,
                                BlockWriter::Create(directory_, base::Ulid::Make(1), {}));
    ASSERT_THAT(writer->AddSymbol("a"), IsOk());
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(BlockWriterTest, AnExistingBlockIsNotReplaced) {
  const base::Ulid id = base::Ulid::Make(kBegin);
  ASSERT_THAT(WriteBlock(id), IsOk());
  EXPECT_THAT(BlockWriter::Create(directory_, id, {}), StatusIs(StatusCode::kAlreadyExists));
}

TEST_F(BlockWriterTest, DeletedSamplesAreNotRead) {
  const base::Ulid id = base::Ulid::Make(kBegin);
  ASSERT_THAT(WriteBlock(id), IsOk());
  const std::string path = directory_ + "/" + id.ToString();
  THANOS_ASSERT_OK_AND_ASSIGN(BlockRef block, Block::OpenDirectory(CallContext(), path));
  // Of the first series the whole first chunk and ten samples of the second.
  Tombstones tombstones;
  tombstones.Add(block->toc().series / 16 + 1, {kBegin, kBegin + 1'500'000 + 9 * 15000});
  ASSERT_THAT(WriteFileAtomically(path + "/tombstones", codec::AsBytes(tombstones.Write())),
              IsOk());
  THANOS_ASSERT_OK_AND_ASSIGN(block, Block::OpenDirectory(CallContext(), path));
  BlockSource source("written", {block});
  SelectRequest request;
  request.max_ms = INT64_MAX;
  THANOS_ASSERT_OK_AND_ASSIGN(const auto cursor, source.Select(CallContext(), request));
  THANOS_ASSERT_OK_AND_ASSIGN(const SeriesBatchRef batch, cursor->Next());
  ASSERT_EQ(batch->series()[0].chunks.size(), 1u);
  const ChunkView& chunk = batch->series()[0].chunks[0];
  EXPECT_EQ(chunk.min_ms, kBegin + 1'500'000 + 10 * 15000);
  EXPECT_THAT(chunk::SampleCount(chunk.parts[0].encoding, chunk.parts[0].data),
              testing::IsOkAndHolds(90u));
  EXPECT_EQ(batch->series()[1].chunks.size(), 2u);
}

TEST_F(BlockWriterTest, AFlippedBitOfAChunkNamesBlockSegmentAndOffset) {
  const base::Ulid id = base::Ulid::Make(kBegin);
  ASSERT_THAT(WriteBlock(id), IsOk());
  const std::string path = directory_ + "/" + id.ToString() + "/chunks/000001";
  std::string bytes = testing::ReadWholeFile(path);
  bytes[200] = static_cast<char>(bytes[200] ^ 4);
  std::filesystem::remove(path);
  ASSERT_THAT(WriteFileAtomically(path, codec::AsBytes(bytes)), IsOk());
  THANOS_ASSERT_OK_AND_ASSIGN(
      const BlockRef block, Block::OpenDirectory(CallContext(), directory_ + "/" + id.ToString()));
  SelectRequest request;
  request.max_ms = INT64_MAX;
  BlockSource strict("strict", {block});
  THANOS_ASSERT_OK_AND_ASSIGN(const auto cursor, strict.Select(CallContext(), request));
  EXPECT_THAT(cursor->Next(), StatusIs(StatusCode::kDataLoss,
                                       ::testing::HasSubstr(id.ToString() + ", segment 000001")));
  BlockCursorOptions options;
  options.on_failure = [](const Block&, const Status&) { return true; };
  // No block is left that could answer: a failure, not an empty answer with a warning.
  BlockSource alone("alone", {block}, options);
  THANOS_ASSERT_OK_AND_ASSIGN(const auto failed, alone.Select(CallContext(), request));
  EXPECT_THAT(failed->Next(), StatusIs(StatusCode::kDataLoss));
  const base::Ulid healthy_id = base::Ulid::Make(kBegin + 1);
  ASSERT_THAT(WriteBlock(healthy_id), IsOk());
  THANOS_ASSERT_OK_AND_ASSIGN(
      const BlockRef healthy,
      Block::OpenDirectory(CallContext(), directory_ + "/" + healthy_id.ToString()));
  BlockSource tolerant("tolerant", {block, healthy}, options);
  THANOS_ASSERT_OK_AND_ASSIGN(const auto partial, tolerant.Select(CallContext(), request));
  THANOS_ASSERT_OK(partial->Next());
  EXPECT_TRUE(partial->end().partial);
  EXPECT_EQ(partial->TakeWarnings().size(), 1u);
}

}  // namespace
}  // namespace thanos::block
