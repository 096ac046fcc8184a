#include "chunk/xor.h"

#include <random>

#include <gtest/gtest.h>

#include "chunk/decode.h"
#include "chunk_vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::chunk {
namespace {

using testing::IsOk;
using testing::StatusIs;

constexpr char kVectors[] = "conformance/vectors/xor_chunks.jsonl";

std::string Encode(const Columns& columns) {
  std::string out(XorBytesMax(columns.t.size()), '\0');
  out.resize(EncodeXor(columns.t.data(), columns.v.data(), columns.t.size(),
                       reinterpret_cast<std::byte*>(out.data())));
  return out;
}

Status DecodeHex(const std::string& hex, Columns* out) {
  // A heap block of the exact size, so that the sanitizer sees any read behind it.
  const std::string bytes = testing::FromHex(hex);
  const std::vector<std::byte> exact(codec::AsBytes(bytes).begin(), codec::AsBytes(bytes).end());
  return DecodeChunk(ChunkEncoding::kXor, exact, out);
}

void ExpectPrefix(const nlohmann::json& row, const Columns& columns, size_t n) {
  ASSERT_GE(columns.t.size(), n) << row["id"];
  for (size_t i = 0; i < std::min(n, row["t"].size()); ++i) {
    EXPECT_EQ(columns.t[i], row["t"][i].get<int64_t>()) << row["id"] << " sample " << i;
    EXPECT_EQ(std::bit_cast<uint64_t>(columns.v[i]),
              std::stoull(row["v"][i].get<std::string>(), nullptr, 16))
        << row["id"] << " sample " << i;
  }
}

TEST(XorChunkTest, DecodesAndEncodesTheVectorsBitForBit) {
  THANOS_SKIP_WITHOUT_SHARED(kVectors);
  size_t rows = 0;
  for (const auto& row : testing::ReadJsonLines(testing::SharedPath(kVectors))) {
    if (row["id"].get<std::string>().find("-bad-") != std::string::npos) continue;
    Columns columns;
    ASSERT_THAT(DecodeHex(row["hex"], &columns), IsOk()) << row["id"];
    ASSERT_EQ(columns.t.size(), row["n"].get<size_t>()) << row["id"];
    ExpectPrefix(row, columns, row["n"].get<size_t>());
    EXPECT_EQ(FloatSamplesSha256(columns), row["samples_sha256"].get<std::string>()) << row["id"];
    EXPECT_EQ(testing::ToHex(Encode(columns)), row["hex"].get<std::string>()) << row["id"];
    ++rows;
  }
  EXPECT_GT(rows, 250u);
}

TEST(XorChunkTest, AnAppenderThatIsResumedEvery37SamplesWritesTheSameBytes) {
  THANOS_SKIP_WITHOUT_SHARED(kVectors);
  for (const auto& row : testing::ReadJsonLines(testing::SharedPath(kVectors))) {
    if (row["id"].get<std::string>().find("-bad-") != std::string::npos) continue;
    Columns columns;
    ASSERT_THAT(DecodeHex(row["hex"], &columns), IsOk());
    if (columns.t.size() > 1000) continue;
    XorAppender appender;
    for (size_t i = 0; i < columns.t.size(); ++i) {
      if (i % 37 == 36) {
        THANOS_ASSERT_OK_AND_ASSIGN(appender, XorAppender::Resume(appender.bytes()));
      }
      ASSERT_TRUE(appender.Append(columns.t[i], columns.v[i]));
    }
    EXPECT_EQ(testing::ToHex(codec::AsText(appender.bytes())), row["hex"].get<std::string>())
        << row["id"];
  }
}

TEST(XorChunkTest, DeliversWhatLiesInsideOfCorruptChunks) {
  THANOS_SKIP_WITHOUT_SHARED(kVectors);
  size_t rows = 0;
  for (const auto& row : testing::ReadJsonLines(testing::SharedPath(kVectors))) {
    if (row["id"].get<std::string>().find("-bad-") == std::string::npos) continue;
    Columns columns;
    const Status status = DecodeHex(row["hex"], &columns);
    ++rows;
    if (row.contains("strict_n")) ExpectPrefix(row, columns, row["strict_n"].get<size_t>());
    if (row.value("invalid_window", false) || row.value("go_overread", false)) continue;
    if (row["expect"] == "ok") {
      EXPECT_THAT(status, IsOk()) << row["id"];
      EXPECT_EQ(FloatSamplesSha256(columns), row["samples_sha256"].get<std::string>()) << row["id"];
    } else {
      EXPECT_THAT(status, StatusIs(StatusCode::kDataLoss)) << row["id"];
    }
  }
  EXPECT_GT(rows, 40u);
}

TEST(XorChunkTest, ReadsAChunkOfEveryLengthWithoutReadingBehindIt) {
  std::mt19937_64 random(7);
  Columns columns;
  for (size_t n = 0; n < 150; ++n) {
    const std::string chunk = Encode(columns);
    for (size_t cut = 0; cut <= std::min<size_t>(chunk.size(), 40); ++cut) {
      const auto* begin = reinterpret_cast<const std::byte*>(chunk.data());
      const std::vector<std::byte> bytes(begin, begin + chunk.size() - cut);
      Columns out;
      const Status status = DecodeChunk(ChunkEncoding::kXor, bytes, &out);
      EXPECT_EQ(status.ok(), cut == 0) << n << " samples, cut by " << cut;
      ASSERT_LE(out.t.size(), n);
      for (size_t i = 0; i < out.t.size(); ++i) ASSERT_EQ(out.t[i], columns.t[i]);
    }
    columns.t.push_back(1'700'000'000'000 + static_cast<int64_t>(n * 15000 + random() % 9));
    columns.v.push_back(random() % 3 == 0 ? 1.5 : static_cast<double>(random() % 1000) / 7);
  }
}

TEST(XorChunkTest, AFullChunkTakesNoMoreSamples) {
  XorAppender appender;
  for (size_t i = 0; i < kChunkSamplesMax; ++i) {
    ASSERT_TRUE(appender.Append(static_cast<int64_t>(i), 1));
  }
  EXPECT_FALSE(appender.Append(70000, 1));
  EXPECT_THAT(SampleCount(ChunkEncoding::kXor, appender.bytes()), testing::IsOkAndHolds(65535u));
}

TEST(XorChunkTest, ACountAloneTakesNoMemory) {
  Columns columns;
  EXPECT_THAT(DecodeHex("ffff00", &columns), StatusIs(StatusCode::kDataLoss));
  EXPECT_LT(columns.t.capacity(), 1000u);
}

}  // namespace
}  // namespace thanos::chunk
