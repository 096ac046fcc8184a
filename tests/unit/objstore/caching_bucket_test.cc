#include "objstore/caching_bucket.h"

#include <future>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "cache/memory_cache.h"
#include "fakes/memory_bucket.h"
#include "objstore/byte_sources.h"
#include "objstore/subranges.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::objstore {
namespace {

using testing::IsOk;
using testing::StatusIs;

constexpr char kChunks[] = "01ARZ3NDEKTSV4RRFFQ69G5FAV/chunks/000001";
constexpr char kMeta[] = "01ARZ3NDEKTSV4RRFFQ69G5FAV/meta.json";

class CachingBucketTest : public ::testing::Test {
 protected:
  void Make(CachingOptions options = {}) {
    auto inner = std::make_unique<testing::MemoryBucket>();
    inner_ = inner.get();
    bucket_ = WithCache(std::move(inner),
                        std::make_unique<cache::MemoryCache>(
                            cache::MemoryCacheOptions{}, std::vector<cache::MemoryCacheCounters>{}),
                        options, nullptr);
  }
  Result<std::string> Read(std::string_view name, int64_t offset, int64_t length) {
    THANOS_ASSIGN_OR_RETURN(const auto source,
                            bucket_->Open(CallContext(), name, {offset, length}));
    return ReadAll(*source, name, 1 << 20);
  }

  testing::MemoryBucket* inner_ = nullptr;
  std::unique_ptr<Bucket> bucket_;
};

TEST_F(CachingBucketTest, RangesOfChunksAreThoseOfTheObjectWhateverIsKept) {
  for (const int64_t most : {0, 1, 2, 5}) {
    Make({.subrange_bytes = 100, .subrange_requests_max = most});
    std::string content(1234, '\0');
    std::mt19937 random(7);
    for (char& c : content) c = static_cast<char>(random());
    inner_->Put(kChunks, content);
    for (int i = 0; i < 500; ++i) {
      const auto offset = static_cast<int64_t>(random() % 1234);
      const auto length = static_cast<int64_t>(1 + random() % 600);
      THANOS_ASSERT_OK_AND_ASSIGN(const std::string got, Read(kChunks, offset, length));
      ASSERT_EQ(got, content.substr(static_cast<size_t>(offset), static_cast<size_t>(length)));
    }
    inner_->ResetCounts();
    THANOS_ASSERT_OK(Read(kChunks, 0, 1234));
    EXPECT_EQ(inner_->opens(), 0u) << "all is kept by now";
  }
}

TEST_F(CachingBucketTest, WhatManyWantAtTheSameTimeIsReadOnce) {
  Make({.subrange_bytes = 100});
  const std::string content(1000, 'x');
  inner_->Put(kChunks, content);
  THANOS_ASSERT_OK(bucket_->Attributes(CallContext(), kChunks));
  inner_->ResetCounts();
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  inner_->before_open = [gone](const CallContext&, std::string_view) {
    gone.wait();
    return OkStatus();
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto got = Read(kChunks, 0, 1000);
      ASSERT_TRUE(got.ok());
      EXPECT_EQ(*got, content);
    });
  }
  // Those who come late find it kept, or read it again if they looked just before it was.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  go.set_value();
  for (std::thread& thread : threads) thread.join();
  EXPECT_LT(inner_->opens(), 4u);
}

TEST_F(CachingBucketTest, MissingPiecesComeInFewRequests) {
  Make({.subrange_bytes = 100, .subrange_requests_max = 2});
  inner_->Put(kChunks, std::string(2000, 'x'));
  for (const int64_t at : {200, 600, 1000}) THANOS_ASSERT_OK(Read(kChunks, at, 100));
  inner_->ResetCounts();
  THANOS_ASSERT_OK(Read(kChunks, 0, 2000));
  EXPECT_EQ(inner_->opens(), 2u);
}

TEST_F(CachingBucketTest, AMetaIsReadOnceAndItsAbsenceIsKeptForAWhile) {
  Make({.doesnt_exist_ttl_ms = 0});
  EXPECT_THAT(Read(kMeta, 0, -1), StatusIs(StatusCode::kNotFound));
  inner_->Put(kMeta, "{}");
  EXPECT_THAT(Read(kMeta, 0, -1), testing::IsOkAndHolds("{}"));
  inner_->ResetCounts();
  EXPECT_THAT(Read(kMeta, 0, -1), testing::IsOkAndHolds("{}"));
  EXPECT_EQ(inner_->opens(), 0u);
  Make();
  EXPECT_THAT(Read(kMeta, 0, -1), StatusIs(StatusCode::kNotFound));
  inner_->Put(kMeta, "{}");
  EXPECT_THAT(Read(kMeta, 0, -1), StatusIs(StatusCode::kNotFound));
}

