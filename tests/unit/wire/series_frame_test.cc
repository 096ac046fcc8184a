#include "wire/series_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/byte_reader.h"
#include "codec/hash.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"
#include "wire/store_messages.h"

namespace thanos::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using thanos::testing::FromHex;
using thanos::testing::IsOk;
using thanos::testing::StatusIs;
using thanos::testing::TextOf;
using thanos::testing::ToHex;

struct Decoded {
  DecodedFrame frame;
  SeriesBatchRef batch;
};

Result<Decoded> Decode(std::string bytes, FrameLimits limits = {}) {
  SeriesFrameDecoder decoder(limits);
  series::BatchBuilder builder;
  Decoded out;
  THANOS_ASSIGN_OR_RETURN(out.frame,
                          decoder.Decode(base::PinnedBytes::Of(std::move(bytes)), 7, &builder));
  THANOS_ASSIGN_OR_RETURN(out.batch, builder.Build(nullptr));
  return out;
}

// A message of one length-delimited field.
std::string Field(int number, const std::string& content) {
  std::string out;
  codec::ByteWriter writer(&out);
  writer.Uvarint(static_cast<uint64_t>(number) << 3 | 2);
  writer.UvarintString(content);
  return out;
}
std::string Number(int number, uint64_t value) {
  std::string out;
  codec::ByteWriter writer(&out);
  writer.Uvarint(static_cast<uint64_t>(number) << 3);
  writer.Uvarint(value);
  return out;
}
std::string LabelBytes(const std::string& name, const std::string& value) {
  return Field(1, Field(1, name) + Field(2, value));
}
std::string ChunkBytes(const std::string& data, uint64_t type = 0) {
  return Field(
      2, Number(1, 10) + Number(2, 20) + Field(3, (type ? Number(1, type) : "") + Field(2, data)));
}

// --- Against recorded streams of Go Thanos ---

void ExpectSeries(const SeriesView& series, const nlohmann::json& wanted) {
  static constexpr const char* kNames[] = {"raw", "count", "sum", "min", "max", "counter"};
  std::vector<std::pair<std::string, std::string>> labels;
  for (const auto& label : wanted.at("labels")) {
    labels.emplace_back(TextOf(label.at(0)), TextOf(label.at(1)));
  }
  EXPECT_EQ(series.labels, Labels::Of(labels).view()) << series.labels.ToString();
  ASSERT_EQ(series.chunks.size(), wanted.at("chunks").size());
  for (size_t i = 0; i < series.chunks.size(); ++i) {
    const ChunkView& chunk = series.chunks[i];
    const nlohmann::json& row = wanted.at("chunks").at(i);
    EXPECT_EQ(chunk.min_ms, row.at("min_time").get<int64_t>());
    EXPECT_EQ(chunk.max_ms, row.at("max_time").get<int64_t>());
    EXPECT_EQ(chunk.source, 7u);
    size_t parts = 0;
    for (const char* name : kNames) parts += row.contains(name);
    EXPECT_EQ(chunk.parts.size(), parts);
    for (const ChunkPart& part : chunk.parts) {
      const nlohmann::json& cell = row.at(kNames[static_cast<int>(part.aggr)]);
      EXPECT_EQ(ToHex(codec::AsText(part.data)), cell.at("data").get<std::string>());
      EXPECT_EQ(static_cast<int>(part.encoding), cell.at("type").get<int>() + 1);
      EXPECT_EQ(std::to_string(part.hash), cell.at("hash").get<std::string>());
    }
  }
}

