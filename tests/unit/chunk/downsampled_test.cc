#include "chunk/downsampled.h"

#include <optional>

#include <gtest/gtest.h>

#include "chunk/aggregate.h"
#include "chunk_vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::chunk {
namespace {

using testing::IsOk;
using testing::StatusIs;

void ExpectColumns(const nlohmann::json& out, const Columns& columns, const std::string& id) {
  ASSERT_EQ(columns.t.size(), out["t"].size()) << id;
  for (size_t i = 0; i < columns.t.size(); ++i) {
    EXPECT_EQ(columns.t[i], out["t"][i].get<int64_t>()) << id << " sample " << i;
    EXPECT_EQ(std::bit_cast<uint64_t>(columns.v[i]),
              std::stoull(out["v"][i].get<std::string>(), nullptr, 16))
        << id << " sample " << i;
  }
}

// A reader of columns seeks forward to a time at or behind the one asked for.
void ExpectWalk(const nlohmann::json& walk, const Columns& columns, const std::string& id) {
  size_t next = 0;
  for (const auto& step : walk) {
    const bool seek = step[0] == "seek";
    const auto& t = seek ? step[2] : step[1];
    const bool stay = seek && next > 0 && next <= columns.t.size() &&
                      columns.t[next - 1] >= step[1].get<int64_t>();
    if (!stay) {
      while (seek && next < columns.t.size() && columns.t[next] < step[1].get<int64_t>()) ++next;
      ++next;
    }
    if (t.is_null()) {
      EXPECT_GT(next, columns.t.size()) << id;
      continue;
    }
    ASSERT_LE(next, columns.t.size()) << id;
    EXPECT_EQ(columns.t[next - 1], t.get<int64_t>()) << id;
  }
}

TEST(CounterReaderTest, TakesResetsOutAsThanosDoes) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/counter_series.jsonl");
  const auto rows =
      testing::ReadJsonLines(testing::SharedPath("conformance/vectors/counter_series.jsonl"));
  for (const auto& row : rows) {
    if (row["kind"] == "average") continue;
    std::vector<std::string> bytes;
    for (const auto& hex : row["chunks"]) bytes.push_back(testing::FromHex(hex));
    std::vector<EncodedChunk> chunks;
    for (const auto& chunk : bytes) chunks.push_back({ChunkEncoding::kXor, codec::AsBytes(chunk)});
    Columns columns;
    ASSERT_THAT(ReadCounter(chunks, &columns), IsOk()) << row["id"];
    ExpectColumns(row["out"], columns, row["id"]);
    if (row.contains("walk")) ExpectWalk(row["walk"], columns, row["id"]);
  }
}

TEST(AverageReaderTest, DividesSumByCountAsThanosDoes) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/counter_series.jsonl");
  const auto rows =
      testing::ReadJsonLines(testing::SharedPath("conformance/vectors/counter_series.jsonl"));
  for (const auto& row : rows) {
    if (row["kind"] != "average") continue;
    const std::string count = testing::FromHex(row["count"]);
    const std::string sum = testing::FromHex(row["sum"]);
    Columns columns;
    const Status status = ReadAverage({ChunkEncoding::kXor, codec::AsBytes(count)},
                                      {ChunkEncoding::kXor, codec::AsBytes(sum)}, &columns);
    if (row.contains("go_error")) {
      EXPECT_THAT(status, StatusIs(StatusCode::kDataLoss, "sum and count timestamps not aligned"));
    } else {
      EXPECT_THAT(status, IsOk()) << row["id"];
    }
    ExpectColumns(row["out"], columns, row["id"]);
  }
}

TEST(AggregateChunkTest, SplitsTheVectorsAndWritesThemBack) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/aggr_chunks.jsonl");
  constexpr const char* kNames[] = {"count", "sum", "min", "max", "counter"};
  const auto rows =
      testing::ReadJsonLines(testing::SharedPath("conformance/vectors/aggr_chunks.jsonl"));
  for (const auto& row : rows) {
    const std::string bytes = testing::FromHex(row["hex"]);
    bool whole = true;
    for (size_t i = 0; i < 5; ++i) {
      const auto& expected = row["parts"][kNames[i]];
      const auto part = ReadAggregate(codec::AsBytes(bytes), kAggregateOrder[i]);
      const std::string text = expected.is_string() ? expected.get<std::string>() : "";
      if (expected.is_object()) {
        ASSERT_THAT(part, IsOk()) << row["id"] << " " << kNames[i];
        EXPECT_EQ(static_cast<int>(part->encoding), expected["enc"].get<int>()) << row["id"];
        EXPECT_EQ(testing::ToHex(codec::AsText(part->data)), expected["hex"].get<std::string>())
            << row["id"];
      } else if (text == "absent") {
        ASSERT_THAT(part, IsOk()) << row["id"] << " " << kNames[i];
        EXPECT_FALSE(part->present()) << row["id"] << " " << kNames[i];
      } else if (!(text == "error: invalid size" && part.ok() && !part->present()) &&
                 !(part.ok() && part->encoding >= ChunkEncoding::kXor2)) {
        // Go refuses an absent part whose length is the last byte, and does not know the newer
        // encodings: reading both is right too.
        EXPECT_THAT(part, StatusIs(StatusCode::kDataLoss)) << row["id"] << " " << kNames[i];
        whole = false;
      }
    }
    if (!whole || row["kind"] == "corrupt") continue;
    THANOS_ASSERT_OK_AND_ASSIGN(const auto parts, SplitAggregates(codec::AsBytes(bytes)));
    std::string written;
    WriteAggregates(parts, &written);
    EXPECT_EQ(testing::ToHex(written), row["hex"].get<std::string>()) << row["id"];
  }
}

}  // namespace
}  // namespace thanos::chunk
