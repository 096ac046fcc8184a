#include <gtest/gtest.h>

#include "chunk/decode.h"
#include "chunk/transcode.h"
#include "chunk_vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::chunk {
namespace {

using testing::IsOk;
using testing::StatusIs;

TEST(Xor2ChunkTest, DecodesTheVectorsAndTranscodesThemToXor) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/xor2_chunks.jsonl");
  const auto rows =
      testing::ReadJsonLines(testing::SharedPath("conformance/vectors/xor2_chunks.jsonl"));
  for (const auto& row : rows) {
    const std::string bytes = testing::FromHex(row["hex"]);
    const std::vector<std::byte> exact(codec::AsBytes(bytes).begin(), codec::AsBytes(bytes).end());
    Columns columns;
    const Status status = DecodeChunk(ChunkEncoding::kXor2, exact, &columns);
    const bool corrupt = row["id"].get<std::string>().find("-bad-") != std::string::npos;
    if (corrupt && row["expect"] != "ok") {
      EXPECT_THAT(status, StatusIs(StatusCode::kDataLoss)) << row["id"];
      continue;
    }
    if (row.value("go_overread", false)) continue;
    ASSERT_THAT(status, IsOk()) << row["id"];
    ASSERT_EQ(columns.t.size(), row["n"].get<size_t>()) << row["id"];
    EXPECT_EQ(FloatSamplesSha256(columns), row["samples_sha256"].get<std::string>()) << row["id"];
    if (row.contains("st")) {
      columns.st.resize(columns.t.size());
      EXPECT_EQ(columns.st, row["st"].get<std::vector<int64_t>>()) << row["id"];
    }
    THANOS_ASSERT_OK_AND_ASSIGN(const std::string plain, Transcode(ChunkEncoding::kXor2, exact));
    Columns again;
    ASSERT_THAT(DecodeChunk(ChunkEncoding::kXor, codec::AsBytes(plain), &again), IsOk());
    EXPECT_EQ(FloatSamplesSha256(again), row["samples_sha256"].get<std::string>()) << row["id"];
  }
}

}  // namespace
}  // namespace thanos::chunk