TEST(SeriesFrameVectors, DecodesAndReencodesWhatGoSent) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/wire_series.jsonl");
  size_t frames = 0;
  for (const nlohmann::json& row : thanos::testing::ReadJsonLines(
           thanos::testing::SharedPath("conformance/vectors/wire_series.jsonl"))) {
    SCOPED_TRACE(row.at("id").get<std::string>());
    for (const nlohmann::json& frame : row.at("frames")) {
      const std::string bytes = FromHex(frame.at("hex").get<std::string>());
      auto decoded = Decode(bytes);
      THANOS_ASSERT_OK(decoded);
      ++frames;
      const auto series = decoded->batch->series();
      if (frame.contains("warning")) {
        EXPECT_EQ(decoded->frame.warning, TextOf(frame.at("warning")));
        EXPECT_EQ(codec::AsText(EncodeWarningFrame(decoded->frame.warning).bytes()), bytes);
      } else if (frame.contains("hints")) {
        EXPECT_EQ(codec::AsText(EncodeHintsFrame(decoded->frame.hints).bytes()), bytes);
      } else {
        const bool batched = frame.contains("batch");
        const nlohmann::json wanted =
            batched ? frame.at("batch") : nlohmann::json::array({frame.at("series")});
        ASSERT_EQ(series.size(), wanted.size());
        for (size_t i = 0; i < series.size(); ++i) ExpectSeries(series[i], wanted.at(i));
        auto again = EncodeSeriesFrame(series, batched);
        THANOS_ASSERT_OK(again);
        EXPECT_EQ(ToHex(codec::AsText(again->bytes())), ToHex(bytes));
      }
    }
  }
  EXPECT_GT(frames, 50u);
}

TEST(SeriesFrameVectors, ReadsTheRequestsOfGo) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/wire_series.jsonl");
  for (const nlohmann::json& row : thanos::testing::ReadJsonLines(
           thanos::testing::SharedPath("conformance/vectors/wire_series.jsonl"))) {
    SCOPED_TRACE(row.at("id").get<std::string>());
    if (!row.contains("request")) continue;
    const nlohmann::json& wanted = row.at("request");
    const std::string bytes = FromHex(row.at("request_hex").get<std::string>());
    auto request = DecodeSeriesRequest(bytes);
    if (!request.ok() && row.at("status") == "InvalidArgument") continue;  // A regex that is none.
    THANOS_ASSERT_OK(request);
    EXPECT_EQ(request->min_ms, wanted.value("min_time", int64_t{0}));
    EXPECT_EQ(request->max_ms, wanted.value("max_time", int64_t{0}));
    EXPECT_EQ(request->skip_chunks, wanted.value("skip_chunks", false));
    EXPECT_EQ(request->limit, wanted.value("limit", uint64_t{0}));
    EXPECT_EQ(request->max_resolution_ms, wanted.value("max_resolution_window", int64_t{0}));
    EXPECT_EQ(request->batch_series, std::max(1u, wanted.value("response_batch_size", 0u)));
    const auto matchers = wanted.value("matchers", nlohmann::json::array());
    ASSERT_EQ(request->matchers.size(), matchers.is_null() ? 0 : matchers.size());
    for (size_t i = 0; i < request->matchers.size(); ++i) {
      EXPECT_EQ(request->matchers[i].name(), TextOf(matchers.at(i).at("name")));
      EXPECT_EQ(request->matchers[i].value(),
                matchers.at(i).contains("value") ? TextOf(matchers.at(i).at("value")) : "");
      EXPECT_EQ(static_cast<int>(request->matchers[i].type()), matchers.at(i).value("type", 0));
    }
    // What we understood says the same when it is written again.
    if (request->batch_series > 1 || !wanted.contains("response_batch_size")) {
      EXPECT_EQ(ToHex(EncodeSeriesRequest(*request)), ToHex(bytes)) << wanted.dump();
    }
  }
}

// --- One thing bent at a time ---

TEST(SeriesFrame, EmptyFrameHoldsNothing) {
  THANOS_ASSERT_OK_AND_ASSIGN(Decoded decoded, Decode(""));
  EXPECT_EQ(decoded.frame.series, 0u);
}

TEST(SeriesFrame, SortsLabelsThatAreNotInOrder) {
  THANOS_ASSERT_OK_AND_ASSIGN(
      Decoded decoded,
      Decode(Field(1, LabelBytes("b", "2") + LabelBytes("a", "1") + ChunkBytes("x"))));
  EXPECT_EQ(decoded.batch->series()[0].labels, Labels::Of({{"a", "1"}, {"b", "2"}}).view());
}

TEST(SeriesFrame, RefusesALabelNameTwice) {
  EXPECT_THAT(Decode(Field(1, LabelBytes("a", "1") + LabelBytes("a", "2"))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("label name twice")));
}

