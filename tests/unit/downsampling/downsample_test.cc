#include "downsampling/downsample.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "block/block_writer.h"
#include "block/chunk_segment.h"
#include "block/index_reader.h"
#include "chunk/xor.h"
#include "downsampling/plan.h"
#include "support/temporary_directory.h"
#include "support/tiny_block.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::downsampling {
namespace {

namespace fs = std::filesystem;
using ::thanos::testing::StatusIs;

class DownsampleTest : public ::testing::Test {
 protected:
  block::BlockRef Open(const base::Ulid& id) {
    auto block = block::Block::OpenDirectory(context_, directory_.path() + "/" + id.ToString());
    EXPECT_TRUE(block.ok()) << block.status().ToString();
    return *block;
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_.path())) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }
  testing::TemporaryDirectory directory_;
  CallContext context_;
  const base::Ulid made_ = base::Ulid::Make(1'700'000'000'000);
};

TEST_F(DownsampleTest, MakesABlockBesideItsSource) {
  const auto source = Open(testing::WriteTinyBlock(directory_.path(), 0, 1000, 3));
  THANOS_ASSERT_OK_AND_ASSIGN(
      const block::BlockMeta meta,
      Downsample(context_, *source, kResolution5mMs, directory_.path(), made_));
  EXPECT_EQ(meta.ulid, made_);
  EXPECT_EQ(meta.thanos.resolution_ms, kResolution5mMs);
  EXPECT_EQ(meta.thanos.source, "compactor");
  EXPECT_EQ(meta.compaction.sources, source->meta().compaction.sources);
  EXPECT_EQ(meta.compaction.level, 3);
  EXPECT_EQ(meta.min_ms, source->meta().min_ms);
  EXPECT_EQ(meta.max_ms, source->meta().max_ms);
  EXPECT_EQ(meta.stats.series, 1u);
  EXPECT_EQ(meta.stats.chunks, 1u);
  EXPECT_EQ(meta.stats.samples, 4u);
  EXPECT_EQ(meta.stats.float_samples, 1000u);
  EXPECT_EQ(meta.thanos.segment_files, std::vector<std::string>{"000001"});
  EXPECT_FALSE(fs::exists(directory_.path() + "/" + made_.ToString() + "/tombstones"));
  const auto block = Open(made_);
  EXPECT_EQ(block->symbols().size(), source->symbols().size());
  THANOS_ASSERT_OK_AND_ASSIGN(
      const block::BlockMeta hour,
      Downsample(context_, *block, kResolution1hMs, directory_.path(), base::Ulid::Make(2)));
  EXPECT_EQ(hour.stats.samples, 1u);
}

TEST_F(DownsampleTest, OnlyTheNextResolutionIsMade) {
  const auto source = Open(testing::WriteTinyBlock(directory_.path(), 0, 10));
  for (const int64_t resolution_ms : {int64_t{0}, kResolution1hMs, int64_t{60'000}}) {
    EXPECT_THAT(Downsample(context_, *source, resolution_ms, directory_.path(), made_),
                StatusIs(StatusCode::kInvalidArgument));
  }
}

TEST_F(DownsampleTest, ADamagedChunkLeavesNothingBehind) {
  const base::Ulid id = testing::WriteTinyBlock(directory_.path(), 0, 100);
  const std::string segment = directory_.path() + "/" + id.ToString() + "/chunks/000001";
  {
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20);
    file.put('\x55');
  }
  const auto made = Downsample(context_, *Open(id), kResolution5mMs, directory_.path(), made_);
  EXPECT_THAT(made, StatusIs(StatusCode::kDataLoss));
  EXPECT_NE(made.status().message().find("{__name__=\"m\"}"), std::string::npos)
      << made.status().message();
  EXPECT_NE(made.status().message().find(segment), std::string::npos);
  EXPECT_EQ(Names(), std::vector<std::string>{id.ToString()});
}

TEST_F(DownsampleTest, StopsWhenCancelledAndKeepsToItsBudget) {
  const base::Ulid id = testing::WriteTinyBlock(directory_.path(), 0, 100);
  CallContext cancelled = context_.WithCancel();
  cancelled.Cancel();
  EXPECT_THAT(Downsample(cancelled, *Open(id), kResolution5mMs, directory_.path(), made_),
              StatusIs(StatusCode::kCancelled));
  const auto small = context_.WithBudget(Budget::Make("downsampling", 100));
  EXPECT_THAT(Downsample(small, *Open(id), kResolution5mMs, directory_.path(), made_),
              StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(Names(), std::vector<std::string>{id.ToString()});
}

// Chunks of many sizes, in two segments, one series pointing backwards.
TEST_F(DownsampleTest, ReadsChunksInAnyOrderAndOfAnySize) {
  block::BlockWriter::Options options;
  options.segment_bytes_max = 200'000;
  THANOS_ASSERT_OK_AND_ASSIGN(const auto writer,
                              block::BlockWriter::Create(directory_.path(), made_, options));
  std::vector<std::string> names;
  for (int i = 100; i < 140; ++i) names.push_back("m" + std::to_string(i));
  THANOS_ASSERT_OK(writer->AddSymbol("__name__"));
  for (const std::string& name : names) THANOS_ASSERT_OK(writer->AddSymbol(name));
  uint64_t samples = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    chunk::XorAppender appender;
    const int count = static_cast<int>(1 + i * i * 40);
    for (int k = 0; k < count; ++k) ASSERT_TRUE(appender.Append(k * 1000, k * 0.1));
    samples += static_cast<uint64_t>(count);
    const block::NewChunk chunk{0, (count - 1) * 1000, ChunkEncoding::kXor, appender.bytes()};
    THANOS_ASSERT_OK(writer->AddSeries(Labels::Of({{"__name__", names[i]}}), {&chunk, 1}));
  }
  block::BlockMeta meta;
  meta.max_ms = 100'000'000;
  THANOS_ASSERT_OK_AND_ASSIGN(meta, writer->Finish(meta));
  ASSERT_GT(meta.thanos.segment_files.size(), 2u);
  const base::Ulid id = base::Ulid::Make(5);
  THANOS_ASSERT_OK_AND_ASSIGN(
      meta, Downsample(context_, *Open(made_), kResolution5mMs, directory_.path(), id));
  EXPECT_EQ(meta.stats.series, names.size());
  EXPECT_EQ(meta.stats.float_samples, samples);
}

}  // namespace
}  // namespace thanos::downsampling
