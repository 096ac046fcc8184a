#include "compaction/scratch_space.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::compaction {
namespace {

namespace fs = std::filesystem;

class ScratchSpaceTest : public ::testing::Test {
 protected:
  std::string Directory(const std::string& name, size_t bytes = 0) {
    const std::string path = directory_.path() + "/" + name;
    fs::create_directories(path + "/chunks");
    if (bytes > 0) std::ofstream(path + "/chunks/000001") << std::string(bytes, 'x');
    return path;
  }
  testing::TemporaryDirectory directory_;
  uint64_t free_ = 100 << 10;
  ScratchSpace space_{[this](const std::string&) -> Result<uint64_t> { return free_; }};
};

TEST_F(ScratchSpaceTest, WhatIsPromisedIsNotGivenTwice) {
  const std::string a = Directory("a"), b = Directory("b");
  THANOS_ASSERT_OK_AND_ASSIGN(auto first, space_.Ask(a, 60 << 10));
  EXPECT_TRUE(first.claim.held());
  EXPECT_FALSE(first.shared);
  THANOS_ASSERT_OK_AND_ASSIGN(auto second, space_.Ask(b, 60 << 10));
  EXPECT_FALSE(second.claim.held());
  EXPECT_TRUE(second.shared);
  EXPECT_EQ(second.room_bytes, 40u << 10);
  first.claim = {};
  THANOS_ASSERT_OK_AND_ASSIGN(auto third, space_.Ask(b, 60 << 10));
  EXPECT_TRUE(third.claim.held());
  EXPECT_FALSE(third.shared);
}

TEST_F(ScratchSpaceTest, WhatIsWrittenIsNoLongerPromised) {
  const std::string a = Directory("a"), b = Directory("b");
  THANOS_ASSERT_OK_AND_ASSIGN(const auto first, space_.Ask(a, 60 << 10));
  Directory("a", 40 << 10);
  free_ -= 40 << 10;
  THANOS_ASSERT_OK_AND_ASSIGN(const auto second, space_.Ask(b, 41 << 10));
  EXPECT_FALSE(second.claim.held());
  EXPECT_EQ(second.room_bytes, 40u << 10);
}

TEST_F(ScratchSpaceTest, WhatADirectoryHoldsIsItsOwn) {
  const std::string a = Directory("a", 30 << 10);
  THANOS_ASSERT_OK_AND_ASSIGN(const auto too_much, space_.Ask(a, (132 << 10) + 1));
  EXPECT_FALSE(too_much.claim.held());
  EXPECT_EQ(too_much.room_bytes, 132u << 10);  // Files take whole pages.
  THANOS_ASSERT_OK_AND_ASSIGN(const auto all, space_.Ask(a, 132 << 10));
  EXPECT_TRUE(all.claim.held());
}

TEST_F(ScratchSpaceTest, AnErrorOfTheSystemIsTold) {
  ScratchSpace real(nullptr);
  EXPECT_FALSE(real.Ask(directory_.path() + "/absent", 1).ok());
  const std::string a = Directory("a");
  THANOS_ASSERT_OK_AND_ASSIGN(const auto answer, real.Ask(a, 1));
  EXPECT_GT(answer.room_bytes, 0u);
}

TEST(DiskBytesOfTest, FilesTakeWholePages) {
  block::BlockMeta meta;
  EXPECT_EQ(DiskBytesOf(meta), 4096u);
  meta.thanos.files.resize(3);
  meta.thanos.files[0].size_bytes = 1;
  meta.thanos.files[1].size_bytes = 8192;
  EXPECT_EQ(DiskBytesOf(meta), 4096u * 4);
}

}  // namespace
}  // namespace thanos::compaction
