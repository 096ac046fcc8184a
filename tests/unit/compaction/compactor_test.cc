#include "compaction/compactor.h"

#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "fakes/memory_bucket.h"
#include "support/block_samples.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::compaction {
namespace {

constexpr int64_t kHour = 3'600'000;

class CompactorTest : public ::testing::Test {
 protected:
  CompactorTest() {
    options_.group.work_dir = directory_.path() + "/work";
    options_.group.ranges_ms.assign(std::begin(kRangesMs), std::end(kRangesMs));
    options_.downsample_dir = directory_.path() + "/downsample";
    options_.delete_delay_ms = 48 * kHour;
    fetch_.for_writing = true;
    fetch_.ignore_deletion_marks_delay_ms = 24 * kHour;
  }
  base::Ulid Add(const std::string& cluster, int64_t from_hour, int64_t to_hour, double offset = 0,
                 int series = 2) {
    const base::Ulid id = testing::WriteBlock(directory_.path(), {.min_ms = from_hour * kHour,
                                                                  .max_ms = to_hour * kHour,
                                                                  .series = series,
                                                                  .labels = {{"c", cluster}},
                                                                  .offset = offset});
    for (const auto& [name, bytes] : testing::BlockObjects(directory_.path(), id)) {
      bucket_.Put(name, bytes);
    }
    return id;
  }
  void AddContradiction() {
    Add("broken", 0, 2);
    Add("broken", 1, 3, 1);
  }
  std::unique_ptr<Compactor> Make() {
    fetcher_ = std::make_unique<bucketblocks::MetaFetcher>(&bucket_, fetch_, &io_, base::Logger(),
                                                           &registry_);
    return std::make_unique<Compactor>(options_, &bucket_, fetcher_.get(), &io_, base::Logger(),
                                       &registry_);
  }
  double Runs(const Compactor& compactor) {
    return compactor.metrics().runs_started.With(CompactionMetrics::Resolution(0)).value();
  }
  testing::TemporaryDirectory directory_;
  testing::MemoryBucket bucket_;
  metrics::Registry registry_;
  base::Executor io_{"io", 2};
  bucketblocks::FetchOptions fetch_;
  CompactorOptions options_;
  std::unique_ptr<bucketblocks::MetaFetcher> fetcher_;
};

TEST_F(CompactorTest, AFailedGroupStopsNothingElseAndWaits) {
  AddContradiction();
  for (int i = 0; i < 5; ++i) Add("good", 2 * i, 2 * i + 2);
  options_.backoff_ms = 3'600'000;
  const auto compactor = Make();
  const IterationResult first = compactor->RunIteration(CallContext());
  EXPECT_FALSE(first.status.ok());
  EXPECT_TRUE(first.halted);
  EXPECT_EQ(first.failed_groups, 1u);
  EXPECT_EQ(compactor->metrics().halted.value(), 1);
  EXPECT_EQ(compactor->metrics().compactions.With(CompactionMetrics::Resolution(0)).value(), 1);
  ASSERT_EQ(compactor->failed_groups().size(), 1u);
  const FailedGroup failed = compactor->failed_groups()[0];
  EXPECT_EQ(failed.labels, "{c=\"broken\"}");
  EXPECT_EQ(failed.blocks.size(), 2u);
  EXPECT_TRUE(failed.halted);
  // It waits: only the other group is looked at, and the state stays for all to see.
  const double runs = Runs(*compactor);
  const IterationResult second = compactor->RunIteration(CallContext());
  THANOS_EXPECT_OK(second.status);
  EXPECT_EQ(second.failed_groups, 1u);
  EXPECT_EQ(Runs(*compactor), runs + 1);
  EXPECT_EQ(compactor->metrics().halted.value(), 1);
}

TEST_F(CompactorTest, AFailedGroupIsTriedAgainAndForgottenWhenItIsWell) {
  AddContradiction();
  options_.backoff_ms = 1;
  const auto compactor = Make();
  EXPECT_TRUE(compactor->RunIteration(CallContext()).halted);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_TRUE(compactor->RunIteration(CallContext()).halted);
  EXPECT_EQ(compactor->failed_groups()[0].failures, 2);
  const auto view = compactor->view();
  THANOS_ASSERT_OK(
      bucket_.Delete(CallContext(), view->blocks.metas.begin()->first.ToString() + "/meta.json"));
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const IterationResult well = compactor->RunIteration(CallContext());
  THANOS_EXPECT_OK(well.status);
  EXPECT_TRUE(compactor->failed_groups().empty());
  EXPECT_EQ(compactor->metrics().halted.value(), 0);
}

TEST_F(CompactorTest, AnIncompleteViewStopsEverything) {
  for (int i = 0; i < 5; ++i) Add("good", 2 * i, 2 * i + 2);
  options_.retention.raw_ms = 1;
  options_.downsample = false;
  const base::Ulid unknown = base::Ulid::Make(3);
  bucket_.Put(unknown.ToString() + "/meta.json", R"({"version":7})");
  const auto compactor = Make();
  const IterationResult result = compactor->RunIteration(CallContext());
  EXPECT_FALSE(result.status.ok());
  EXPECT_FALSE(result.halted);
  EXPECT_FALSE(compactor->sync_error().ok());
  size_t marks = 0;
  THANOS_ASSERT_OK(bucket_.Iterate(CallContext(), {.recursive = true}, [&](const auto& object) {
    marks += object.name.ends_with("mark.json");
    return OkStatus();
  }));
  EXPECT_EQ(marks, 0u);
}

TEST_F(CompactorTest, AnIdleIterationListsOnce) {
  for (int i = 0; i < 3; ++i) Add("good", 2 * i, 2 * i + 2);
  const auto compactor = Make();
  THANOS_ASSERT_OK(compactor->RunIteration(CallContext()).status);
  bucket_.ResetCounts();
  THANOS_ASSERT_OK(compactor->RunIteration(CallContext()).status);
  EXPECT_EQ(bucket_.opens(), 0u);  // Metas are known.
}

TEST_F(CompactorTest, WhatExpiresTooShortIsDownsampledFirst) {
  Add("orphan", 0, 20);
  options_.retention.raw_ms = 48 * kHour;
  const auto compactor = Make();
  THANOS_ASSERT_OK(compactor->RunIteration(CallContext()).status);
  const auto view = compactor->view();
  ASSERT_EQ(view->blocks.metas.size(), 2u);
  size_t coarse = 0, marked = 0;
  for (const auto& [ulid, meta] : view->blocks.metas) {
    coarse += meta->thanos.resolution_ms == 300'000;
    marked += meta->thanos.resolution_ms == 0 &&
              !bucket_.Get(ulid.ToString() + "/deletion-mark.json").empty();
  }
  EXPECT_EQ(coarse, 1u);
  EXPECT_EQ(marked, 1u);
}

class DownsampleAtOnce : public CompactorTest {
 protected:
  // Six blocks of 8 h that become one of 2 d, and a fresh one.
  void AddTwoDays() {
    for (int i = 0; i < 6; ++i) Add("a", 8 * i, 8 * i + 8, 0, 9);
    Add("a", 48, 50);
  }
  uint64_t SourceBytes() {
    uint64_t bytes = 0;
    THANOS_EXPECT_OK(bucket_.Iterate(CallContext(), {.recursive = true}, [&](const auto& object) {
      bytes += static_cast<uint64_t>(object.attributes.size);
      return OkStatus();
    }));
    return bytes;
  }
  // By resolution, of the blocks that are not marked.
  std::map<int64_t, block::BlockMeta> Results(const Compactor& compactor) {
    std::map<int64_t, block::BlockMeta> results;
    for (const auto& [ulid, meta] : compactor.view()->blocks.metas) {
      if (compactor.view()->blocks.deletion_marks.contains(ulid)) continue;
      if (meta->max_ms - meta->min_ms == 48 * kHour) results[meta->thanos.resolution_ms] = *meta;
    }
    return results;
  }
  std::string Object(const block::BlockMeta& meta, const std::string& file) {
    return bucket_.Get(meta.ulid.ToString() + "/" + file);
  }
};

TEST_F(DownsampleAtOnce, ReadsNoMoreThanTheSources) {
  AddTwoDays();
  const uint64_t input = SourceBytes();
  ASSERT_GT(input, 50'000u);
  const auto compactor = Make();
  bucket_.ResetCounts();
  THANOS_ASSERT_OK(compactor->RunIteration(CallContext()).status);
  EXPECT_LE(bucket_.opened_bytes(), input * 11 / 10);
  EXPECT_EQ(compactor->metrics().downsampled_at_once.value(), 1);
  EXPECT_EQ(compactor->metrics().downsamplings.With(CompactionMetrics::Resolution(0)).value(), 1);
  ASSERT_EQ(Results(*compactor).size(), 2u);
  bucket_.ResetCounts();
  THANOS_ASSERT_OK(compactor->RunIteration(CallContext()).status);
  EXPECT_EQ(bucket_.opens(), 0u);
}

// The downsampled block is the one that comes out when it is made of the whole block later on.
TEST_F(DownsampleAtOnce, IsWhatComesOutLaterToo) {
  AddTwoDays();
  THANOS_ASSERT_OK(Make()->RunIteration(CallContext()).status);
  const auto compactor = Make();
  THANOS_ASSERT_OK(compactor->RunIteration(CallContext()).status);
  const auto first = Results(*compactor);
  ASSERT_EQ(first.size(), 2u);
  const block::BlockMeta at_once = first.at(300'000);
  THANOS_ASSERT_OK(bucket_.Delete(CallContext(), at_once.ulid.ToString() + "/meta.json"));
  THANOS_ASSERT_OK(compactor->RunIteration(CallContext()).status);
  block::BlockMeta later = Results(*compactor).at(300'000);
  EXPECT_NE(later.ulid, at_once.ulid);
  for (const char* file : {"index", "chunks/000001"}) {
    ASSERT_FALSE(Object(at_once, file).empty());
    EXPECT_TRUE(Object(at_once, file) == Object(later, file)) << file;
  }
  later.ulid = at_once.ulid;
  later.thanos.upload_time = at_once.thanos.upload_time;
  EXPECT_EQ(block::WriteMeta(later), block::WriteMeta(at_once));
}

TEST_F(DownsampleAtOnce, NotWhenDownsamplingIsOff) {
  AddTwoDays();
  options_.downsample = false;
  const auto compactor = Make();
  THANOS_ASSERT_OK(compactor->RunIteration(CallContext()).status);
  EXPECT_EQ(Results(*compactor).size(), 1u);
  EXPECT_EQ(compactor->metrics().downsampled_at_once.value(), 0);
}

// Six blocks, their result and what is downsampled of it would need three times the sources.
TEST_F(DownsampleAtOnce, LaterWhereTheDiskHasNoRoomForIt) {
  AddTwoDays();
  uint64_t disk = 0;
  options_.group.free_bytes = [&](const std::string&) -> Result<uint64_t> { return disk; };
  // Metas that state no sizes count a page.
  disk = 6 * 4096 * 3 - 1;
  const auto compactor = Make();
  THANOS_ASSERT_OK(compactor->RunIteration(CallContext()).status);
  EXPECT_EQ(compactor->metrics().downsampled_at_once.value(), 0);
  EXPECT_EQ(Results(*compactor).size(), 2u);
}

// Both groups fit alone, not together: one waits for the other, and nothing fails.
TEST_F(CompactorTest, GroupsShareTheDiskInTurns) {
  for (const char* cluster : {"a", "b", "c"}) {
    for (int i = 0; i < 5; ++i) Add(cluster, 2 * i, 2 * i + 2);
  }
  options_.group_concurrency = 3;
  options_.group.free_bytes = [](const std::string&) -> Result<uint64_t> { return 4 * 4096 * 3; };
  const auto compactor = Make();
  THANOS_ASSERT_OK(compactor->RunIteration(CallContext()).status);
  EXPECT_EQ(compactor->metrics().compactions.With(CompactionMetrics::Resolution(0)).value(), 3);
  EXPECT_EQ(compactor->metrics().plans_made_smaller.value(), 0);
}

}  // namespace
}  // namespace thanos::compaction
