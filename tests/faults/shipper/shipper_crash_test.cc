// Kill the shipper at every object-store call and every piece of content: after a restart the
// bucket holds exactly the blocks, once, and whole.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "bucketblocks/shipper.h"
#include "codec/hash.h"
#include "objstore/byte_sources.h"
#include "objstore/decorators.h"
#include "objstore/filesystem.h"
#include "support/temporary_directory.h"
#include "support/tiny_block.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::bucketblocks {
namespace {

namespace fs = std::filesystem;

class ShipperCrashTest : public ::testing::Test {
 protected:
  ShipperCrashTest() {
    fs::create_directories(tsdb());
    for (int i = 0; i < 2; ++i) ids_.push_back(testing::WriteTinyBlock(tsdb(), i * 7200000, 300));
  }
  std::string tsdb() const { return directory_.path() + "/tsdb"; }
  std::string bucket_path() const { return directory_.path() + "/bucket"; }

  Result<size_t> Ship(std::shared_ptr<objstore::FaultPlan> plan) {
    auto bucket = objstore::WithFaults(*objstore::OpenFilesystemBucket(bucket_path()), plan);
    Shipper shipper(
        {.directory = tsdb(), .external_labels = [] { return Labels::Of({{"replica", "a"}}); }},
        bucket.get(), base::Logger(), &registry_);
    return shipper.Sync(CallContext());
  }

  // Every object of the bucket, and that each block is whole: what meta.json lists is there.
  void ExpectExactlyTheBlocks(const std::string& where) {
    std::set<std::string> found;
    auto bucket = *objstore::OpenFilesystemBucket(bucket_path());
    THANOS_ASSERT_OK(bucket->Iterate(CallContext(), {.recursive = true}, [&](const auto& object) {
      found.insert(std::string(object.name));
      return OkStatus();
    }));
    std::set<std::string> wanted;
    for (const base::Ulid& id : ids_) {
      for (const char* file : {"/chunks/000001", "/index", "/meta.json"}) {
        wanted.insert(id.ToString() + file);
      }
      THANOS_ASSERT_OK_AND_ASSIGN(
          const std::string text,
          objstore::ReadObject(CallContext(), *bucket, id.ToString() + "/meta.json", 1 << 20));
      THANOS_ASSERT_OK_AND_ASSIGN(const block::BlockMeta meta, block::ParseMeta(text));
      EXPECT_EQ(meta.thanos.labels.at("replica"), "a");
      for (const block::FileMeta& file : meta.thanos.files) {
        if (file.path == "meta.json") continue;
        THANOS_ASSERT_OK_AND_ASSIGN(
            const std::string content,
            objstore::ReadObject(CallContext(), *bucket, id.ToString() + "/" + file.path, 1 << 20));
        EXPECT_EQ(std::ssize(content), file.size_bytes) << where;
        std::ifstream local(tsdb() + "/" + id.ToString() + "/" + file.path, std::ios::binary);
        EXPECT_EQ(content, std::string(std::istreambuf_iterator<char>(local), {})) << where;
      }
    }
    EXPECT_EQ(found, wanted) << where;
  }

  testing::TemporaryDirectory directory_;
  metrics::Registry registry_;
  std::vector<base::Ulid> ids_;
};

TEST_F(ShipperCrashTest, AnyKillConverges) {
  auto counting = std::make_shared<objstore::FaultPlan>();
  THANOS_ASSERT_OK(Ship(counting));
  const std::vector<std::string> calls = counting->calls();
  ASSERT_GE(calls.size(), 12u);
  for (uint64_t n = 0; n < calls.size(); ++n) {
    fs::remove_all(bucket_path());
    fs::remove(tsdb() + "/thanos.shipper.json");
    EXPECT_FALSE(Ship(objstore::FaultPlan::CrashAt(n)).ok()) << calls[n];
    THANOS_EXPECT_OK(Ship(std::make_shared<objstore::FaultPlan>()));
    ExpectExactlyTheBlocks("killed at " + calls[n]);
    // And nothing more to do after that.
    auto again = Ship(std::make_shared<objstore::FaultPlan>());
    THANOS_ASSERT_OK(again);
    EXPECT_EQ(*again, 0u);
    EXPECT_FALSE(fs::exists(tsdb() + "/thanos/upload/" + ids_[0].ToString()));
  }
}

TEST_F(ShipperCrashTest, AMetaIsNeverThereBeforeTheRest) {
  auto counting = std::make_shared<objstore::FaultPlan>();
  THANOS_ASSERT_OK(Ship(counting));
  for (uint64_t n = 0; n < counting->points(); ++n) {
    fs::remove_all(bucket_path());
    fs::remove(tsdb() + "/thanos.shipper.json");
    EXPECT_FALSE(Ship(objstore::FaultPlan::CrashAt(n)).ok());
    for (const base::Ulid& id : ids_) {
      const std::string block = bucket_path() + "/" + id.ToString();
      if (!fs::exists(block + "/meta.json")) continue;
      EXPECT_TRUE(fs::exists(block + "/index"));
      EXPECT_TRUE(fs::exists(block + "/chunks/000001"));
    }
  }
}

}  // namespace
}  // namespace thanos::bucketblocks
