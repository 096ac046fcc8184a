#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "chunk/decode.h"
#include "chunk/histogram_codec.h"
#include "chunk/histogram_writer.h"
#include "chunk/transcode.h"
#include "chunk_vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::chunk {
namespace {

using testing::IsOk;
using testing::StatusIs;

std::vector<nlohmann::json> Rows(const std::string& name, bool corrupt) {
  std::vector<nlohmann::json> rows;
  const std::string path = testing::SharedPath("conformance/vectors/" + name);
  for (auto& row : testing::ReadJsonLines(path)) {
    const bool bad = row["id"].get<std::string>().find("-bad-") != std::string::npos;
    if (bad == corrupt) rows.push_back(std::move(row));
  }
  return rows;
}

ChunkEncoding EncodingOf(const nlohmann::json& row) {
  return static_cast<ChunkEncoding>(row["enc"].get<int>());
}

Columns DecodeOk(ChunkEncoding encoding, const std::string& hex, const std::string& id) {
  Columns columns;
  const std::string bytes = testing::FromHex(hex);
  const std::vector<std::byte> exact(codec::AsBytes(bytes).begin(), codec::AsBytes(bytes).end());
  EXPECT_THAT(DecodeChunk(encoding, exact, &columns), IsOk()) << id;
  return columns;
}

// Integer histograms in JSON, turned into the form that columns hold.
model::FloatHistogram FloatFromJson(const nlohmann::json& json) {
  if (json["k"] == "i") return HistogramFromJson<model::IntHistogram>(json).ToFloat();
  return HistogramFromJson<model::FloatHistogram>(json);
}

Columns ColumnsFromJson(const nlohmann::json& decoded) {
  Columns columns;
  for (const auto& sample : decoded) {
    columns.histogram_t.push_back(sample["t"].get<int64_t>());
    columns.histograms.push_back(FloatFromJson(sample["h"]));
  }
  return columns;
}

class HistogramVectorsTest : public ::testing::TestWithParam<const char*> {};

TEST_P(HistogramVectorsTest, DecodeToTheSameSamples) {
  THANOS_SKIP_WITHOUT_SHARED(std::string("conformance/vectors/") + GetParam());
  size_t chunks = 0;
  for (const auto& row : Rows(GetParam(), false)) {
    for (const auto& chunk : row["chunks"]) {
      const Columns columns = DecodeOk(EncodingOf(row), chunk["hex"], row["id"]);
      ASSERT_EQ(columns.histograms.size(), chunk["n"].get<size_t>()) << row["id"];
      EXPECT_EQ(HistogramSamplesSha256(columns), chunk["decoded_sha256"].get<std::string>())
          << row["id"];
      ++chunks;
      if (!chunk.contains("decoded")) continue;
      for (size_t i = 0; i < columns.histograms.size(); ++i) {
        const auto expected = FloatFromJson(chunk["decoded"][i]["h"]);
        EXPECT_EQ(columns.histograms[i].hint, expected.hint) << row["id"] << " sample " << i;
        EXPECT_EQ(columns.histograms[i].positive_spans, expected.positive_spans) << row["id"];
        EXPECT_EQ(columns.histograms[i].negative_spans, expected.negative_spans) << row["id"];
        const int64_t start = i < columns.histogram_st.size() ? columns.histogram_st[i] : 0;
        EXPECT_EQ(start, chunk["decoded"][i].value("st", int64_t{0})) << row["id"] << " " << i;
      }
    }
  }
  EXPECT_GT(chunks, 50u);
}

TEST_P(HistogramVectorsTest, DeliverAPrefixWhenCorrupt) {
  THANOS_SKIP_WITHOUT_SHARED(std::string("conformance/vectors/") + GetParam());
  for (const auto& row : Rows(GetParam(), true)) {
    Columns columns;
    const std::string bytes = testing::FromHex(row["hex"]);
    const std::vector<std::byte> exact(codec::AsBytes(bytes).begin(), codec::AsBytes(bytes).end());
    const Status status = DecodeChunk(EncodingOf(row), exact, &columns);
    const Columns expected = ColumnsFromJson(row["decoded"]);
    if (row["expect"] != "ok") {
      EXPECT_THAT(status, StatusIs(StatusCode::kDataLoss)) << row["id"];
    }
    ASSERT_LE(columns.histograms.size(), expected.histograms.size()) << row["id"];
    // Where Go says ok it may have read zeros behind the end: an error is right there.
    if (row["expect"] != "ok" || status.ok()) {
      ASSERT_GE(columns.histograms.size() + 1, expected.histograms.size()) << row["id"];
    }
    Columns prefix = expected;
    prefix.histogram_t.resize(columns.histogram_t.size());
    prefix.histograms.resize(columns.histograms.size());
    EXPECT_EQ(HistogramSamplesSha256(columns), HistogramSamplesSha256(prefix)) << row["id"];
  }
}

INSTANTIATE_TEST_SUITE_P(Files, HistogramVectorsTest,
                         ::testing::Values("histogram_chunks.jsonl", "float_histogram_chunks.jsonl",
                                           "histogram_st_chunks.jsonl",
                                           "float_histogram_st_chunks.jsonl"));

const char* HeaderName(std::string_view chunk) {
  constexpr const char* kNames[] = {"unknown", "not_counter_reset", "counter_reset", "gauge"};
  return kNames[static_cast<uint8_t>(chunk[2]) >> 6];
}

template <typename Histogram>
void ReplayAppends(const nlohmann::json& row) {
  HistogramChunkWriter<Histogram> writer;
  std::vector<std::string> chunks;
  for (const auto& op : row["ops"]) {
    if (op.value("cut", false)) {
      if (std::string cut = writer.Cut(); !cut.empty()) chunks.push_back(std::move(cut));
    }
    std::string finished;
    const auto result =
        writer.Append(op["t"].get<int64_t>(), HistogramFromJson<Histogram>(op["h"]), &finished);
    ASSERT_THAT(result, IsOk()) << row["id"];
    if (*result == HistogramAppend::kNew) chunks.push_back(std::move(finished));
    constexpr const char* kNames[] = {"same", "recoded", "new"};
    EXPECT_EQ(kNames[static_cast<int>(*result)], op["r"])
        << row["id"] << " op " << &op - &row["ops"][0];
  }
  chunks.push_back(writer.Cut());
  ASSERT_EQ(chunks.size(), row["chunks"].size()) << row["id"];
  for (size_t i = 0; i < chunks.size(); ++i) {
    EXPECT_EQ(HeaderName(chunks[i]), row["chunks"][i]["header"]) << row["id"] << " chunk " << i;
    EXPECT_EQ(testing::ToHex(chunks[i]), row["chunks"][i]["hex"].get<std::string>())
        << row["id"] << " chunk " << i;
  }
}

TEST(HistogramChunkWriterTest, CutsRecodesAndWritesIntegerHistogramsAsPrometheusDoes) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/histogram_chunks.jsonl");
  for (const auto& row : Rows("histogram_chunks.jsonl", false)) {
    ReplayAppends<model::IntHistogram>(row);
  }
}

