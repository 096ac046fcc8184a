#include "bucketblocks/transfer.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "block/byte_sink.h"
#include "codec/byte_reader.h"
#include "fakes/memory_bucket.h"
#include "objstore/decorators.h"
#include "objstore/filesystem.h"
#include "support/temporary_directory.h"
#include "support/tiny_block.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::bucketblocks {
namespace {

namespace fs = std::filesystem;

class TransferTest : public ::testing::Test {
 protected:
  TransferTest() : id_(testing::WriteTinyBlock(directory_.path(), 0, 200)) {
    meta_.ulid = id_;
    meta_.max_ms = 200'000;
    meta_.compaction.sources = {id_};
  }
  std::string made() const { return directory_.path() + "/" + id_.ToString(); }
  std::string copy() const { return directory_.path() + "/copy"; }
  testing::TemporaryDirectory directory_;
  const base::Ulid id_;
  block::BlockMeta meta_;
  testing::MemoryBucket bucket_;
};

TEST_F(TransferTest, WhatWentUpComesDown) {
  THANOS_ASSERT_OK(UploadBlock(CallContext(), bucket_, made(), &meta_, {.hash_files = true}));
  ASSERT_EQ(meta_.thanos.files.size(), 3u);
  EXPECT_EQ(meta_.thanos.files[0].path, "chunks/000001");
  EXPECT_EQ(meta_.thanos.files[0].hash_value.size(), 64u);
  EXPECT_EQ(meta_.thanos.segment_files, std::vector<std::string>{"000001"});
  THANOS_ASSERT_OK(DownloadBlock(CallContext(), bucket_, id_, copy(), {}));
  for (const char* file : {"/index", "/chunks/000001"}) {
    EXPECT_EQ(*block::ReadFile(made() + file, 1 << 20), *block::ReadFile(copy() + file, 1 << 20));
  }
  EXPECT_EQ(*block::ReadFile(copy() + "/meta.json", 1 << 20), block::WriteMeta(meta_));
}

TEST_F(TransferTest, WhatNobodyWritesToMayBeTheBucketsOwn) {
  const std::string root = directory_.path() + "/bucket";
  const auto bucket = *objstore::OpenFilesystemBucket(root);
  THANOS_ASSERT_OK(UploadBlock(CallContext(), *bucket, made(), &meta_, {}));
  THANOS_ASSERT_OK(DownloadBlock(CallContext(), *bucket, id_, copy(), {.may_link = true}));
  const std::string object = root + "/" + id_.ToString();
  EXPECT_TRUE(fs::equivalent(copy() + "/index", object + "/index"));
  EXPECT_TRUE(fs::equivalent(copy() + "/chunks/000001", object + "/chunks/000001"));
  EXPECT_FALSE(fs::equivalent(copy() + "/meta.json", object + "/meta.json"));
  // Again, and then as copies: the object is not written through what was linked.
  const auto index = *block::ReadFile(object + "/index", 1 << 20);
  THANOS_ASSERT_OK(DownloadBlock(CallContext(), *bucket, id_, copy(), {.may_link = true}));
  THANOS_ASSERT_OK(block::ReplaceFile(copy() + "/index", codec::AsBytes("short")));
  THANOS_ASSERT_OK(DownloadBlock(CallContext(), *bucket, id_, copy(), {}));
  EXPECT_EQ(*block::ReadFile(object + "/index", 1 << 20), index);
  EXPECT_EQ(*block::ReadFile(copy() + "/index", 1 << 20), index);
}

TEST_F(TransferTest, ABucketWithoutLinksIsCopied) {
  THANOS_ASSERT_OK(UploadBlock(CallContext(), bucket_, made(), &meta_, {}));
  THANOS_ASSERT_OK(DownloadBlock(CallContext(), bucket_, id_, copy(), {.may_link = true}));
  for (const char* file : {"/index", "/chunks/000001"}) {
    EXPECT_EQ(*block::ReadFile(made() + file, 1 << 20), *block::ReadFile(copy() + file, 1 << 20));
  }
}

TEST_F(TransferTest, MetaIsTheLastToGoUp) {
  const auto plan = std::make_shared<objstore::FaultPlan>();
  const auto bucket = objstore::WithFaults(std::make_unique<testing::MemoryBucket>(), plan);
  THANOS_ASSERT_OK(UploadBlock(CallContext(), *bucket, made(), &meta_, {}));
  const auto calls = plan->calls();
  const auto is = [&](const char* file) {
    return [name = "upload " + id_.ToString() + "/" + file](const std::string& call) {
      return call.starts_with(name);
    };
  };
  const auto meta = std::find_if(calls.begin(), calls.end(), is("meta.json"));
  ASSERT_NE(meta, calls.end());
  EXPECT_EQ(std::find_if(meta, calls.end(), is("index")), calls.end());
  EXPECT_EQ(std::find_if(meta, calls.end(), is("chunks")), calls.end());
}

TEST_F(TransferTest, AFailedUploadLeavesNoBlock) {
  auto inner = std::make_unique<testing::MemoryBucket>();
  testing::MemoryBucket& bare = *inner;
  const auto bucket = objstore::WithFaults(
      std::move(inner), std::make_shared<objstore::FaultPlan>([](uint64_t, std::string_view call) {
        return call.starts_with("upload") && call.ends_with("meta.json") ? UnavailableError("no")
                                                                         : OkStatus();
      }));
  EXPECT_THAT(UploadBlock(CallContext(), *bucket, made(), &meta_, {}),
              testing::StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(bare.Get(id_.ToString() + "/index"), "");
  EXPECT_EQ(bare.Get(id_.ToString() + "/meta.json"), "");
}

TEST_F(TransferTest, CopiesAreTakenUpAgainAndStrangersRemoved) {
  THANOS_ASSERT_OK(UploadBlock(CallContext(), bucket_, made(), &meta_, {}));
  THANOS_ASSERT_OK(DownloadBlock(CallContext(), bucket_, id_, copy(), {}));
  THANOS_ASSERT_OK(block::ReplaceFile(copy() + "/chunks/000002", codec::AsBytes("stray")));
  THANOS_ASSERT_OK(block::ReplaceFile(copy() + "/index", codec::AsBytes("short")));
  bucket_.ResetCounts();
  THANOS_ASSERT_OK(DownloadBlock(CallContext(), bucket_, id_, copy(), {}));
  EXPECT_EQ(bucket_.opens(), 1u);  // The index, which was cut.
  EXPECT_FALSE(fs::exists(copy() + "/chunks/000002"));
  EXPECT_EQ(*block::ReadFile(made() + "/index", 1 << 20),
            *block::ReadFile(copy() + "/index", 1 << 20));
}

}  // namespace
}  // namespace thanos::bucketblocks
