#include "compaction/group_compactor.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "fakes/memory_bucket.h"
#include "support/block_samples.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::compaction {
namespace {

namespace fs = std::filesystem;
using testing::StatusIs;
constexpr int64_t kHour = 3'600'000;

class GroupCompactorTest : public ::testing::Test {
 protected:
  GroupCompactorTest() {
    options_.work_dir = directory_.path() + "/work";
    options_.ranges_ms.assign(std::begin(kRangesMs), std::end(kRangesMs));
  }
  MetaRef Add(testing::BlockToWrite what) {
    what.labels = {{"c", "a"}};
    const base::Ulid id = testing::WriteBlock(directory_.path(), what);
    for (const auto& [name, bytes] : testing::BlockObjects(directory_.path(), id)) {
      bucket_.Put(name, bytes);
    }
    auto meta = block::ParseMeta(bucket_.Get(id.ToString() + "/meta.json"));
    const auto made = std::make_shared<const block::BlockMeta>(*meta);
    metas_[id] = made;
    return made;
  }
  void AddDay() {
    for (int i = 0; i < 5; ++i) {
      blocks_.push_back(
          Add({.min_ms = i * 2 * kHour, .max_ms = (i + 1) * 2 * kHour, .series = i == 1 ? 8 : 2}));
    }
  }
  GroupResult Compact(const UlidSet& no_compact = {}) {
    const Marker marker(&bucket_, base::Logger(), &metrics_);
    GroupCompactor compactor(options_, &bucket_, &marker, &metrics_, base::Logger());
    return compactor.Compact(CallContext(), MakeGroups(metas_).at(0), no_compact, nullptr);
  }
  bool Marked(const MetaRef& meta, bucketblocks::MarkKind kind) {
    const std::string file(bucketblocks::MarkFile(kind));
    return !bucket_.Get(meta->ulid.ToString() + "/" + file).empty();
  }
  testing::TemporaryDirectory directory_;
  testing::MemoryBucket bucket_;
  metrics::Registry registry_;
  const CompactionMetrics metrics_{&registry_};
  GroupOptions options_;
  MetaMap metas_;
  MetaList blocks_;
};

TEST_F(GroupCompactorTest, OneStepReplacesThePlanAndLeavesNoCopies) {
  AddDay();
  const GroupResult result = Compact();
  THANOS_ASSERT_OK(result.status);
  EXPECT_TRUE(result.rerun);
  EXPECT_EQ(result.plan.size(), 4u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(Marked(blocks_[i], bucketblocks::MarkKind::kDeletion), i < 4) << i;
  }
  EXPECT_FALSE(fs::exists(options_.work_dir + "/" + MakeGroups(metas_).at(0).key));
}

TEST_F(GroupCompactorTest, WhatDoesNotFitTheFormatExcludesTheLargestSource) {
  AddDay();
  options_.index_limits.symbols = 20;
  const GroupResult result = Compact();
  THANOS_ASSERT_OK(result.status);
  EXPECT_TRUE(result.rerun);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(Marked(blocks_[i], bucketblocks::MarkKind::kNoCompact), i == 1) << i;
    EXPECT_FALSE(Marked(blocks_[i], bucketblocks::MarkKind::kDeletion)) << i;
  }
}

