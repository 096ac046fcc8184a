#include "compaction/block_merge.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "block/byte_sink.h"
#include "block/tombstones.h"
#include "support/block_samples.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::compaction {
namespace {

namespace fs = std::filesystem;
using testing::SampleSet;
using testing::StatusIs;
constexpr int64_t kHour = 3'600'000;

class MergeBlocksTest : public ::testing::Test {
 protected:
  std::string Write(int64_t from_hour, int64_t to_hour, double offset = 0, int64_t shift_ms = 0) {
    const base::Ulid id =
        testing::WriteBlock(directory_.path(), {.min_ms = from_hour * kHour + shift_ms,
                                                .max_ms = to_hour * kHour,
                                                .step_ms = 60'000,
                                                .series = 3,
                                                .offset = offset});
    return directory_.path() + "/" + id.ToString();
  }
  Result<MergedBlock> Merge(std::vector<std::string> directories,
                            OverlapRule rule = OverlapRule::kChain) {
    MergeRequest request;
    request.directories = std::move(directories);
    request.parent = directory_.path();
    request.id = base::Ulid::Make(++made_);
    request.rule = rule;
    return MergeBlocks(CallContext(), request);
  }
  std::string PathOf(const MergedBlock& merged) const {
    return directory_.path() + "/" + merged.meta->ulid.ToString();
  }
  SampleSet SamplesOf(const std::vector<std::string>& directories) {
    SampleSet samples;
    for (const std::string& one : directories) {
      THANOS_EXPECT_OK(testing::AddSamples(one, &samples));
    }
    return samples;
  }
  testing::TemporaryDirectory directory_;
  int64_t made_ = 1;
};

TEST_F(MergeBlocksTest, NeighboursBecomeOneWithAllSamples) {
  const std::vector<std::string> sources = {Write(0, 2), Write(2, 4), Write(6, 8)};
  THANOS_ASSERT_OK_AND_ASSIGN(const MergedBlock merged, Merge(sources));
  ASSERT_TRUE(merged.meta.has_value());
  EXPECT_EQ(merged.meta->min_ms, 0);
  EXPECT_EQ(merged.meta->max_ms, 8 * kHour);
  EXPECT_EQ(merged.meta->compaction.level, 2);
  EXPECT_EQ(merged.meta->compaction.sources.size(), 3u);
  ASSERT_EQ(merged.meta->compaction.parents.size(), 3u);
  EXPECT_EQ(merged.meta->compaction.parents[2].min_ms, 6 * kHour);
  EXPECT_EQ(merged.meta->stats.series, 3u);
  EXPECT_EQ(merged.meta->stats.samples, 3u * 360);
  EXPECT_EQ(SamplesOf({PathOf(merged)}), SamplesOf(sources));
  THANOS_EXPECT_OK(VerifyBlock(CallContext(), PathOf(merged), *merged.meta));
  EXPECT_FALSE(fs::exists(PathOf(merged) + "/tombstones"));
}

TEST_F(MergeBlocksTest, SameInputsGiveTheSameBytes) {
  const std::vector<std::string> sources = {Write(0, 2), Write(1, 3, 5, 30'000)};
  THANOS_ASSERT_OK_AND_ASSIGN(const MergedBlock a, Merge(sources));
  THANOS_ASSERT_OK_AND_ASSIGN(const MergedBlock b, Merge(sources));
  for (const char* file : {"/index", "/chunks/000001"}) {
    EXPECT_EQ(*block::ReadFile(PathOf(a) + file, 1 << 30),
              *block::ReadFile(PathOf(b) + file, 1 << 30));
  }
}

TEST_F(MergeBlocksTest, OverlapsAreMergedByTheRule) {
  const std::vector<std::string> sources = {Write(0, 2), Write(0, 2, 7, 20'000)};
  THANOS_ASSERT_OK_AND_ASSIGN(const MergedBlock chain, Merge(sources));
  EXPECT_EQ(SamplesOf({PathOf(chain)}), SamplesOf(sources));
  EXPECT_EQ(chain.counts.series_merged, 3u);
  THANOS_ASSERT_OK_AND_ASSIGN(const MergedBlock penalty, Merge(sources, OverlapRule::kPenalty));
  EXPECT_EQ(penalty.meta->stats.samples, 3u * 121);  // The first sample, then the other replica.
  EXPECT_THAT(Merge(sources, OverlapRule::kIdentical), StatusIs(StatusCode::kFailedPrecondition));
}

TEST_F(MergeBlocksTest, IdenticalOverlapsAreHarmless) {
  const std::vector<std::string> sources = {Write(0, 2), Write(0, 2)};
  THANOS_ASSERT_OK_AND_ASSIGN(const MergedBlock merged, Merge(sources, OverlapRule::kIdentical));
  EXPECT_EQ(SamplesOf({PathOf(merged)}), SamplesOf({sources[0]}));
}

void WriteTombstones(const std::string& directory, const block::Tombstones& stones) {
  const std::string path = directory + "/tombstones";
  fs::remove(path);
  const std::string bytes = stones.Write();
  THANOS_ASSERT_OK(block::ReplaceFile(path, codec::AsBytes(bytes)));
}

uint32_t FirstReference(const std::string& directory) {
  auto block = block::Block::OpenDirectory(CallContext(), directory);
  block::SeriesScanner scanner(&(*block)->index(), (*block)->toc(), (*block)->reference_unit());
  block::SeriesEntry entry;
  EXPECT_TRUE(*scanner.Next(CallContext(), &entry));
  return scanner.reference();
}

TEST_F(MergeBlocksTest, DeletionsAreApplied) {
  const std::string source = Write(0, 2), other = Write(2, 4);
  block::Tombstones stones;
  stones.Add(FirstReference(source), {30 * 60'000, 40 * 60'000});
  WriteTombstones(source, stones);
  SampleSet want = SamplesOf({source, other});
  auto& first = want.begin()->second;
  std::erase_if(first, [](const auto& sample) {
    return sample.first >= 30 * 60'000 && sample.first <= 40 * 60'000;
  });
  ASSERT_EQ(first.size(), 240u - 11);
  THANOS_ASSERT_OK_AND_ASSIGN(const MergedBlock merged, Merge({source, other}));
  EXPECT_EQ(SamplesOf({PathOf(merged)}), want);
}

TEST_F(MergeBlocksTest, OfAllDeletedNothingIsWritten) {
  const std::string source = Write(0, 2);
  block::Tombstones stones;
  auto block = block::Block::OpenDirectory(CallContext(), source);
  block::SeriesScanner scanner(&(*block)->index(), (*block)->toc(), (*block)->reference_unit());
  for (block::SeriesEntry entry; *scanner.Next(CallContext(), &entry);) {
    stones.Add(scanner.reference(), {0, 2 * kHour});
  }
  WriteTombstones(source, stones);
  THANOS_ASSERT_OK_AND_ASSIGN(const MergedBlock merged, Merge({source}));
  EXPECT_FALSE(merged.meta.has_value());
  size_t directories = 0;
  for (const auto& entry : fs::directory_iterator(directory_.path())) {
    directories += entry.is_directory();
  }
  EXPECT_EQ(directories, 1u);
}

// Who reads metas must take the rewrite, not its original, whose sources are the same.
TEST_F(MergeBlocksTest, ARewriteOfOneBlockCoversItsOriginal) {
  const std::string source = Write(0, 2);
  THANOS_ASSERT_OK_AND_ASSIGN(const MergedBlock merged, Merge({source}));
  ASSERT_TRUE(merged.meta.has_value());
  const auto& sources = merged.meta->compaction.sources;
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_NE(std::find(sources.begin(), sources.end(), merged.meta->ulid), sources.end());
}

TEST_F(MergeBlocksTest, ADamagedByteFailsTheMergeAndLeavesNothing) {
  for (const char* file : {"/index", "/chunks/000001"}) {
    const std::string source = Write(0, 2);
    std::string bytes = *block::ReadFile(source + file, 1 << 30);
    bytes[bytes.size() / 3] = static_cast<char>(bytes[bytes.size() / 3] ^ 0x20);
    THANOS_ASSERT_OK(block::ReplaceFile(source + file, codec::AsBytes(bytes)));
    const size_t before = std::distance(fs::directory_iterator(directory_.path()), {});
    EXPECT_THAT(Merge({source, Write(2, 4)}), StatusIs(StatusCode::kDataLoss)) << file;
    const size_t after = std::distance(fs::directory_iterator(directory_.path()), {});
    EXPECT_EQ(after, before + 1) << file;  // The second source only.
  }
}

TEST_F(MergeBlocksTest, VerificationSeesEveryDamagedByte) {
  const std::vector<std::string> sources = {Write(0, 2)};
  THANOS_ASSERT_OK_AND_ASSIGN(const MergedBlock merged, Merge(sources));
  for (const char* file : {"/index", "/chunks/000001"}) {
    const std::string path = PathOf(merged) + file;
    const std::string good = *block::ReadFile(path, 1 << 30);
    for (size_t at = 0; at < good.size(); at += 1 + good.size() / 97) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 0x10);
      THANOS_ASSERT_OK(block::ReplaceFile(path, codec::AsBytes(bad)));
      const Status status = VerifyBlock(CallContext(), PathOf(merged), *merged.meta);
      // Nothing but the padding between entries is nobody's.
      if (good[at] != 0 || std::string_view(file) != "/index") {
        EXPECT_THAT(status, ::testing::Not(testing::IsOk())) << file << " at " << at;
      }
    }
    THANOS_ASSERT_OK(block::ReplaceFile(path, codec::AsBytes(good)));
  }
  THANOS_EXPECT_OK(VerifyBlock(CallContext(), PathOf(merged), *merged.meta));
  block::BlockMeta wrong = *merged.meta;
  ++wrong.stats.samples;
  EXPECT_THAT(VerifyBlock(CallContext(), PathOf(merged), wrong), StatusIs(StatusCode::kDataLoss));
}

TEST_F(MergeBlocksTest, MemoryOfAMergedSeriesIsCharged) {
  const std::vector<std::string> sources = {Write(0, 2), Write(0, 2, 7, 20'000)};
  MergeRequest request;
  request.directories = sources;
  request.parent = directory_.path();
  request.id = base::Ulid::Make(5);
  request.rule = OverlapRule::kChain;
  const auto context = CallContext().WithBudget(Budget::Make("merging", 1000, "a-flag"));
  EXPECT_THAT(MergeBlocks(context, request), StatusIs(StatusCode::kResourceExhausted));
}

TEST_F(MergeBlocksTest, CancellationEndsIt) {
  const CallContext context;
  MergeRequest request;
  request.directories = {Write(0, 2), Write(2, 4)};
  request.parent = directory_.path();
  request.id = base::Ulid::Make(5);
  context.Cancel();
  EXPECT_THAT(MergeBlocks(context, request), StatusIs(StatusCode::kCancelled));
  EXPECT_FALSE(fs::exists(directory_.path() + "/" + request.id.ToString()));
}

}  // namespace
}  // namespace thanos::compaction