TEST(SeriesFrame, TakesLabelsAfterChunks) {
  THANOS_ASSERT_OK_AND_ASSIGN(Decoded decoded,
                              Decode(Field(1, LabelBytes("a", "1") + ChunkBytes("x") +
                                                  LabelBytes("b", "2") + ChunkBytes("y"))));
  EXPECT_EQ(decoded.batch->series()[0].labels, Labels::Of({{"a", "1"}, {"b", "2"}}).view());
  EXPECT_EQ(decoded.batch->series()[0].chunks.size(), 2u);
}

TEST(SeriesFrame, NamesThatShareALongPrefixKeepTheirOrder) {
  const std::string prefix = "a_rather_long_name_";
  THANOS_ASSERT_OK_AND_ASSIGN(
      Decoded decoded, Decode(Field(1, LabelBytes(prefix, "0") + LabelBytes(prefix + "a", "1") +
                                           LabelBytes(prefix + "b", "2") +
                                           LabelBytes("b" + std::string(1, '\0'), "") +
                                           LabelBytes("b" + std::string(2, '\0'), ""))));
  std::vector<std::string> names;
  for (const Label& label : decoded.batch->series()[0].labels) names.emplace_back(label.name);
  EXPECT_THAT(names, ElementsAre(prefix, prefix + "a", prefix + "b", std::string("b\0", 2),
                                 std::string("b\0\0", 3)));
}

TEST(SeriesFrame, LongTextsComeThrough) {
  const std::string long_value(70'000, 'v'), long_name(300, 'n');
  THANOS_ASSERT_OK_AND_ASSIGN(Decoded decoded, Decode(Field(1, LabelBytes(long_name, long_value))));
  EXPECT_EQ(decoded.batch->series()[0].labels.Get(long_name), long_value);
}

TEST(SeriesFrame, SkipsUnknownFields) {
  const std::string unknown =
      Field(100, "later") + Number(101, 5) + std::string("\xb1\x06", 2) + std::string(8, 'x');
  THANOS_ASSERT_OK_AND_ASSIGN(
      Decoded decoded,
      Decode(unknown + Field(4, unknown + Field(1, LabelBytes("a", "1") + unknown) + unknown)));
  ASSERT_EQ(decoded.frame.series, 1u);
  EXPECT_EQ(decoded.batch->series()[0].labels.Get("a"), "1");
}

TEST(SeriesFrame, TakesLabelsWithoutValueOrName) {
  // Senders leave empty texts out.
  THANOS_ASSERT_OK_AND_ASSIGN(
      Decoded decoded, Decode(Field(4, Field(1, Field(1, "") + Field(1, Field(1, "a")) +
                                                    LabelBytes("b", "2") + ChunkBytes("data")))));
  EXPECT_EQ(decoded.batch->series()[0].labels,
            Labels::Of({{"", ""}, {"a", ""}, {"b", "2"}}).view());
}

TEST(SeriesFrame, RefusesWrongWireTypes) {
  for (const std::string& bytes :
       {Number(1, 5), Number(4, 5), Field(4, Number(1, 5)), Field(1, Number(1, 5)),
        Field(1, Number(2, 5)), Field(1, Field(1, Number(1, 5))), Field(1, Field(2, Field(1, "x"))),
        Field(1, Field(2, Number(3, 1))), Field(1, Field(2, Field(3, Field(1, "x")))),
        Field(1, Field(2, Field(3, Number(2, 1))))}) {
    EXPECT_THAT(Decode(bytes), StatusIs(StatusCode::kDataLoss, HasSubstr("wrong wire type")))
        << ToHex(bytes);
  }
}

TEST(SeriesFrame, RefusesEveryTruncation) {
  const std::string whole =
      Field(4, Field(1, LabelBytes("a", "1") + LabelBytes("b", "2") + ChunkBytes("data", 1)));
  THANOS_ASSERT_OK(Decode(whole));
  for (size_t size = 1; size < whole.size(); ++size) {
    EXPECT_THAT(Decode(whole.substr(0, size)), StatusIs(StatusCode::kDataLoss)) << size;
  }
}

TEST(SeriesFrame, RefusesTwoResults) {
  EXPECT_THAT(Decode(Field(1, "") + Field(2, "w")), StatusIs(StatusCode::kDataLoss));
}

TEST(SeriesFrame, KnowsEncodingsUpToSix) {
  THANOS_ASSERT_OK_AND_ASSIGN(Decoded decoded, Decode(Field(1, ChunkBytes("x", 5))));
  EXPECT_EQ(decoded.batch->series()[0].chunks[0].parts[0].encoding,
            ChunkEncoding::kFloatHistogramSt);
  EXPECT_THAT(Decode(Field(1, ChunkBytes("x", 6))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("unknown chunk encoding")));
  EXPECT_THAT(Decode(Field(1, ChunkBytes("x", uint64_t{1} << 63))),
              StatusIs(StatusCode::kDataLoss));
}

TEST(SeriesFrame, ChecksHashesUnlessToldNotTo) {
  const std::string bytes =
      Field(1, Field(2, Field(3, Field(2, "data") + Number(3, codec::Xxh64("data") + 1))));
  EXPECT_THAT(Decode(bytes), StatusIs(StatusCode::kDataLoss, HasSubstr("hash")));
  FrameLimits lenient;
  lenient.verify_hashes = false;
  EXPECT_THAT(Decode(bytes, lenient), IsOk());
}

TEST(SeriesFrame, RefusesATurnedChunk) {
  const std::string chunk = Field(2, Number(1, 20) + Number(2, 10) + Field(3, Field(2, "x")));
  EXPECT_THAT(Decode(Field(1, chunk)), StatusIs(StatusCode::kDataLoss));
}

TEST(SeriesFrame, SortsChunksByTime) {
  const auto chunk = [](uint64_t min) {
    return Field(2, Number(1, min) + Number(2, min + 1) + Field(3, Field(2, "x")));
  };
  THANOS_ASSERT_OK_AND_ASSIGN(Decoded decoded, Decode(Field(1, chunk(30) + chunk(10) + chunk(20))));
  EXPECT_EQ(decoded.batch->series()[0].chunks[0].min_ms, 10);
  EXPECT_EQ(decoded.batch->series()[0].chunks[2].min_ms, 30);
}

TEST(SeriesFrame, LimitsAreNamed) {
  FrameLimits limits;
  limits.labels_max = 1;
  EXPECT_THAT(Decode(Field(1, LabelBytes("a", "1") + LabelBytes("b", "2")), limits),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("labels")));
  limits.series_max = 1;
  EXPECT_THAT(Decode(Field(4, Field(1, "") + Field(1, "")), limits),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("series")));
}

