// Goal: a merge writes the same bytes for any number of threads, and the blocks of coarser
// resolution that it makes at once are those that downsampling its result gives.
// Method: random blocks that overlap or do not, with gaps, stale markers, deletions and histograms,
// more than fit into the batches under way; all files and metas compared.
#include <cmath>
#include <filesystem>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "block/byte_sink.h"
#include "block/tombstones.h"
#include "chunk/histogram_writer.h"
#include "compaction/block_merge.h"
#include "downsampling/downsample.h"
#include "downsampling/plan.h"
#include "model/histogram.h"
#include "support/block_samples.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::compaction {
namespace {

namespace fs = std::filesystem;
using downsampling::kResolution1hMs;
using downsampling::kResolution5mMs;
constexpr int64_t kHour = 3'600'000;
constexpr int kSeries = 120;

using Files = std::map<std::string, std::string>;

struct Chunks {
  std::vector<std::string> data;
  std::vector<block::NewChunk> chunks;
  void Add(int64_t min_ms, int64_t max_ms, ChunkEncoding encoding, std::string bytes) {
    data.push_back(std::move(bytes));
    chunks.push_back({min_ms, max_ms, encoding, {}});
  }
};

// Samples of a series from `t` on as chunks of random lengths.
void AddFloats(std::mt19937_64& random, int64_t t, int64_t end, Chunks* out) {
  const int64_t step = 15'000 * static_cast<int64_t>(1 + random() % 8);
  while (t < end) {
    chunk::XorAppender appender;
    const int64_t begin = t;
    int64_t last = t;
    const size_t count = 1 + random() % 240;
    for (size_t n = 0; n < count && t < end; ++n, t += step + static_cast<int64_t>(random() % 99)) {
      const double value = random() % 50 == 0 ? std::bit_cast<double>(model::kStaleNanBits)
                                              : std::ldexp(static_cast<double>(random()), -40);
      EXPECT_TRUE(appender.Append(t, value));
      last = t;
    }
    out->Add(begin, last, ChunkEncoding::kXor, std::string(codec::AsText(appender.bytes())));
    if (random() % 8 == 0) t += static_cast<int64_t>(random() % kHour);
  }
}

void AddHistograms(std::mt19937_64& random, int64_t t, int64_t end, Chunks* out) {
  while (t < end) {
    chunk::HistogramChunkWriter<model::FloatHistogram> writer;
    const int64_t begin = t;
    int64_t last = t;
    std::string finished;
    for (size_t n = 0; n < 60 && t < end; ++n, t += 60'000) {
      model::FloatHistogram histogram;
      histogram.schema = 0;
      histogram.count = static_cast<double>(random() % 1000);
      histogram.sum = histogram.count * 3;
      histogram.positive_spans = {{0, 2}};
      histogram.positive_buckets = {histogram.count / 2, histogram.count / 2};
      auto what = writer.Append(t, histogram, &finished);
      EXPECT_THAT(what, testing::IsOk());
      if (n > 0 && what.ok() && *what == chunk::HistogramAppend::kNew) {
        out->Add(begin, last, ChunkEncoding::kFloatHistogram, std::move(finished));
        t += 60'000;
        writer.Cut();
        break;
      }
      last = t;
    }
    if (std::string rest = writer.Cut(); !rest.empty()) {
      out->Add(begin, last, ChunkEncoding::kFloatHistogram, std::move(rest));
    }
  }
}

class BlockMergeProperty : public ::testing::TestWithParam<uint64_t> {
 protected:
  std::string Write(int64_t min_ms, int64_t max_ms) {
    const base::Ulid id = base::Ulid::Make(++made_);
    auto writer = block::BlockWriter::Create(directory_.path(), id, {.durable = false});
    EXPECT_THAT(writer, testing::IsOk());
    std::set<std::string> symbols = {"__name__", "m", "h", "i", std::to_string(made_)};
    for (int i = 0; i < kSeries; ++i) symbols.insert(std::to_string(1000 + i));
    for (const std::string& symbol : symbols) {
      EXPECT_THAT((*writer)->AddSymbol(symbol), testing::IsOk());
    }
    for (int i = 0; i < kSeries; ++i) {
      if (random_() % 6 == 0) continue;
      Chunks made;
      const bool histogram = i < kSeries / 10;
      const int64_t begin = min_ms + static_cast<int64_t>(random_() % 60'000);
      histogram ? AddHistograms(random_, begin, max_ms, &made)
                : AddFloats(random_, begin, max_ms, &made);
      for (size_t c = 0; c < made.chunks.size(); ++c) {
        made.chunks[c].data = codec::AsBytes(made.data[c]);
      }
      EXPECT_THAT((*writer)->AddSeries(Labels::Of({{"__name__", histogram ? "h" : "m"},
                                                   {"i", std::to_string(1000 + i)}}),
                                       made.chunks),
                  testing::IsOk());
    }
    block::BlockMeta meta;
    meta.min_ms = min_ms;
    meta.max_ms = max_ms;
    meta.compaction.level = 1;
    meta.compaction.sources = {id};
    EXPECT_THAT((*writer)->Finish(meta), testing::IsOk());
    return directory_.path() + "/" + id.ToString();
  }

  void Delete(const std::string& directory) {
    block::Tombstones stones;
    const auto block = block::Block::OpenDirectory(CallContext(), directory);
    block::SeriesScanner scanner(&(*block)->index(), (*block)->toc(), (*block)->reference_unit());
    for (block::SeriesEntry entry; *scanner.Next(CallContext(), &entry);) {
      if (random_() % 7 > 0) continue;
      const auto begin = (*block)->meta().min_ms + static_cast<int64_t>(random_() % kHour);
      stones.Add(scanner.reference(), {begin, begin + static_cast<int64_t>(random_() % kHour)});
    }
    fs::remove(directory + "/tombstones");
    const std::string bytes = stones.Write();
    THANOS_ASSERT_OK(block::ReplaceFile(directory + "/tombstones", codec::AsBytes(bytes)));
  }

  struct Made {
    MergedBlock merged;
    Files files;  // Of all blocks that came out; metas without what time and chance decide.
  };
  static std::string Comparable(block::BlockMeta meta) {
    meta.ulid = {};
    meta.thanos.upload_time = "";
    return block::WriteMeta(meta);
  }
  void Collect(const std::string& parent, const block::BlockMeta& meta, Files* files) {
    const std::string key = std::to_string(meta.thanos.resolution_ms);
    const std::string path = parent + "/" + meta.ulid.ToString();
    (*files)[key + "/meta"] = Comparable(meta);
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      const std::string name = fs::relative(entry.path(), path).native();
      if (!entry.is_regular_file() || name == block::kMetaFile) continue;
      (*files)[key + "/" + name] = *block::ReadFile(entry.path().native(), 1 << 30);
    }
  }
  Made Merge(const std::vector<std::string>& sources, OverlapRule rule, int64_t resolution_ms,
             const std::vector<int64_t>& coarser, base::Executor* helpers) {
    MergeRequest request;
    request.directories = sources;
    request.parent = directory_.path() + "/merged";
    fs::create_directories(request.parent);
    request.id = base::Ulid::Make(++made_);
    request.rule = rule;
    request.thanos.labels = {{"cluster", "a"}};
    request.thanos.resolution_ms = resolution_ms;
    request.thanos.source = "compactor";
    for (const int64_t one : coarser) request.coarser.push_back({one, base::Ulid::Make(++made_)});
    request.helpers = helpers;
    auto merged = MergeBlocks(CallContext(), request);
    EXPECT_THAT(merged, testing::IsOk());
    if (!merged.ok()) return {};
    EXPECT_THAT(merged->coarser_status, testing::IsOk());
    Made made{*std::move(merged), {}};
    Collect(request.parent, *made.merged.meta, &made.files);
    for (const auto& meta : made.merged.coarser) Collect(request.parent, meta, &made.files);
    return made;
  }
  // The way over whole blocks.
  Files Separately(const block::BlockMeta& meta, const std::vector<int64_t>& coarser,
                   std::vector<std::string>* directories) {
    Files files;
    const std::string parent = directory_.path() + "/merged";
    Collect(parent, meta, &files);
    std::string source = parent + "/" + meta.ulid.ToString();
    for (const int64_t resolution_ms : coarser) {
      const auto block = block::Block::OpenDirectory(CallContext(), source);
      EXPECT_THAT(block, testing::IsOk());
      const auto made =
          downsampling::Downsample(CallContext(), **block, resolution_ms,
                                   directory_.path() + "/merged", base::Ulid::Make(++made_));
      EXPECT_THAT(made, testing::IsOk());
      Collect(parent, *made, &files);
      source = parent + "/" + made->ulid.ToString();
      directories->push_back(source);
    }
    return files;
  }
  // Any number of threads, at once or separately: names of the files that differ are the message.
  void ExpectOneResult(const std::vector<std::string>& sources, OverlapRule rule,
                       int64_t resolution_ms, const std::vector<int64_t>& coarser,
                       std::vector<std::string>* directories) {
    const Made alone = Merge(sources, rule, resolution_ms, coarser, nullptr);
    ASSERT_TRUE(alone.merged.meta.has_value());
    Expect(Separately(*alone.merged.meta, coarser, directories), alone.files, "separately");
    THANOS_EXPECT_OK(VerifyBlock(
        CallContext(), directory_.path() + "/merged/" + alone.merged.meta->ulid.ToString(),
        *alone.merged.meta));
    for (const size_t threads : {1, 2, 5}) {
      base::Executor helpers("merge", threads);
      const Made made = Merge(sources, rule, resolution_ms, coarser, &helpers);
      Expect(alone.files, made.files, std::to_string(threads) + " helpers");
      EXPECT_EQ(made.merged.counts.samples_read, alone.merged.counts.samples_read);
      EXPECT_EQ(made.merged.counts.series_merged, alone.merged.counts.series_merged);
      EXPECT_EQ(made.merged.counts.series_repaired, alone.merged.counts.series_repaired);
      EXPECT_EQ(made.merged.counts.chunks_dropped, alone.merged.counts.chunks_dropped);
    }
  }
  static void Expect(const Files& want, const Files& got, const std::string& where) {
    ASSERT_EQ(want.size(), got.size()) << where;
    for (const auto& [name, bytes] : want) {
      ASSERT_TRUE(got.contains(name)) << where << ": " << name;
      ASSERT_TRUE(got.at(name) == bytes) << where << ": " << name << " differs";
    }
  }

