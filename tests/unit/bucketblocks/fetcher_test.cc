#include "bucketblocks/fetcher.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/time_text.h"
#include "bucketblocks/marks.h"
#include "bucketblocks/shipper.h"
#include "fakes/memory_bucket.h"
#include "objstore/byte_sources.h"
#include "objstore/decorators.h"
#include "objstore/filesystem.h"
#include "support/temporary_directory.h"
#include "support/tiny_block.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::bucketblocks {
namespace {

namespace fs = std::filesystem;
using testing::StatusIs;

class FetcherTest : public ::testing::Test {
 protected:
  FetcherTest() { fs::create_directories(path()); }
  std::string path() const { return directory_.path() + "/bucket"; }

  Result<FetchResult> Fetch(FetchOptions options = {},
                            std::shared_ptr<objstore::FaultPlan> plan = nullptr) {
    if (!plan) plan = std::make_shared<objstore::FaultPlan>();
    bucket_ = objstore::WithFaults(*objstore::OpenFilesystemBucket(path()), std::move(plan));
    MetaFetcher fetcher(bucket_.get(), std::move(options), &io_, base::Logger(), &registry_);
    return fetcher.Fetch(CallContext());
  }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(path() + "/" + name) << text;
  }

  testing::TemporaryDirectory directory_;
  metrics::Registry registry_;
  base::Executor io_{"io", 4};
  std::unique_ptr<Bucket> bucket_;
};

TEST_F(FetcherTest, FindsWholeBlocksAndCountsThePartialOnes) {
  const base::Ulid whole = testing::WriteTinyBlock(path(), 0, 10);
  const base::Ulid partial = testing::WriteTinyBlock(path(), 7200000, 10);
  const base::Ulid corrupt = testing::WriteTinyBlock(path(), 14400000, 10);
  // Chunks are uploaded first: a block of which there is nothing else is seen too.
  fs::remove(path() + "/" + partial.ToString() + "/meta.json");
  fs::remove(path() + "/" + partial.ToString() + "/index");
  Write(corrupt.ToString() + "/meta.json", "{");
  fs::create_directory(path() + "/debug");
  Write("stray", "x");
  THANOS_ASSERT_OK_AND_ASSIGN(const FetchResult result, Fetch());
  THANOS_EXPECT_OK(result.incomplete);
  EXPECT_EQ(result.metas.size(), 1u);
  EXPECT_TRUE(result.metas.contains(whole));
  EXPECT_EQ(result.partial.size(), 2u);
}

TEST_F(FetcherTest, APassingFailureGivesAnIncompleteViewNotAMissingBlock) {
  const base::Ulid a = testing::WriteTinyBlock(path(), 0, 10);
  const base::Ulid b = testing::WriteTinyBlock(path(), 7200000, 10);
  auto plan = std::make_shared<objstore::FaultPlan>([&](uint64_t, std::string_view call) {
    return call == "open " + b.ToString() + "/meta.json" ? UnavailableError("later") : OkStatus();
  });
  THANOS_ASSERT_OK_AND_ASSIGN(const FetchResult result, Fetch({}, plan));
  EXPECT_THAT(result.incomplete, StatusIs(StatusCode::kUnavailable));
  EXPECT_TRUE(result.metas.contains(a));
}

TEST_F(FetcherTest, AFailedListingIsAnErrorNotAnEmptyBucket) {
  testing::WriteTinyBlock(path(), 0, 10);
  EXPECT_FALSE(Fetch({}, objstore::FaultPlan::CrashAt(1)).ok());
}

TEST_F(FetcherTest, FiltersByTimeMarkAndAge) {
  const base::Ulid old = testing::WriteTinyBlock(path(), 0, 10);
  const base::Ulid marked = testing::WriteTinyBlock(path(), 7200000, 10);
  Write(marked.ToString() + "/deletion-mark.json",
        "{\"id\":\"" + marked.ToString() + "\",\"version\":1,\"deletion_time\":1000}");
  const auto fetched = [&](FetchOptions options) {
    auto result = Fetch(std::move(options));
    EXPECT_THAT(result, testing::IsOk());
    return result->metas.size();
  };
  EXPECT_EQ(fetched({}), 2u);
  EXPECT_EQ(fetched({.ignore_deletion_marks_delay_ms = 0}), 1u);
  EXPECT_EQ(fetched({.ignore_deletion_marks_delay_ms = INT64_MAX / 2}), 2u);
  EXPECT_EQ(fetched({.min_ms = [] { return 7000000; }}), 1u);
  EXPECT_EQ(fetched({.max_ms = [] { return 7000000; }}), 1u);
  EXPECT_EQ(fetched({.consistency_delay_ms = base::NowMs() - old.time_ms() + 3600000}), 0u);
}