TEST(HistogramChunkWriterTest, CutsRecodesAndWritesFloatHistogramsAsPrometheusDoes) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/float_histogram_chunks.jsonl");
  for (const auto& row : Rows("float_histogram_chunks.jsonl", false)) {
    ReplayAppends<model::FloatHistogram>(row);
  }
}

TEST(HistogramChunkWriterTest, RefusesBucketsThatTheSpansDoNotCover) {
  HistogramChunkWriter<model::FloatHistogram> writer;
  model::FloatHistogram histogram;
  histogram.positive_spans = {{0, 2}};
  histogram.positive_buckets = {1};
  std::string finished;
  EXPECT_THAT(writer.Append(1, histogram, &finished), StatusIs(StatusCode::kInvalidArgument));
}

TEST(TranscodeTest, HistogramsWithStartTimesBecomePlainOnesOfEqualSamples) {
  for (const char* file : {"histogram_st_chunks.jsonl", "float_histogram_st_chunks.jsonl"}) {
    THANOS_SKIP_WITHOUT_SHARED(std::string("conformance/vectors/") + file);
    for (const auto& row : Rows(file, false)) {
      for (const auto& chunk : row["chunks"]) {
        const std::string bytes = testing::FromHex(chunk["hex"]);
        THANOS_ASSERT_OK_AND_ASSIGN(const std::string plain,
                                    Transcode(EncodingOf(row), codec::AsBytes(bytes)));
        Columns columns;
        ASSERT_THAT(
            DecodeChunk(TranscodedEncoding(EncodingOf(row)), codec::AsBytes(plain), &columns),
            IsOk());
        EXPECT_EQ(HistogramSamplesSha256(columns), chunk["decoded_sha256"].get<std::string>())
            << row["id"];
        EXPECT_EQ(HeaderName(plain), chunk["header"]) << row["id"];
      }
    }
  }
}

TEST(HistogramDecodeTest, FineSchemasAreMergedDownToEight) {
  HistogramChunkWriter<model::FloatHistogram> writer;
  model::FloatHistogram histogram;
  histogram.schema = 9;
  histogram.positive_spans = {{-1, 4}, {3, 1}};
  histogram.positive_buckets = {1, 2, 4, 8, 16};
  std::string finished;
  ASSERT_THAT(writer.Append(1, histogram, &finished), IsOk());
  const std::string chunk = writer.Cut();
  Columns columns;
  ASSERT_THAT(DecodeChunk(ChunkEncoding::kFloatHistogram, codec::AsBytes(chunk), &columns), IsOk());
  const auto& read = columns.histograms.at(0);
  EXPECT_EQ(read.schema, 8);
  EXPECT_EQ(read.positive_buckets, (std::vector<double>{3, 12, 16}));
  EXPECT_EQ(read.positive_spans, (std::vector<model::HistogramSpan>{{0, 2}, {1, 1}}));
}

TEST(HistogramDecodeTest, ALayoutThatTheSampleCountMultipliesIsRefused) {
  // 60,000 spans of no length and 65,535 samples in a few kilobytes.
  std::string chunk("\xff\xff\x00", 3);
  BitWriter out(&chunk);
  HistogramLayout layout;
  layout.positive.assign(60000, {0, 0});
  WriteHistogramLayout(out, layout);
  chunk.append(100000, '\0');
  Columns columns;
  EXPECT_THAT(DecodeChunk(ChunkEncoding::kHistogram, codec::AsBytes(chunk), &columns),
              StatusIs(StatusCode::kDataLoss));
}

}  // namespace
}  // namespace thanos::chunk
