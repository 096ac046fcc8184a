#include "block/chunk_stream.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "block/block_writer.h"
#include "codec/byte_reader.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::block {
namespace {

using ::thanos::testing::StatusIs;

// A block whose one series has chunks of these sizes on disk (of at least 135 bytes: their length
// takes two bytes).
class ChunkStreamTest : public ::testing::Test {
 protected:
  void Write(const std::vector<size_t>& stored_bytes) {
    auto writer = *BlockWriter::Create(directory_.path(), id_, {});
    THANOS_ASSERT_OK(writer->AddSymbol("a"));
    std::vector<NewChunk> chunks;
    for (size_t i = 0; i < stored_bytes.size(); ++i) {
      data_.push_back(std::string(stored_bytes[i] - 7, static_cast<char>('A' + i % 26)));
    }
    for (size_t i = 0; i < data_.size(); ++i) {
      const auto t = static_cast<int64_t>(10 * i);
      chunks.push_back({t, t + 5, ChunkEncoding::kXor, codec::AsBytes(data_[i])});
    }
    THANOS_ASSERT_OK(writer->chunks().WriteSeries(chunks, &metas_));
    THANOS_ASSERT_OK(writer->index().AddSeries(Labels::Of({{"a", "a"}}), metas_));
    THANOS_ASSERT_OK(writer->Finish({}));
    block_ = *Block::OpenDirectory(context_, directory_.path() + "/" + id_.ToString());
  }
  void ExpectChunk(ChunkStream& stream, size_t i) {
    auto frame = stream.Read(context_, metas_[i].ref);
    ASSERT_TRUE(frame.ok()) << i << ": " << frame.status().ToString();
    EXPECT_EQ(codec::AsText(frame->chunk.data), data_[i]);
  }
  testing::TemporaryDirectory directory_;
  CallContext context_;
  const base::Ulid id_ = base::Ulid::Make(1);
  std::vector<std::string> data_;
  std::vector<ChunkMeta> metas_;
  BlockRef block_;
};

// The length of the chunk that begins in the last bytes of a piece is cut in two.
TEST_F(ChunkStreamTest, ALengthMayBeCutByTheEndOfARead) {
  for (const size_t left : {1, 2, 4, 5, 6}) {
    data_.clear();
    metas_.clear();
    std::filesystem::remove_all(directory_.path() + "/" + id_.ToString());
    std::vector<size_t> sizes(FileWindow::kPieceBytes / 16'384 - 1, 16'384);
    sizes.push_back(16'384 - left);
    sizes.insert(sizes.end(), {1000, 300});
    Write(sizes);
    ChunkStream stream(*block_);
    for (size_t i = 0; i < metas_.size(); ++i) ExpectChunk(stream, i);
  }
}

TEST_F(ChunkStreamTest, AnyOrderIsRight) {
  Write({200, 40'000, 135, 2'000'000, 700, 20'000, 150});
  ChunkStream stream(*block_);
  for (const size_t i : {6, 0, 3, 3, 5, 1, 2, 4, 6}) ExpectChunk(stream, i);
}

TEST_F(ChunkStreamTest, WhatPassesTheSegmentIsRefused) {
  Write({200, 300});
  ChunkStream stream(*block_);
  ChunkMeta beyond = metas_[1];
  beyond.ref += 10'000;
  EXPECT_THAT(stream.Read(context_, beyond.ref), StatusIs(StatusCode::kDataLoss));
  beyond.ref = uint64_t{7} << 32 | 8;
  EXPECT_THAT(stream.Read(context_, beyond.ref), StatusIs(StatusCode::kDataLoss));
  ExpectChunk(stream, 0);
}

}  // namespace
}  // namespace thanos::block