TEST(SeriesFrame, ComputesMissingHashesAndRefusesForeignEncodings) {
  const Labels labels = Labels::Of({{"a", "1"}});
  ChunkPart part{Aggr::kRaw, ChunkEncoding::kHistogram, 0, codec::AsBytes("data")};
  ChunkView chunk{-5, 5, 0, {&part, 1}};
  const SeriesView series{labels, {&chunk, 1}};
  THANOS_ASSERT_OK_AND_ASSIGN(base::PinnedBytes frame, EncodeSeriesFrame({&series, 1}, false));
  THANOS_ASSERT_OK_AND_ASSIGN(Decoded decoded, Decode(std::string(codec::AsText(frame.bytes()))));
  const ChunkView& back = decoded.batch->series()[0].chunks[0];
  EXPECT_EQ(back.min_ms, -5);
  EXPECT_EQ(back.parts[0].hash, codec::Xxh64("data"));
  part.encoding = ChunkEncoding::kXor2;
  EXPECT_THAT(EncodeSeriesFrame({&series, 1}, false), StatusIs(StatusCode::kInvalidArgument));
}

TEST(SeriesFrame, SeveralSeriesNeedABatch) {
  EXPECT_THAT(EncodeSeriesFrame({}, false), StatusIs(StatusCode::kInvalidArgument));
  THANOS_ASSERT_OK_AND_ASSIGN(base::PinnedBytes frame, EncodeSeriesFrame({}, true));
  EXPECT_EQ(ToHex(codec::AsText(frame.bytes())), "2200");
}

TEST(SeriesFrame, ViewsKeepTheFrameAlive) {
  SeriesBatchRef batch;
  {
    THANOS_ASSERT_OK_AND_ASSIGN(Decoded decoded,
                                Decode(Field(1, LabelBytes("a", "1") + ChunkBytes("data"))));
    batch = decoded.batch;
  }
  EXPECT_EQ(codec::AsText(batch->series()[0].chunks[0].parts[0].data), "data");
  EXPECT_GT(batch->charged_bytes(), 20u);
}

}  // namespace
}  // namespace thanos::wire