TEST_F(GroupCompactorTest, AContradictionIsNoPassingErrorAndChangesNothing) {
  Add({.min_ms = 0, .max_ms = 2 * kHour});
  Add({.min_ms = kHour, .max_ms = 3 * kHour, .offset = 1});
  const GroupResult result = Compact();
  EXPECT_THAT(result.status, StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_FALSE(result.retriable);
  EXPECT_FALSE(result.rerun);
  for (const auto& [ulid, meta] : metas_) {
    EXPECT_FALSE(Marked(meta, bucketblocks::MarkKind::kDeletion));
  }
}

TEST_F(GroupCompactorTest, AFailingDownloadMayPassAndKeepsWhatItHas) {
  AddDay();
  const std::string second = blocks_[1]->ulid.ToString() + "/index";
  bucket_.before_open = [&](const CallContext&, std::string_view name) {
    return name == second ? UnavailableError("slow down") : OkStatus();
  };
  const GroupResult failed = Compact();
  EXPECT_THAT(failed.status, StatusIs(StatusCode::kUnavailable));
  EXPECT_TRUE(failed.retriable);
  bucket_.before_open = nullptr;
  bucket_.ResetCounts();
  THANOS_ASSERT_OK(Compact().status);
  const uint64_t opens = bucket_.opens();
  EXPECT_LT(opens, 4u * 3 + 4);  // The first block's files were not fetched again.
}

TEST_F(GroupCompactorTest, ADiskWithoutRoomRefusesBeforeAnythingIsFetched) {
  AddDay();
  for (const size_t i : {0, 2}) {
    auto huge = std::make_shared<block::BlockMeta>(*blocks_[i]);
    block::FileMeta& file = huge->thanos.files.emplace_back();
    file.path = "chunks/000001";
    file.size_bytes = INT64_MAX;
    metas_[huge->ulid] = huge;
  }
  bucket_.ResetCounts();
  const GroupResult result = Compact();
  EXPECT_THAT(result.status, StatusIs(StatusCode::kResourceExhausted));
  EXPECT_FALSE(result.retriable);
  EXPECT_EQ(bucket_.opens(), 0u);
}

class ShortDisk : public GroupCompactorTest {
 protected:
  // Gives each block the size `kBlock` on paper, and the disk room for so many of them.
  void AddOnDisk(double blocks_of_room) {
    AddDay();
    for (auto& [ulid, meta] : metas_) {
      auto sized = std::make_shared<block::BlockMeta>(*meta);
      sized->thanos.files.assign(1, {});
      sized->thanos.files[0].path = "index";
      sized->thanos.files[0].size_bytes = kBlock - 4096;
      for (MetaRef& block : blocks_) {
        if (block->ulid == ulid) block = sized;
      }
      meta = sized;
    }
    options_.free_bytes = [=](const std::string&) -> Result<uint64_t> {
      return static_cast<uint64_t>(blocks_of_room * static_cast<double>(kBlock));
    };
  }
  static constexpr int64_t kBlock = 1 << 20;
};

TEST_F(ShortDisk, ASmallerPlanIsMadeWhereThePlanDoesNotFit) {
  AddOnDisk(7.9);  // Four blocks and their result need 8, three with headroom 6.6.
  const GroupResult result = Compact();
  THANOS_ASSERT_OK(result.status);
  EXPECT_TRUE(result.rerun);
  EXPECT_EQ(result.plan, MetaList(blocks_.begin(), blocks_.begin() + 3));
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(Marked(blocks_[i], bucketblocks::MarkKind::kDeletion), i < 3) << i;
  }
  EXPECT_EQ(metrics_.plans_made_smaller.value(), 1);
}

TEST_F(ShortDisk, WhatFitsIsNotMadeSmaller) {
  AddOnDisk(8);
  EXPECT_EQ(Compact().plan.size(), 4u);
  EXPECT_EQ(metrics_.plans_made_smaller.value(), 0);
}

TEST_F(ShortDisk, WithoutRoomForMoreThanHalfItIsRefused) {
  AddOnDisk(6.5);
  bucket_.ResetCounts();
  const GroupResult result = Compact();
  EXPECT_THAT(result.status, StatusIs(StatusCode::kResourceExhausted));
  EXPECT_FALSE(result.retriable);
  EXPECT_FALSE(result.rerun);
  EXPECT_EQ(bucket_.opens(), 0u);
}

// Copies of an earlier try count as room: they are part of what the plan needs, or they go.
TEST_F(ShortDisk, CopiesThatAreThereAreCountedOnce) {
  AddOnDisk(7);
  const std::string key = MakeGroups(metas_).at(0).key;
  for (const std::string& name : {blocks_[0]->ulid.ToString(), std::string("other")}) {
    const std::string directory = options_.work_dir + "/" + key + "/" + name;
    fs::create_directories(directory);
    std::ofstream(directory + "/index") << std::string(kBlock, 'x');
  }
  EXPECT_EQ(Compact().plan.size(), 4u);
  EXPECT_EQ(metrics_.plans_made_smaller.value(), 0);
}

