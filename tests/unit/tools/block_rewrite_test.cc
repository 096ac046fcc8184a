#include "tools/block_rewrite.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "block/block_writer.h"
#include "block/chunk_stream.h"
#include "block/index_reader.h"
#include "chunk/xor.h"
#include "codec/byte_reader.h"
#include "compaction/block_merge.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"
#include "tools/rewrite_config.h"

namespace thanos::tools {
namespace {

using ::thanos::testing::StatusIs;

struct TestChunk {
  int64_t min_ms, max_ms;
  ChunkEncoding encoding;
  std::string data;
  friend bool operator==(const TestChunk&, const TestChunk&) = default;
};
using Series = std::map<std::string, std::vector<TestChunk>>;

class BlockRewriteTest : public ::testing::Test {
 protected:
  static TestChunk Floats(int64_t begin_ms, int count) {
    chunk::XorAppender appender;
    for (int i = 0; i < count; ++i) EXPECT_TRUE(appender.Append(begin_ms + i * 1000, i));
    return {begin_ms, begin_ms + (count - 1) * 1000, ChunkEncoding::kXor,
            std::string(codec::AsText(appender.bytes()))};
  }
  void SetUp() override {
    Write({{"a", {Floats(0, 10), Floats(20'000, 10)}}, {"b", {Floats(0, 10)}}});
  }
  void Write(const Series& series) {
    source_id_ = base::Ulid::Make(next_id_++);
    auto writer = block::BlockWriter::Create(directory_.path(), source_id_, {});
    THANOS_ASSERT_OK(writer);
    THANOS_ASSERT_OK((*writer)->AddSymbol("__name__"));
    for (const auto& [name, chunks] : series) THANOS_ASSERT_OK((*writer)->AddSymbol(name));
    for (const auto& [name, chunks] : series) {
      std::vector<block::NewChunk> list;
      for (const TestChunk& chunk : chunks) {
        list.push_back({chunk.min_ms, chunk.max_ms, chunk.encoding, codec::AsBytes(chunk.data)});
      }
      THANOS_ASSERT_OK((*writer)->AddSeries(Labels::Of({{"__name__", name}}), list));
    }
    block::BlockMeta meta;
    meta.max_ms = 40'000;
    THANOS_ASSERT_OK((*writer)->Finish(meta));
    source_ =
        *block::Block::OpenDirectory(context_, directory_.path() + "/" + source_id_.ToString());
  }
  Result<block::BlockMeta> Rewrite(const SeriesEditor& edit, RewriteOptions options = {}) {
    counts_ = {};
    made_ = base::Ulid::Make(2);
    return RewriteBlock(context_, *source_, edit, options, directory_.path(), made_,
                        source_->meta(), &counts_);
  }
  Series Made() {
    const std::string path = directory_.path() + "/" + made_.ToString();
    const auto block = *block::Block::OpenDirectory(context_, path);
    EXPECT_TRUE(compaction::VerifyBlock(context_, path, block->meta()).ok());
    Series series;
    block::ChunkStream stream(*block);
    EXPECT_TRUE(block::VisitSeries(
                    context_, block->index(), block->toc(), block->reference_unit(),
                    [&](uint32_t, const block::SeriesEntry& entry) -> Status {
                      std::string labels;
                      THANOS_RETURN_IF_ERROR(
                          block::AppendLabels(entry.labels, block->symbols(), &labels));
                      auto& chunks = series[std::string(LabelsView(labels).Get("__name__"))];
                      for (const block::ChunkMeta& meta : entry.chunks) {
                        THANOS_ASSIGN_OR_RETURN(const auto frame, stream.Read(context_, meta.ref));
                        chunks.push_back({meta.min_ms, meta.max_ms, frame.chunk.encoding,
                                          std::string(codec::AsText(frame.chunk.data))});
                      }
                      return OkStatus();
                    })
                    .ok());
    return series;
  }
  static SeriesChange Keep(LabelsView labels) { return {false, Labels(labels), {}}; }

  testing::TemporaryDirectory directory_;
  CallContext context_;
  int64_t next_id_ = 1000;
  base::Ulid source_id_, made_;
  block::BlockRef source_;
  RewriteCounts counts_;
};

TEST_F(BlockRewriteTest, WhatStaysIsCopiedToTheByte) {
  THANOS_ASSERT_OK_AND_ASSIGN(
      const block::BlockMeta meta,
      Rewrite([](LabelsView labels) -> Result<SeriesChange> { return Keep(labels); }));
  EXPECT_EQ(Made(), (Series{{"a", {Floats(0, 10), Floats(20'000, 10)}}, {"b", {Floats(0, 10)}}}));
  EXPECT_EQ(meta.stats.samples, 30u);
  EXPECT_FALSE(counts_.any());
}

TEST_F(BlockRewriteTest, DropsSeriesChunksAndSamples) {
  THANOS_ASSERT_OK(Rewrite([](LabelsView labels) -> Result<SeriesChange> {
    if (labels.Get("__name__") == "b") return SeriesChange{true, {}, {}};
    return SeriesChange{false, Labels(labels), {{3000, 25'000}}};
  }));
  const Series made = Made();
  ASSERT_EQ(made.size(), 1u);
  ASSERT_EQ(made.at("a").size(), 2u);
  EXPECT_EQ(made.at("a")[0].max_ms, 2000);
  EXPECT_EQ(made.at("a")[1].min_ms, 26'000);
  EXPECT_EQ(counts_.series_dropped, 1u);
  EXPECT_EQ(counts_.chunks_cut, 2u);
}

TEST_F(BlockRewriteTest, RenamedSeriesAreSortedAndCollidingOnesMerged) {
  THANOS_ASSERT_OK(Rewrite([](LabelsView labels) -> Result<SeriesChange> {
    const std::string_view name = labels.Get("__name__") == "a" ? "z" : "b";
    return SeriesChange{false, Labels::Of({{"__name__", name}}), {}};
  }));
  EXPECT_EQ(Made(), (Series{{"b", {Floats(0, 10)}}, {"z", {Floats(0, 10), Floats(20'000, 10)}}}));
}

TEST_F(BlockRewriteTest, OverlappingChunksOfOneNameHoldEverySampleOnce) {
  Write({{"c", {Floats(0, 10)}}, {"d", {Floats(5500, 10)}}});
  THANOS_ASSERT_OK_AND_ASSIGN(const block::BlockMeta meta,
                              Rewrite([](LabelsView) -> Result<SeriesChange> {
                                return SeriesChange{false, Labels::Of({{"__name__", "m"}}), {}};
                              }));
  EXPECT_EQ(meta.stats.samples, 20u);
  EXPECT_EQ(counts_.series_merged, 1u);
  EXPECT_EQ(Made().size(), 1u);
}

TEST_F(BlockRewriteTest, RepairDropsWhatLiesOutside) {
  Write({{"c", {Floats(0, 10), Floats(60'000, 3)}}});  // The block ends at 40 s.
  THANOS_ASSERT_OK(Rewrite([](LabelsView labels) -> Result<SeriesChange> { return Keep(labels); },
                           {.drop_outside = true}));
  EXPECT_EQ(Made(), (Series{{"c", {Floats(0, 10)}}}));
  EXPECT_EQ(counts_.chunks_dropped, 1u);
}

TEST_F(BlockRewriteTest, ADryRunWritesNothingAndABudgetHolds) {
  THANOS_ASSERT_OK(
      Rewrite([](LabelsView) -> Result<SeriesChange> { return SeriesChange{true, {}, {}}; },
              {.dry_run = true}));
  EXPECT_EQ(counts_.series_dropped, 2u);
  EXPECT_FALSE(
      block::Block::OpenDirectory(context_, directory_.path() + "/" + made_.ToString()).ok());
  const CallContext small = context_.WithBudget(Budget::Make("rewrite", 64));
  EXPECT_THAT(
      RewriteBlock(
          small, *source_, [](LabelsView labels) -> Result<SeriesChange> { return Keep(labels); },
          {}, directory_.path(), made_, source_->meta(), &counts_),
      StatusIs(StatusCode::kResourceExhausted));
}

TEST(RewriteConfigTest, ReadsRequestsAndTellsThem) {
  THANOS_ASSERT_OK_AND_ASSIGN(
      auto deletions,
      ParseDeletions("- matchers: '{__name__=\"a\",b=~\"c\"}'\n  intervals: [{mint: 5, maxt: 9}, "
                     "{mint: 1, maxt: 4}]\n  request_id: r1\n- {matchers: up}\n"));
  ASSERT_EQ(deletions.size(), 2u);
  EXPECT_EQ(deletions[0].intervals, (std::vector<block::Interval>{{1, 9}}));
  RewriteRules rules;
  rules.deletions = std::move(deletions);
  rules.relabel_yaml = "- {action: labeldrop, regex: x}\n";
  THANOS_ASSERT_OK_AND_ASSIGN(const std::string text,
                              AppendRewrite("[{\"sources\":[]}]", {base::Ulid::Make(1)}, rules));
  const auto json = nlohmann::json::parse(text);
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[1].at("deletions_applied")[0].at("request_id"), "r1");
  EXPECT_EQ(json[1].at("deletions_applied")[0].at("intervals")[0].at("Maxt"), 9);
  EXPECT_EQ(json[1].at("relabels_applied")[0].at("action"), "labeldrop");
}

TEST(RewriteConfigTest, RefusesWhatIsWrong) {
  for (const char* bad : {"a: b", "- {matchers: '{a='}", "- {matchers: a, intervals: x}",
                          "- {matchers: a, intervals: [{mint: 2, maxt: 1}]}", "- {matchers: ''}"}) {
    EXPECT_THAT(ParseDeletions(bad), StatusIs(StatusCode::kInvalidArgument)) << bad;
  }
}

}  // namespace
}  // namespace thanos::tools
