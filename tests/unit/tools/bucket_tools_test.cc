// Replication and verification over directories as buckets.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/executor.h"
#include "bucketblocks/fetcher.h"
#include "objstore/decorators.h"
#include "objstore/filesystem.h"
#include "support/temporary_directory.h"
#include "support/tiny_block.h"
#include "thanos/testing/status_matchers.h"
#include "tools/replicate.h"
#include "tools/verify.h"

namespace thanos::tools {
namespace {

namespace fs = std::filesystem;

class BucketToolsTest : public ::testing::Test {
 protected:
  BucketToolsTest()
      : from_(*objstore::OpenFilesystemBucket(path("from"))),
        to_(*objstore::OpenFilesystemBucket(path("to"))) {
    fs::create_directories(path("from"));
  }
  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
  bucketblocks::MetaMap Metas(Bucket& bucket) {
    bucketblocks::FetchOptions options;
    options.for_writing = true;
    options.drop_duplicates = false;
    bucketblocks::MetaFetcher fetcher(&bucket, std::move(options), &io_, base::Logger(),
                                      &registry_);
    return fetcher.Fetch(context_)->metas;
  }
  Status Replicate(Bucket& to, ReplicateFilter filter) {
    return Replicator(from_.get(), &to, std::move(filter), base::Logger(), &registry_)
        .Run(context_, Metas(*from_));
  }
  static ReplicateFilter AllBlocks() {
    ReplicateFilter filter;
    filter.resolutions_ms = {0};
    filter.levels = {1};
    return filter;
  }
  Status Verify(Issue issue, VerifyReport* report, bool repair = false) {
    Verifier verifier({.repair = repair, .work_dir = path("work")}, from_.get(), to_.get(),
                      base::Logger(), &registry_);
    return verifier.Run(context_, issue, Metas(*from_), report);
  }

