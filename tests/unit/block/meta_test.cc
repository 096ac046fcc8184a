#include "block/meta.h"

#include <gtest/gtest.h>

#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::block {
namespace {

using testing::IsOk;
using testing::StatusIs;

constexpr char kVectors[] = "conformance/vectors/meta_json.jsonl";

TEST(MetaTest, ReadsAndWritesTheVectorsAsThanosDoes) {
  THANOS_SKIP_WITHOUT_SHARED(kVectors);
  int versions = 0;
  for (const auto& row : testing::ReadJsonLines(testing::SharedPath(kVectors))) {
    const auto meta = ParseMeta(testing::FromHex(row["hex"]));
    if (row["expect"] == "error") {
      // Well-formed text of another version, or of none, is told apart from garbage.
      const bool version =
          meta.status().message().find("unexpected meta file") != std::string_view::npos;
      EXPECT_THAT(meta, StatusIs(version ? StatusCode::kFailedPrecondition : StatusCode::kDataLoss))
          << row["id"] << row["kind"];
      versions += version;
      continue;
    }
    ASSERT_THAT(meta, IsOk()) << row["id"] << row["kind"];
    EXPECT_EQ(WriteMeta(*meta), row["written"].get<std::string>()) << row["id"] << row["kind"];
    EXPECT_EQ(meta->GroupKey(), row["group_key"].get<std::string>()) << row["id"];
    EXPECT_EQ(std::to_string(meta->thanos.resolution_ms), row["resolution"].get<std::string>())
        << row["id"];
  }
  EXPECT_GT(versions, 2);
}

TEST(MetaTest, WhatIsWrittenReadsBackEqual) {
  BlockMeta meta;
  meta.ulid = base::Ulid::Make(1700000000000);
  meta.min_ms = -5;
  meta.max_ms = 7;
  meta.compaction.level = 2;
  meta.compaction.sources = {base::Ulid::Make(1), base::Ulid::Make(2)};
  meta.thanos.labels = {{"a", "<b>"}, {"replica", "\"x\""}};
  meta.thanos.files = {{"chunks/000001", 12, true, "SHA256", "ab"},
                       {"meta.json", 0, false, "", ""}};
  meta.thanos.extensions_json = "{\n\t\t\t\"k\": 1\n\t\t}";
  THANOS_ASSERT_OK_AND_ASSIGN(const BlockMeta read, ParseMeta(WriteMeta(meta)));
  EXPECT_EQ(WriteMeta(read), WriteMeta(meta));
}

}  // namespace
}  // namespace thanos::block
