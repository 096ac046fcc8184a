// The fixture blocks, as tests walk over them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "block/block.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::block {

struct FixtureBlock {
  std::string fixture, id, directory;
  nlohmann::json golden;  // Null where there is none.
};

inline std::vector<FixtureBlock> FixtureBlocks() {
  std::vector<FixtureBlock> out;
  for (const auto& fixture : std::filesystem::directory_iterator(testing::SharedPath("fixtures"))) {
    if (!fixture.is_directory()) continue;
    nlohmann::json golden;
    if (const auto path = fixture.path() / "golden.json"; std::filesystem::exists(path)) {
      golden = nlohmann::json::parse(testing::ReadWholeFile(path.string()));
    }
    for (const auto& block : std::filesystem::directory_iterator(fixture.path())) {
      if (!std::filesystem::exists(block.path() / "meta.json")) continue;
      const std::string id = block.path().filename().string();
      out.push_back({fixture.path().filename().string(), id, block.path().string(),
                     golden.contains(id) ? golden[id] : nlohmann::json()});
    }
  }
  return out;
}

inline BlockRef OpenFixture(const std::string& path) {
  auto block = Block::OpenDirectory(CallContext(), testing::SharedPath("fixtures/" + path));
  EXPECT_THAT(block, testing::IsOk());
  return block.ok() ? *block : nullptr;
}

inline std::vector<BlockRef> OpenFixtureFolder(const std::string& fixture) {
  std::vector<BlockRef> blocks;
  for (const FixtureBlock& block : FixtureBlocks()) {
    if (block.fixture == fixture) blocks.push_back(OpenFixture(fixture + "/" + block.id));
  }
  return blocks;
}

}  // namespace thanos::block