// Copies of four blocks and their result would need 8; the indexes are small.
class ChunksStayInTheBucket : public ShortDisk {
 protected:
  void AddWithRoomFor(double blocks_of_room) {
    AddOnDisk(blocks_of_room);
    for (auto& [ulid, meta] : metas_) {
      auto sized = std::make_shared<block::BlockMeta>(*meta);
      sized->thanos.files.push_back({.path = "chunks/000001", .size_bytes = kBlock - 8192});
      sized->thanos.files[0].size_bytes = 4096;
      for (MetaRef& block : blocks_) {
        if (block->ulid == ulid) block = sized;
      }
      meta = sized;
    }
    bucket_.before_open = [this](const CallContext&, std::string_view name) {
      if (name.ends_with("/chunks/000001")) ++chunk_opens_;
      return fail_chunks_ && name.ends_with("/chunks/000001") ? UnavailableError("slow down")
                                                              : OkStatus();
    };
  }
  // The index and the chunks of the block that came out.
  std::string Result() {
    std::string bytes;
    THANOS_EXPECT_OK(bucket_.Iterate(CallContext(), {.recursive = true}, [&](const auto& object) {
      const std::string name(object.name);
      const auto ulid = base::Ulid::Parse(name.substr(0, 26));
      if (ulid.ok() && !metas_.contains(*ulid) && !name.ends_with(".json")) {
        bytes += bucket_.Get(name);
      }
      return OkStatus();
    }));
    return bytes;
  }
  size_t chunk_opens_ = 0;
  bool fail_chunks_ = false;
};

TEST_F(ChunksStayInTheBucket, WhereCopiesHaveNoRoomAndTheResultIsTheSame) {
  AddWithRoomFor(5);
  THANOS_ASSERT_OK(Compact().status);
  const std::string streamed = Result();
  EXPECT_EQ(chunk_opens_, 4u * 2);  // The header and the chunks.
  EXPECT_EQ(metrics_.plans_made_smaller.value(), 0);
  for (const MetaRef& block : blocks_) {
    THANOS_ASSERT_OK(bucket_.Delete(CallContext(), block->ulid.ToString() + "/deletion-mark.json"));
  }
  const size_t before = streamed.size();
  options_.free_bytes = nullptr;
  THANOS_ASSERT_OK(Compact().status);
  EXPECT_EQ(chunk_opens_, 4u * 3);
  const std::string both = Result();
  ASSERT_EQ(both.size(), 2 * before);
  EXPECT_TRUE(both.substr(0, before) == both.substr(before));
}

TEST_F(ChunksStayInTheBucket, NotWhereTheBucketIsADiskOfThisMachine) {
  AddWithRoomFor(5);
  bucket_.local = true;
  EXPECT_THAT(Compact().status, StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(chunk_opens_, 0u);
}

TEST_F(ChunksStayInTheBucket, AnErrorOfTheBucketMayPass) {
  AddWithRoomFor(5);
  fail_chunks_ = true;
  const GroupResult failed = Compact();
  EXPECT_THAT(failed.status, StatusIs(StatusCode::kUnavailable));
  EXPECT_TRUE(failed.retriable);
  fail_chunks_ = false;
  THANOS_EXPECT_OK(Compact().status);
}

// An object that shrinks meanwhile is damage, not a result that does not fit its format.
TEST_F(ChunksStayInTheBucket, AShortSegmentExcludesNothing) {
  AddWithRoomFor(5);
  const std::string name = blocks_[1]->ulid.ToString() + "/chunks/000001";
  int opens = 0;
  bucket_.before_open = [&](const CallContext&, std::string_view opened) {
    if (opened == name && ++opens == 2) bucket_.Put(name, "x");  // After its header.
    return OkStatus();
  };
  EXPECT_THAT(Compact().status, StatusIs(StatusCode::kDataLoss));
  for (const MetaRef& block : blocks_) {
    EXPECT_FALSE(Marked(block, bucketblocks::MarkKind::kNoCompact));
    EXPECT_FALSE(Marked(block, bucketblocks::MarkKind::kDeletion));
  }
}

TEST_F(GroupCompactorTest, AMarkIsNotLeftWhereTheBlockIsGone) {
  const Marker marker(&bucket_, base::Logger(), &metrics_);
  const auto gone = base::Ulid::Make(9);
  THANOS_ASSERT_OK(marker.Put(bucketblocks::MarkKind::kDeletion, gone, "", "x"));
  EXPECT_EQ(bucket_.Get(gone.ToString() + "/deletion-mark.json"), "");
}

}  // namespace
}  // namespace thanos::compaction