  testing::TemporaryDirectory directory_;
  CallContext context_;
  metrics::Registry registry_;
  base::Executor io_{"io", 2};
  std::unique_ptr<Bucket> from_, to_;
};

TEST_F(BucketToolsTest, ReplicationCutShortLeavesNoBlockAndIsCompletedLater) {
  const base::Ulid id = testing::WriteTinyBlock(path("from"), 0, 100);
  auto counting = std::make_shared<objstore::FaultPlan>();
  {
    const auto bucket =
        objstore::WithFaults(*objstore::OpenFilesystemBucket(path("dry")), counting);
    THANOS_ASSERT_OK(Replicate(*bucket, AllBlocks()));
  }
  ASSERT_GT(counting->points(), 5u);
  const std::string meta = path("to") + "/" + id.ToString() + "/meta.json";
  for (uint64_t point = 1; point <= counting->points(); ++point) {
    fs::remove_all(path("to"));
    const auto faulty = objstore::WithFaults(*objstore::OpenFilesystemBucket(path("to")),
                                             objstore::FaultPlan::CrashAt(point));
    const bool done = Replicate(*faulty, AllBlocks()).ok();
    // The meta.json is there only when all else is.
    if (fs::exists(meta)) {
      EXPECT_TRUE(fs::exists(path("to") + "/" + id.ToString() + "/index"));
      EXPECT_TRUE(fs::exists(path("to") + "/" + id.ToString() + "/chunks/000001"));
    } else {
      EXPECT_FALSE(done);
    }
    THANOS_ASSERT_OK(Replicate(*to_, AllBlocks()));
    EXPECT_EQ(Metas(*to_).size(), 1u);
  }
}

TEST_F(BucketToolsTest, AnObjectOfAnotherSizeIsCopiedAnew) {
  const base::Ulid id = testing::WriteTinyBlock(path("from"), 0, 100);
  const std::string index = "/" + id.ToString() + "/index";
  fs::create_directories(path("to") + "/" + id.ToString());
  std::ofstream(path("to") + index) << "half";
  THANOS_ASSERT_OK(Replicate(*to_, AllBlocks()));
  EXPECT_EQ(fs::file_size(path("to") + index), fs::file_size(path("from") + index));
}

TEST_F(BucketToolsTest, FiltersChoose) {
  testing::WriteTinyBlock(path("from"), 0, 100);
  const base::Ulid high = testing::WriteTinyBlock(path("from"), 7'200'000, 100, 2);
  ReplicateFilter filter = AllBlocks();
  filter.levels = {2};
  THANOS_ASSERT_OK(Replicate(*to_, filter));
  ASSERT_EQ(Metas(*to_).size(), 1u);
  EXPECT_TRUE(Metas(*to_).contains(high));
  filter.levels = {1, 2};
  filter.matchers = {model::Matcher::Equal("nope", "x")};
  for (const auto& [id, meta] : Metas(*from_)) EXPECT_FALSE(filter.Wants(*meta));
  filter.ids = {high};  // Nothing else counts then.
  EXPECT_TRUE(filter.Wants(*Metas(*from_).at(high)));
}

TEST_F(BucketToolsTest, VerifyFindsADamagedIndexAndOverlaps) {
  const base::Ulid good = testing::WriteTinyBlock(path("from"), 0, 100);
  const base::Ulid bad = testing::WriteTinyBlock(path("from"), 7'200'000, 100);
  VerifyReport report;
  THANOS_ASSERT_OK(Verify(Issue::kIndexKnownIssues, &report));
  EXPECT_EQ(report.found, 0u);
  fs::resize_file(path("from") + "/" + bad.ToString() + "/index", 100);
  THANOS_ASSERT_OK(Verify(Issue::kIndexKnownIssues, &report));
  EXPECT_EQ(report.found, 1u);
  EXPECT_EQ(report.repaired, 0u);
  EXPECT_FALSE(fs::exists(path("work")) && !fs::is_empty(path("work")));
  report = {};
  THANOS_ASSERT_OK(Verify(Issue::kOverlappedBlocks, &report));
  EXPECT_EQ(report.found, 0u);
  testing::WriteTinyBlock(path("from"), 50'000, 100);
  THANOS_ASSERT_OK(Verify(Issue::kOverlappedBlocks, &report));
  EXPECT_EQ(report.found, 1u);
  EXPECT_TRUE(Metas(*from_).contains(good));
}

// Nothing is deleted before it lies in the backup.
TEST_F(BucketToolsTest, DuplicatesAreBackedUpAndDeleted) {
  const base::Ulid id = testing::WriteTinyBlock(path("from"), 0, 100);
  const base::Ulid copy = base::Ulid::Make(1'800'000'000'000);
  fs::copy(path("from") + "/" + id.ToString(), path("from") + "/" + copy.ToString(),
           fs::copy_options::recursive);
  const std::string meta = path("from") + "/" + copy.ToString() + "/meta.json";
  auto parsed = *block::ParseMeta([&] {
    std::ifstream in(meta);
    return std::string{std::istreambuf_iterator<char>(in), {}};
  }());
  parsed.ulid = copy;
  std::ofstream(meta) << block::WriteMeta(parsed);
  VerifyReport report;
  THANOS_ASSERT_OK(Verify(Issue::kDuplicatedCompaction, &report, true));
  EXPECT_EQ(report.found, 1u);
  EXPECT_EQ(report.repaired, 1u);
  EXPECT_EQ(Metas(*from_).size(), 1u);
  EXPECT_TRUE(Metas(*from_).contains(id));
  EXPECT_TRUE(Metas(*to_).contains(copy));
}

TEST(IssueTest, NamesAreThoseOfTheFlag) {
  for (const char* name : {"index_known_issues", "overlapped_blocks", "duplicated_compaction"}) {
    EXPECT_EQ(IssueName(*ParseIssue(name)), name);
  }
  EXPECT_FALSE(ParseIssue("bogus").ok());
  EXPECT_FALSE(IsRepairable(Issue::kOverlappedBlocks));
}

}  // namespace
}  // namespace thanos::tools