TEST_F(FetcherTest, AMarkThatCannotBeReadCountsAsAbsent) {
  const base::Ulid id = testing::WriteTinyBlock(path(), 0, 10);
  Write(id.ToString() + "/deletion-mark.json", "not json");
  THANOS_ASSERT_OK_AND_ASSIGN(const FetchResult good, Fetch({.ignore_deletion_marks_delay_ms = 0}));
  EXPECT_EQ(good.metas.size(), 1u);
  // One block's mark of a version to come must not keep a store from serving all the others.
  Write(id.ToString() + "/deletion-mark.json", "{\"version\":2}");
  THANOS_ASSERT_OK_AND_ASSIGN(const FetchResult later,
                              Fetch({.ignore_deletion_marks_delay_ms = 0}));
  EXPECT_THAT(later.incomplete, testing::IsOk());
  EXPECT_EQ(later.metas.size(), 1u);
}

TEST_F(FetcherTest, KeepsMetasLocallyAndForgetsVanishedOnes) {
  const std::string cache = directory_.path() + "/cache";
  const base::Ulid id = testing::WriteTinyBlock(path(), 0, 10);
  THANOS_ASSERT_OK(Fetch({.cache_dir = cache}));
  const std::string kept = cache + "/meta-syncer/metas.pack";
  EXPECT_TRUE(fs::exists(kept));
  const auto opened = [&] {
    auto counting = std::make_shared<objstore::FaultPlan>();
    auto result = Fetch({.cache_dir = cache}, counting);
    EXPECT_THAT(result, testing::IsOk());
    EXPECT_EQ(result->metas.size(), 1u);
    const auto calls = counting->calls();
    return std::count_if(calls.begin(), calls.end(), [](const std::string& call) {
      return call.starts_with("open ") && !call.ends_with("done");
    });
  };
  EXPECT_EQ(opened(), 0);
  std::ofstream(kept) << "corrupt";
  EXPECT_EQ(opened(), 1);
  EXPECT_EQ(opened(), 0);
  fs::remove_all(path() + "/" + id.ToString());
  THANOS_ASSERT_OK(Fetch({.cache_dir = cache}));
  testing::WriteTinyBlock(path(), 0, 10);
  EXPECT_EQ(opened(), 1);
}

TEST_F(FetcherTest, CopiesThatGoLeftAreTakenOver) {
  const std::string cache = directory_.path() + "/cache";
  const base::Ulid id = testing::WriteTinyBlock(path(), 0, 10);
  const std::string copy = cache + "/meta-syncer/" + id.ToString();
  fs::create_directories(copy);
  fs::copy_file(path() + "/" + id.ToString() + "/meta.json", copy + "/meta.json");
  auto counting = std::make_shared<objstore::FaultPlan>();
  THANOS_ASSERT_OK_AND_ASSIGN(const FetchResult result, Fetch({.cache_dir = cache}, counting));
  EXPECT_EQ(result.metas.size(), 1u);
  const auto calls = counting->calls();
  for (const std::string& call : calls) EXPECT_FALSE(call.starts_with("open ")) << call;
  EXPECT_FALSE(fs::exists(copy));  // It is in the pack now.
}

TEST_F(FetcherTest, OneListingTellsEverythingOfBlocksThatDidNotChange) {
  const base::Ulid a = testing::WriteTinyBlock(path(), 0, 10);
  const base::Ulid b = testing::WriteTinyBlock(path(), 7200000, 10);
  const std::string mark = a.ToString() + "/deletion-mark.json";
  Write(mark, "{\"id\":\"" + a.ToString() + "\",\"version\":1,\"deletion_time\":1000}");
  auto plan = std::make_shared<objstore::FaultPlan>();
  auto bucket = objstore::WithFaults(*objstore::OpenFilesystemBucket(path()), plan);
  metrics::Registry registry;
  base::Executor io("io", 2);
  MetaFetcher fetcher(bucket.get(), {.ignore_deletion_marks_delay_ms = 0}, &io, base::Logger(),
                      &registry);
  const auto calls = [&] {
    const size_t before = plan->calls().size();
    const auto result = fetcher.Fetch(CallContext());
    EXPECT_THAT(result, testing::IsOk());
    const auto all = plan->calls();
    std::vector<std::string> out;
    for (size_t i = before; i < all.size(); ++i) {
      const bool asks = all[i].starts_with("open ") || all[i].starts_with("attributes ") ||
                        all[i].starts_with("list ");
      if (asks && !all[i].ends_with(": done")) out.push_back(all[i]);
    }
    return std::pair(result->metas.size(), out.size());
  };
  EXPECT_EQ(calls(), std::pair(size_t{1}, size_t{4}));  // The listing, two metas, a mark.
  EXPECT_EQ(calls(), std::pair(size_t{1}, size_t{1}));
  Write(mark, "{\"id\":\"" + a.ToString() + "\",\"version\":1,\"deletion_time\":99999999999}");
  EXPECT_EQ(calls(), std::pair(size_t{2}, size_t{2}));  // Another mark is read.
  fs::remove(path() + "/" + mark);
  EXPECT_EQ(calls(), std::pair(size_t{2}, size_t{1}));
  fs::remove(path() + "/" + b.ToString() + "/meta.json");
  EXPECT_EQ(calls(), std::pair(size_t{1}, size_t{1}));
}

