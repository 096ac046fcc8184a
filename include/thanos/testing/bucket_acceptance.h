// What every Bucket keeps. A provider joins with one line:
//   INSTANTIATE_TEST_SUITE_P(Mine, BucketAcceptance, testing::Values(MakeMyEmptyBucket));
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "thanos/bucket.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::testing {

using BucketFactory = std::function<std::unique_ptr<Bucket>()>;  // Makes an empty bucket.

class BucketAcceptance : public ::testing::TestWithParam<BucketFactory> {
 protected:
  class Text : public ByteSource {
   public:
    Text(std::string text, size_t piece_max, Status failure)
        : text_(std::move(text)), piece_max_(piece_max), failure_(std::move(failure)) {}
    Result<size_t> Read(std::span<std::byte> out) override {
      const size_t size = std::min({out.size(), piece_max_, text_.size() - at_});
      if (size == 0 && !failure_.ok()) return failure_;
      std::copy_n(reinterpret_cast<const std::byte*>(text_.data()) + at_, size, out.data());
      at_ += size;
      return size;
    }

   private:
    std::string text_;
    size_t piece_max_, at_ = 0;
    Status failure_;
  };

  Status Put(const std::string& name, const std::string& text, Status failure = OkStatus()) {
    Text source(text, 7, std::move(failure));
    return bucket_->Upload(context_, name, source, {});
  }
  Result<std::string> Get(const std::string& name, ByteRange range = {}) {
    THANOS_ASSIGN_OR_RETURN(auto source, bucket_->Open(context_, name, range));
    std::string text;
    std::byte buffer[16];
    for (;;) {
      THANOS_ASSIGN_OR_RETURN(const size_t size, source->Read(buffer));
      if (size == 0) return text;
      text.append(reinterpret_cast<const char*>(buffer), size);
    }
  }
  std::vector<std::string> List(ListOptions options = {}) {
    std::vector<std::string> names;
    EXPECT_THAT(bucket_->Iterate(context_, options,
                                 [&](const ListedObject& object) {
                                   names.emplace_back(object.name);
                                   return OkStatus();
                                 }),
                IsOk());
    return names;
  }

  std::unique_ptr<Bucket> bucket_ = GetParam()();
  CallContext context_;
};

TEST_P(BucketAcceptance, GivesBackWhatWasUploaded) {
  const std::string big(300000, 'x');
  THANOS_ASSERT_OK(Put("a/b/c", big));
  EXPECT_THAT(Get("a/b/c"), IsOkAndHolds(big));
  THANOS_ASSERT_OK(Put("empty", ""));
  EXPECT_THAT(Get("empty"), IsOkAndHolds(std::string()));
}

TEST_P(BucketAcceptance, AnUploadReplaces) {
  THANOS_ASSERT_OK(Put("a", "first, and longer"));
  THANOS_ASSERT_OK(Put("a", "second"));
  EXPECT_THAT(Get("a"), IsOkAndHolds(std::string("second")));
}

TEST_P(BucketAcceptance, ReadsRanges) {
  THANOS_ASSERT_OK(Put("a", "0123456789"));
  EXPECT_THAT(Get("a", {3, 4}), IsOkAndHolds(std::string("3456")));
  EXPECT_THAT(Get("a", {3, -1}), IsOkAndHolds(std::string("3456789")));
  EXPECT_THAT(Get("a", {8, 100}), IsOkAndHolds(std::string("89")));
  EXPECT_THAT(Get("a", {10, 1}), IsOkAndHolds(std::string()));
  EXPECT_THAT(Get("a", {11, 1}), StatusIs(StatusCode::kOutOfRange));
}