TEST_F(CachingBucketTest, AMetaThatIsTooLargePassesThrough) {
  Make({.content_bytes_max = 10});
  inner_->Put(kMeta, std::string(100, 'x'));
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Read(kMeta, 0, -1), testing::IsOkAndHolds(std::string(100, 'x')));
  }
  EXPECT_EQ(inner_->opens(), 2u);
}

TEST_F(CachingBucketTest, TheListingOfTheRootIsKept) {
  Make();
  inner_->Put("a/meta.json", "");
  inner_->Put("file", "12345");
  const auto list = [&] {
    std::string out;
    EXPECT_THAT(bucket_->Iterate(CallContext(), {},
                                 [&](const ListedObject& object) {
                                   out += std::string(object.name) + "=" +
                                          std::to_string(object.attributes.size) + " ";
                                   return OkStatus();
                                 }),
                IsOk());
    return out;
  };
  EXPECT_EQ(list(), "a/=0 file=5 ");
  inner_->Put("later", "");
  EXPECT_EQ(list(), "a/=0 file=5 ");
}

TEST_F(CachingBucketTest, AListingThatLeavesOutIsNotTakenForAWholeOne) {
  Make();
  inner_->Put("a/meta.json", "");
  const auto count = [&](const ListOptions& options) {
    int objects = 0;
    EXPECT_THAT(bucket_->Iterate(CallContext(), options,
                                 [&](const ListedObject&) {
                                   ++objects;
                                   return OkStatus();
                                 }),
                IsOk());
    return objects;
  };
  EXPECT_EQ(count({.recursive = true, .uninteresting = "chunks"}), 1);
  inner_->Put("a/chunks/000001", "");
  EXPECT_EQ(count({.recursive = true, .uninteresting = "chunks"}), 1);
  EXPECT_EQ(count({.recursive = true}), 2);
}

TEST_F(CachingBucketTest, OtherObjectsAreNotKept) {
  Make();
  inner_->Put("01ARZ3NDEKTSV4RRFFQ69G5FAV/index", "one");
  EXPECT_THAT(Read("01ARZ3NDEKTSV4RRFFQ69G5FAV/index", 0, 3), testing::IsOkAndHolds("one"));
  inner_->Put("01ARZ3NDEKTSV4RRFFQ69G5FAV/index", "two");
  EXPECT_THAT(Read("01ARZ3NDEKTSV4RRFFQ69G5FAV/index", 0, 3), testing::IsOkAndHolds("two"));
}

TEST(SubrangesTest, SmallGapsAreReadLargeOnesAreNot) {
  const std::vector<Subrange> missing = {{0, 10}, {10, 20}, {30, 40}, {100, 110}, {120, 130}};
  const auto text = [&](int64_t most) {
    std::string out;
    for (const Subrange& run : JoinMissing(missing, most)) {
      out += std::to_string(run.begin) + "-" + std::to_string(run.end) + " ";
    }
    return out;
  };
  EXPECT_EQ(text(0), "0-20 30-40 100-110 120-130 ");
  EXPECT_EQ(text(3), "0-20 30-40 100-130 ");
  EXPECT_EQ(text(2), "0-40 100-130 ");
  EXPECT_EQ(text(1), "0-130 ");
}

TEST(CachingConfigTest, TakesAndRefusesWhatGoDoes) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/cache_yaml.jsonl");
  int seen = 0;
  for (const auto& row :
       testing::ReadJsonLines(testing::SharedPath("conformance/vectors/cache_yaml.jsonl"))) {
    if (row["kind"] != "caching_bucket") continue;
    const auto made = WithConfiguredCache(std::make_unique<testing::MemoryBucket>(),
                                          row["yaml"].get<std::string>(), nullptr);
    if (made.status().code() == StatusCode::kUnimplemented) continue;
    ++seen;
    EXPECT_EQ(made.ok(), row["ok"].get<bool>()) << row["id"] << " " << made.status().message();
  }
  EXPECT_GT(seen, 8);
}

}  // namespace
}  // namespace thanos::objstore