TEST_F(FetcherTest, MillionsOfForeignObjectsAreJumpedOver) {
  testing::MemoryBucket bucket;
  const base::Ulid id = testing::WriteTinyBlock(path(), 0, 10);
  bucket.Put(id.ToString() + "/meta.json",
             testing::ReadWholeFile(path() + "/" + id.ToString() + "/meta.json"));
  for (int i = 0; i < 5000; ++i) bucket.Put("00-foreign/" + std::to_string(i), "x");
  bucket.Put("zz-last/object", "x");
  metrics::Registry registry;
  base::Executor io("io", 2);
  MetaFetcher fetcher(&bucket, {}, &io, base::Logger(), &registry);
  THANOS_ASSERT_OK_AND_ASSIGN(const FetchResult result, fetcher.Fetch(CallContext()));
  EXPECT_EQ(result.metas.size(), 1u);
  EXPECT_LT(bucket.visits(), 1100u);
}

TEST_F(FetcherTest, DeletingABlockTakesItsMetaFirst) {
  const base::Ulid id = testing::WriteTinyBlock(path(), 0, 10);
  auto counting = std::make_shared<objstore::FaultPlan>();
  auto bucket = objstore::WithFaults(*objstore::OpenFilesystemBucket(path()), counting);
  THANOS_ASSERT_OK(DeleteBlock(CallContext(), *bucket, id));
  EXPECT_FALSE(fs::exists(path() + "/" + id.ToString()));
  std::vector<std::string> deletes;
  for (const std::string& call : counting->calls()) {
    if (call.starts_with("delete ") && !call.ends_with(": done")) deletes.push_back(call);
  }
  ASSERT_FALSE(deletes.empty());
  EXPECT_EQ(deletes.front(), "delete " + id.ToString() + "/meta.json");
  EXPECT_EQ(deletes.back(), "delete " + id.ToString() + "/deletion-mark.json");
}

TEST_F(FetcherTest, TheShipperLeavesOutEmptyAndCompactedBlocks) {
  const std::string tsdb = directory_.path() + "/tsdb";
  fs::create_directories(tsdb);
  testing::WriteTinyBlock(tsdb, 0, 0);
  testing::WriteTinyBlock(tsdb, 7200000, 10, /*level=*/2);
  const base::Ulid plain = testing::WriteTinyBlock(tsdb, 14400000, 10);
  THANOS_ASSERT_OK_AND_ASSIGN(auto bucket, objstore::OpenFilesystemBucket(path()));
  Shipper shipper({.directory = tsdb,
                   .external_labels = [] { return Labels::Of({{"replica", "a"}}); },
                   .hash_files = true},
                  bucket.get(), base::Logger(), &registry_);
  THANOS_ASSERT_OK_AND_ASSIGN(const size_t shipped, shipper.Sync(CallContext()));
  EXPECT_EQ(shipped, 1u);
  THANOS_ASSERT_OK_AND_ASSIGN(
      const std::string text,
      objstore::ReadObject(CallContext(), *bucket, plain.ToString() + "/meta.json", 1 << 20));
  THANOS_ASSERT_OK_AND_ASSIGN(const block::BlockMeta meta, block::ParseMeta(text));
  EXPECT_EQ(meta.thanos.source, "sidecar");
  ASSERT_EQ(meta.thanos.files.size(), 3u);
  EXPECT_EQ(meta.thanos.files[0].path, "chunks/000001");
  EXPECT_EQ(meta.thanos.files[0].hash_value.size(), 64u);
}

TEST_F(FetcherTest, TheShipperRefusesBlocksWithoutExternalLabels) {
  const std::string tsdb = directory_.path() + "/tsdb";
  fs::create_directories(tsdb);
  testing::WriteTinyBlock(tsdb, 0, 10);
  THANOS_ASSERT_OK_AND_ASSIGN(auto bucket, objstore::OpenFilesystemBucket(path()));
  Shipper shipper({.directory = tsdb, .external_labels = [] { return Labels(); }}, bucket.get(),
                  base::Logger(), &registry_);
  EXPECT_THAT(shipper.Sync(CallContext()), StatusIs(StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace thanos::bucketblocks