TEST_P(BucketAcceptance, MissingObjectIsNotFound) {
  EXPECT_THAT(Get("none"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(bucket_->Attributes(context_, "none"), StatusIs(StatusCode::kNotFound));
  THANOS_ASSERT_OK(Put("dir/file", "x"));
  EXPECT_THAT(Get("dir"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Get("dir/file/deeper"), StatusIs(StatusCode::kNotFound));
}

TEST_P(BucketAcceptance, AttributesTellTheSize) {
  THANOS_ASSERT_OK(Put("a", "12345"));
  THANOS_ASSERT_OK_AND_ASSIGN(const ObjectAttributes attributes,
                              bucket_->Attributes(context_, "a"));
  EXPECT_EQ(attributes.size, 5);
  EXPECT_GT(attributes.modified_ms, int64_t{1500000000000});
}

TEST_P(BucketAcceptance, ListsInOrder) {
  for (const char* name : {"b/2", "b/1", "a", "c/d/e", "b.x"}) THANOS_ASSERT_OK(Put(name, "x"));
  EXPECT_EQ(List(), (std::vector<std::string>{"a", "b.x", "b/", "c/"}));
  EXPECT_EQ(List({.prefix = "b/"}), (std::vector<std::string>{"b/1", "b/2"}));
  EXPECT_EQ(List({.prefix = "c/", .recursive = true}), (std::vector<std::string>{"c/d/e"}));
  EXPECT_EQ(List({.prefix = "b/", .start_after = "b/1"}), (std::vector<std::string>{"b/2"}));
  EXPECT_EQ(List({.prefix = "none/"}), (std::vector<std::string>{}));
  EXPECT_EQ(List({.recursive = true}).size(), 5u);
}

TEST_P(BucketAcceptance, AVisitorsErrorEndsTheListing) {
  for (const char* name : {"a", "b", "c"}) THANOS_ASSERT_OK(Put(name, "x"));
  int visited = 0;
  EXPECT_THAT(bucket_->Iterate(context_, {},
                               [&](const ListedObject&) {
                                 return ++visited == 2 ? DataLossError("enough") : OkStatus();
                               }),
              StatusIs(StatusCode::kDataLoss));
  EXPECT_EQ(visited, 2);
}

TEST_P(BucketAcceptance, DeletingIsIdempotent) {
  THANOS_ASSERT_OK(Put("a/b", "x"));
  THANOS_ASSERT_OK(bucket_->Delete(context_, "a/b"));
  THANOS_ASSERT_OK(bucket_->Delete(context_, "a/b"));
  EXPECT_THAT(Get("a/b"), StatusIs(StatusCode::kNotFound));
  EXPECT_TRUE(List().empty());
}

TEST_P(BucketAcceptance, AFailedUploadLeavesWhatWasThere) {
  THANOS_ASSERT_OK(Put("a", "good"));
  EXPECT_FALSE(Put("a", "half of someth", DataLossError("source broke")).ok());
  EXPECT_FALSE(Put("b", "half of someth", DataLossError("source broke")).ok());
  EXPECT_THAT(Get("a"), IsOkAndHolds(std::string("good")));
  EXPECT_THAT(Get("b"), StatusIs(StatusCode::kNotFound));
  EXPECT_EQ(List({.recursive = true}), (std::vector<std::string>{"a"}));
}

TEST_P(BucketAcceptance, CopiesWhereItSaysSo) {
  THANOS_ASSERT_OK(Put("a", "x"));
  const Status status = bucket_->Copy(context_, "a", "b/c");
  if (!bucket_->capabilities().copy) {
    EXPECT_THAT(status, StatusIs(StatusCode::kUnimplemented));
    return;
  }
  THANOS_ASSERT_OK(status);
  EXPECT_THAT(Get("b/c"), IsOkAndHolds(std::string("x")));
}

TEST_P(BucketAcceptance, ACancelledCallDoesNothing) {
  THANOS_ASSERT_OK(Put("a", "x"));
  context_.Cancel();
  EXPECT_THAT(Get("a"), StatusIs(StatusCode::kCancelled));
  EXPECT_THAT(Put("b", "x"), StatusIs(StatusCode::kCancelled));
  EXPECT_THAT(bucket_->Delete(context_, "a"), StatusIs(StatusCode::kCancelled));
  context_ = CallContext();
  EXPECT_EQ(List(), (std::vector<std::string>{"a"}));
}

TEST_P(BucketAcceptance, ServesManyThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      for (int n = 0; n < 20; ++n) {
        const std::string name = "t" + std::to_string(i) + "/" + std::to_string(n);
        EXPECT_THAT(Put(name, name), IsOk());
        EXPECT_THAT(Get(name), IsOkAndHolds(name));
        if (n % 2 == 1) {
          EXPECT_THAT(bucket_->Delete(context_, name), IsOk());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(List({.recursive = true}).size(), 40u);
}

}  // namespace thanos::testing
