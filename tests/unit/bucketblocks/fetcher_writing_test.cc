// What a fetcher tells those who change the bucket.
#include <gtest/gtest.h>

#include "bucketblocks/fetcher.h"
#include "fakes/memory_bucket.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::bucketblocks {
namespace {

class FetchForWritingTest : public ::testing::Test {
 protected:
  FetchForWritingTest() { options_.for_writing = true; }
  base::Ulid Add(std::map<std::string, std::string> labels, std::vector<base::Ulid> sources = {}) {
    block::BlockMeta meta;
    meta.ulid = base::Ulid::Make(++next_);
    meta.max_ms = 1000;
    meta.compaction.sources = sources.empty() ? std::vector{meta.ulid} : std::move(sources);
    meta.thanos.labels = std::move(labels);
    bucket_.Put(meta.ulid.ToString() + "/meta.json", block::WriteMeta(meta));
    bucket_.Put(meta.ulid.ToString() + "/index", "x");
    return meta.ulid;
  }
  void Mark(const base::Ulid& ulid, MarkKind kind, int64_t time_s) {
    bucket_.Put(ulid.ToString() + "/" + std::string(MarkFile(kind)),
                WriteMark({.kind = kind, .ulid = ulid, .time_s = time_s, .reason = "manual"}));
  }
  FetchResult Fetch() {
    MetaFetcher fetcher(&bucket_, options_, &io_, base::Logger(), &registry_);
    auto result = fetcher.Fetch(CallContext());
    EXPECT_THAT(result, testing::IsOk());
    return result.ok() ? *std::move(result) : FetchResult();
  }
  FetchOptions options_;
  testing::MemoryBucket bucket_;
  base::Executor io_{"io", 2};
  metrics::Registry registry_;
  int64_t next_ = 0;
};

TEST_F(FetchForWritingTest, TellsMarksPartialsAndDuplicates) {
  const auto a = Add({{"c", "1"}}), b = Add({{"c", "2"}}), c = Add({{"c", "3"}});
  const auto large = Add({{"c", "1"}}, {a, b});
  Mark(b, MarkKind::kNoCompact, 5);
  bucket_.Put(c.ToString() + "/no-downsample-mark.json", "{");  // Counts as a mark.
  bucket_.Put(c.ToString() + "/deletion-mark.json", "{");       // Does not.
  const auto half = base::Ulid::Make(77);
  bucket_.Put(half.ToString() + "/index", "x");
  Mark(half, MarkKind::kDeletion, 9);
  bucket_.Put("debug/metas/x.json", "{");
  const FetchResult result = Fetch();
  THANOS_EXPECT_OK(result.incomplete);
  EXPECT_EQ(result.metas.size(), 3u);
  EXPECT_EQ(result.duplicates, std::vector{a});
  EXPECT_EQ(result.partial, std::vector{half});
  ASSERT_EQ(result.deletion_marks.size(), 1u);
  EXPECT_EQ(result.deletion_marks.at(half).time_s, 9);
  EXPECT_EQ(result.no_compact_marks.at(b).reason, "manual");
  EXPECT_TRUE(result.no_downsample_marks.contains(c));
  EXPECT_TRUE(result.metas.contains(large));
}

TEST_F(FetchForWritingTest, WhoShowsTheBucketSeesMarksButIsNotStoppedByWhatIsNotUnderstood) {
  options_.for_writing = false;
  const auto a = Add({{"c", "1"}});
  Mark(a, MarkKind::kNoCompact, 5);
  Mark(a, MarkKind::kDeletion, 6);
  EXPECT_TRUE(Fetch().no_compact_marks.empty());
  options_.with_marks = true;
  block::BlockMeta other;
  other.ulid = base::Ulid::Make(51);
  bucket_.Put(base::Ulid::Make(50).ToString() + "/meta.json", block::WriteMeta(other));
  const FetchResult result = Fetch();
  THANOS_EXPECT_OK(result.incomplete);
  EXPECT_TRUE(result.metas.contains(a));  // Marked, and shown all the same.
  EXPECT_EQ(result.no_compact_marks.at(a).reason, "manual");
  EXPECT_EQ(result.deletion_marks.at(a).time_s, 6);
}

TEST_F(FetchForWritingTest, WhatIsNotUnderstoodMakesTheViewIncomplete) {
  Add({{"c", "1"}});
  const auto id = base::Ulid::Make(50).ToString();
  block::BlockMeta other;
  other.ulid = base::Ulid::Make(51);
  std::string version_two = block::WriteMeta(other);
  version_two.replace(version_two.find("\"version\": 1"), 12, "\"version\": 2");
  for (const std::string& text : {block::WriteMeta(other), version_two}) {
    bucket_.Put(id + "/meta.json", text);
    const FetchResult result = Fetch();
    EXPECT_FALSE(result.incomplete.ok());
    EXPECT_TRUE(result.partial.empty());  // Or it would be removed one day.
  }
  bucket_.Put(id + "/meta.json", "{\"ulid\":");
  const FetchResult result = Fetch();
  THANOS_EXPECT_OK(result.incomplete);
  EXPECT_EQ(result.partial.size(), 1u);
}

TEST_F(FetchForWritingTest, ReplicaLabelsAreTakenOutAndHiddenFromTheSelector) {
  options_.replica_labels = {"replica", "rule"};
  options_.labels_hidden_from_selector = {"replica"};
  THANOS_ASSERT_OK_AND_ASSIGN(
      options_.selector,
      relabel::Rules::Parse("- {action: drop, source_labels: [replica], regex: .+}",
                            relabel::SelectorOptions()));
  const auto pair = Add({{"c", "1"}, {"replica", "a"}}), only = Add({{"rule", "x"}});
  const FetchResult result = Fetch();
  using Map = std::map<std::string, std::string>;
  EXPECT_EQ(result.metas.at(pair)->thanos.labels, (Map{{"c", "1"}}));
  EXPECT_EQ(result.metas.at(only)->thanos.labels, (Map{{"replica", "deduped"}}));
}

TEST_F(FetchForWritingTest, MarksOfBlocksThatAreNotSelectedAreNobodysBusiness) {
  THANOS_ASSERT_OK_AND_ASSIGN(
      options_.selector, relabel::Rules::Parse("- {action: keep, source_labels: [c], regex: one}",
                                               relabel::SelectorOptions()));
  options_.ignore_deletion_marks_delay_ms = 1000;
  const auto one = Add({{"c", "one"}}), two = Add({{"c", "two"}});
  Mark(one, MarkKind::kDeletion, 1);
  Mark(two, MarkKind::kDeletion, 1);
  const FetchResult result = Fetch();
  EXPECT_TRUE(result.metas.empty());
  EXPECT_TRUE(result.deletion_marks.contains(one));
  EXPECT_FALSE(result.deletion_marks.contains(two));
}

}  // namespace
}  // namespace thanos::bucketblocks
