#include "block/tombstones.h"

#include <gtest/gtest.h>

#include "codec/byte_reader.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::block {
namespace {

using testing::IsOk;
using testing::StatusIs;

constexpr char kVectors[] = "conformance/vectors/tombstones.jsonl";

TEST(TombstonesTest, ReadsMergesAndWritesTheVectors) {
  THANOS_SKIP_WITHOUT_SHARED(kVectors);
  for (const auto& row : testing::ReadJsonLines(testing::SharedPath(kVectors))) {
    const std::string bytes = testing::FromHex(row["hex"]);
    const auto read = Tombstones::Parse(codec::AsBytes(bytes));
    if (row["expect"] != "ok") {
      EXPECT_THAT(read, StatusIs(StatusCode::kDataLoss)) << row["id"];
      continue;
    }
    ASSERT_THAT(read, IsOk()) << row["id"];
    EXPECT_EQ(read->interval_count(), row["total"].get<uint64_t>()) << row["id"];
    if (!row.contains("adds")) continue;
    Tombstones made;
    for (const auto& add : row["adds"]) {
      made.Add(add[0].get<uint64_t>(), {add[1].get<int64_t>(), add[2].get<int64_t>()});
    }
    EXPECT_EQ(made.by_series(), read->by_series()) << row["id"];
    if (row.value("byte_exact", false)) {
      EXPECT_EQ(testing::ToHex(made.Write()), row["hex"].get<std::string>()) << row["id"];
    }
  }
}

TEST(TombstonesTest, IntervalsAtTheEndsOfTimeDoNotOverflow) {
  std::vector<Interval> intervals;
  AddInterval({INT64_MIN, -5}, &intervals);
  AddInterval({5, INT64_MAX}, &intervals);
  EXPECT_EQ(intervals.size(), 2u);
  AddInterval({-4, 4}, &intervals);
  EXPECT_EQ(intervals, (std::vector<Interval>{{INT64_MIN, INT64_MAX}}));
}

TEST(TombstonesTest, SamplesInsideAreTakenOut) {
  chunk::Columns columns;
  columns.t = {1, 2, 3, 4, 5};
  columns.v = {1, 2, 3, 4, 5};
  DeleteSamples(std::vector<Interval>{{2, 3}, {5, 9}}, &columns);
  EXPECT_EQ(columns.t, (std::vector<int64_t>{1, 4}));
  EXPECT_EQ(columns.v, (std::vector<double>{1, 4}));
}

}  // namespace
}  // namespace thanos::block
