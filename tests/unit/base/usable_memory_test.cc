#include "base/usable_memory.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "support/temporary_directory.h"

namespace thanos::base {
namespace {

class GroupMemoryTest : public ::testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = directory_.path() + "/" + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  uint64_t Limit(std::string_view membership) const {
    return GroupMemoryLimit(directory_.path(), membership);
  }

  testing::TemporaryDirectory directory_;
};

TEST_F(GroupMemoryTest, TheLeastOfAGroupAndThoseAboveIt) {
  Write("a/memory.max", "3000\n");
  Write("a/b/memory.max", "max\n");
  Write("a/b/c/memory.max", "5000\n");
  EXPECT_EQ(Limit("0::/a/b/c\n"), 3000u);
  Write("a/b/memory.max", "2000\n");
  EXPECT_EQ(Limit("0::/a/b/c\n"), 2000u);
}

TEST_F(GroupMemoryTest, TheFirstVersionHasAHierarchyOfItsOwn) {
  Write("memory/x/memory.limit_in_bytes", "7000\n");
  EXPECT_EQ(Limit("5:cpu,cpuacct:/y\n4:memory:/x\n0::/\n"), 7000u);
}

TEST_F(GroupMemoryTest, InAContainerTheGroupIsWhatIsMounted) {
  Write("memory.max", "4000\n");
  EXPECT_EQ(Limit("0::/not/visible/here\n"), 4000u);
}

TEST_F(GroupMemoryTest, NoLimitIsNone) {
  EXPECT_EQ(Limit("0::/a\n"), UINT64_MAX);
  EXPECT_EQ(Limit(""), UINT64_MAX);
  EXPECT_EQ(Limit("nonsense\n1:\n::\n"), UINT64_MAX);
  Write("a/memory.max", "max\n");
  EXPECT_EQ(Limit("0::/a\n"), UINT64_MAX);
}

TEST(UsableMemory, IsThere) {
  EXPECT_GT(UsableMemory(), uint64_t{1} << 20);
  EXPECT_LT(UsableMemory(), UINT64_MAX);
}

}  // namespace
}  // namespace thanos::base