  testing::TemporaryDirectory directory_;
  std::mt19937_64 random_{GetParam()};
  int64_t made_ = 0;
};

TEST_P(BlockMergeProperty, NeighboursAndTheirDownsampling) {
  std::vector<std::string> sources, coarse, ignored;
  for (int round = 0; round < 2; ++round) {
    std::vector<std::string> raw;
    for (int i = 0; i < 4; ++i) {
      const int64_t begin = (round * 4 + i) * 6 * kHour;
      raw.push_back(Write(begin, begin + 6 * kHour));
      if (i == 2) Delete(raw.back());
    }
    std::vector<std::string> made;
    ExpectOneResult(raw, OverlapRule::kChain, 0, {kResolution5mMs, kResolution1hMs}, &made);
    if (HasFatalFailure()) return;
    coarse.push_back(made[0]);
  }
  ExpectOneResult(coarse, OverlapRule::kChain, kResolution5mMs, {kResolution1hMs}, &ignored);
}

TEST_P(BlockMergeProperty, Replicas) {
  std::vector<std::string> sources, ignored;
  for (int i = 0; i < 3; ++i) {
    sources.push_back(Write(i * kHour, (i + 12) * kHour));
  }
  for (const OverlapRule rule : {OverlapRule::kChain, OverlapRule::kPenalty}) {
    ExpectOneResult(sources, rule, 0, {kResolution5mMs}, &ignored);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, BlockMergeProperty, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace thanos::compaction
