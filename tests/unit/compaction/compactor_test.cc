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
  base::Ulid Add(const std::string& cluster, int64_t from_hour, int64_t to_hour,
                 double offset = 0) {
    const base::Ulid id = testing::WriteBlock(directory_.path(), {.min_ms = from_hour * kHour,
                                                                  .max_ms = to_hour * kHour,
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

}  // namespace
}  // namespace thanos::compaction
