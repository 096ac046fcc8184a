#include "wire/remote_read.h"

#include <algorithm>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/byte_reader.h"
#include "codec/compression.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::wire {
namespace {

using ::testing::HasSubstr;
using thanos::testing::FromBits;
using thanos::testing::FromHex;
using thanos::testing::StatusIs;
using thanos::testing::TextOf;
using thanos::testing::ToHex;

// Gives its text in pieces of `step` bytes.
class Pieces : public ByteSource {
 public:
  Pieces(std::string text, size_t step) : text_(std::move(text)), step_(step) {}
  Result<size_t> Read(std::span<std::byte> out) override {
    const size_t count = std::min({out.size(), step_, text_.size() - at_});
    if (count > 0) std::memcpy(out.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  const std::string text_;
  const size_t step_;
  size_t at_ = 0;
};

Labels LabelsOf(const nlohmann::json& pairs) {
  std::vector<std::pair<std::string, std::string>> labels;
  for (const auto& label : pairs) labels.emplace_back(TextOf(label.at(0)), TextOf(label.at(1)));
  return Labels::Of(labels);
}

ReadRequest RequestOf(const nlohmann::json& from) {
  ReadRequest request;
  for (const nlohmann::json& row : from.at("queries")) {
    ReadQuery query{row.value("start_timestamp_ms", int64_t{0}),
                    row.value("end_timestamp_ms", int64_t{0}),
                    {},
                    {}};
    for (const nlohmann::json& matcher : row.at("matchers")) {
      query.matchers.push_back(*model::Matcher::Make(
          static_cast<model::MatchType>(matcher.value("type", 0)), TextOf(matcher.at("name")),
          matcher.contains("value") ? TextOf(matcher.at("value")) : ""));
    }
    if (row.contains("hints")) {
      const nlohmann::json& h = row.at("hints");
      query.hints = ReadHints{h.value("step_ms", int64_t{0}),
                              h.value("func", ""),
                              h.value("start_ms", int64_t{0}),
                              h.value("end_ms", int64_t{0}),
                              h.value("grouping", std::vector<std::string>{}),
                              h.value("by", false),
                              h.value("range_ms", int64_t{0})};
    }
    request.queries.push_back(query);
  }
  if (from.contains("accepted_response_types")) {
    for (const int type : from.at("accepted_response_types")) {
      request.accepted.push_back(static_cast<ReadResponseType>(type));
    }
  }
  return request;
}

void ExpectFrames(const nlohmann::json& row, size_t step) {
  std::string body;
  for (const nlohmann::json& frame : row.at("frames")) body += FromHex(frame.at("hex"));
  Pieces source(body, step);
  ReadFrameReader reader(&source);
  ReadFrameDecoder decoder;
  for (const nlohmann::json& frame : row.at("frames")) {
    THANOS_ASSERT_OK_AND_ASSIGN(auto payload, reader.Next());
    ASSERT_TRUE(payload.has_value());
    size_t index = 0;
    THANOS_ASSERT_OK(decoder.Decode(
        codec::AsText(payload->bytes()), [&](int64_t query, const SeriesView& series) {
          const nlohmann::json& wanted = frame.at("chunked_series").at(index++);
          EXPECT_EQ(query, frame.at("query_index").get<int64_t>());
          EXPECT_EQ(series.labels, LabelsOf(wanted.at("labels")).view());
          EXPECT_EQ(series.chunks.size(), wanted.at("chunks").size());
          for (size_t i = 0; i < series.chunks.size(); ++i) {
            const nlohmann::json& chunk = wanted.at("chunks").at(i);
            EXPECT_EQ(series.chunks[i].min_ms, chunk.at("min_time").get<int64_t>());
            EXPECT_EQ(series.chunks[i].max_ms, chunk.at("max_time").get<int64_t>());
            EXPECT_EQ(static_cast<int>(series.chunks[i].parts[0].encoding),
                      chunk.at("type").get<int>());
            EXPECT_EQ(ToHex(codec::AsText(series.chunks[i].parts[0].data)),
                      chunk.at("data").get<std::string>());
          }
          EXPECT_EQ(ToHex(EncodeReadFrame(query, series)), frame.at("hex").get<std::string>());
          return OkStatus();
        }));
    EXPECT_EQ(index, frame.at("chunked_series").size());
  }
  THANOS_ASSERT_OK_AND_ASSIGN(auto end, reader.Next());
  EXPECT_FALSE(end.has_value());
}

void ExpectHistogram(const model::FloatHistogram& got, const nlohmann::json& wanted) {
  const auto buckets = [](const nlohmann::json& cells) {
    std::vector<double> out;
    for (const auto& cell : cells) out.push_back(FromBits(cell));
    return out;
  };
  EXPECT_EQ(static_cast<int>(got.hint), wanted.at("crh").get<int>());
  EXPECT_EQ(got.schema, wanted.at("schema").get<int>());
  if (wanted.at("k") != "f") return;  // Integer histograms state other texts.
  EXPECT_EQ(got.zero_threshold, FromBits(wanted.at("zt")));
  EXPECT_EQ(got.zero_count, FromBits(wanted.at("zc")));
  EXPECT_EQ(got.count, FromBits(wanted.at("c")));
  EXPECT_EQ(got.sum, FromBits(wanted.at("sum")));
  EXPECT_EQ(got.positive_buckets, buckets(wanted.at("pb")));
  EXPECT_EQ(got.negative_buckets, buckets(wanted.at("nb")));
  EXPECT_EQ(got.positive_spans.size(), wanted.at("ps").size());
}

void ExpectSamples(const nlohmann::json& row) {
  THANOS_ASSERT_OK_AND_ASSIGN(std::string bytes,
                              codec::SnappyDecompress(FromHex(row.at("body_hex")), 1 << 20));
  EXPECT_EQ(ToHex(bytes), row.at("decoded_hex").get<std::string>());
  auto results = DecodeReadResponse(bytes);
  THANOS_ASSERT_OK(results);
  ASSERT_EQ(results->size(), row.at("results").size());
  for (size_t i = 0; i < results->size(); ++i) {
    const nlohmann::json& wanted = row.at("results").at(i);
    ASSERT_EQ((*results)[i].size(), wanted.size());
    for (size_t j = 0; j < wanted.size(); ++j) {
      const SampledSeries& series = (*results)[i][j];
      EXPECT_EQ(series.labels, LabelsOf(wanted.at(j).at("labels")));
      EXPECT_EQ(series.t, wanted.at(j).at("t").get<std::vector<int64_t>>());
      for (size_t k = 0; k < series.v.size(); ++k) {
        EXPECT_EQ(__builtin_bit_cast(uint64_t, series.v[k]),
                  std::stoull(wanted.at(j).at("v").at(k).get<std::string>(), nullptr, 16));
      }
      ASSERT_EQ(series.histograms.size(), wanted.at(j).at("histograms").size());
      for (size_t k = 0; k < series.histograms.size(); ++k) {
        EXPECT_EQ(series.histograms[k].t,
                  wanted.at(j).at("histograms").at(k).at("t").get<int64_t>());
        ExpectHistogram(series.histograms[k].value, wanted.at(j).at("histograms").at(k).at("h"));
      }
    }
  }
}

TEST(RemoteReadVectors, WhatPrometheusSent) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/wire_remote_read.jsonl");
  for (const nlohmann::json& row : thanos::testing::ReadJsonLines(
           thanos::testing::SharedPath("conformance/vectors/wire_remote_read.jsonl"))) {
    SCOPED_TRACE(row.at("id").get<std::string>());
    const std::string bytes = FromHex(row.at("request_hex"));
    EXPECT_EQ(ToHex(EncodeReadRequest(RequestOf(row.at("request")))), ToHex(bytes));
    THANOS_ASSERT_OK_AND_ASSIGN(ReadRequest request, DecodeReadRequest(bytes));
    EXPECT_EQ(ToHex(EncodeReadRequest(request)), ToHex(bytes));
    THANOS_ASSERT_OK_AND_ASSIGN(
        std::string packed,
        codec::SnappyDecompress(FromHex(row.at("request_snappy_hex")), 1 << 20));
    EXPECT_EQ(packed, bytes);
    if (row.contains("frames")) {
      for (const size_t step : {1u, 7u, 100'000u}) ExpectFrames(row, step);
    } else {
      ExpectSamples(row);
    }
  }
}

std::string OneFrame(const std::string& value = "1") {
  const Labels labels = Labels::Of({{"a", value}});
  const ChunkPart part{Aggr::kRaw, ChunkEncoding::kXor, 0, codec::AsBytes("data")};
  const ChunkView chunk{1, 2, 0, {&part, 1}};
  return EncodeReadFrame(0, {labels, {&chunk, 1}});
}

Status ReadAll(const std::string& body, size_t frame_bytes_max = kReadFrameBytesMax) {
  Pieces source(body, 1000);
  ReadFrameReader reader(&source, frame_bytes_max);
  ReadFrameDecoder decoder;
  for (;;) {
    THANOS_ASSIGN_OR_RETURN(auto payload, reader.Next());
    if (!payload) return OkStatus();
    THANOS_RETURN_IF_ERROR(decoder.Decode(codec::AsText(payload->bytes()),
                                          [](int64_t, const SeriesView&) { return OkStatus(); }));
  }
}

// A stream of any length is read in constant memory, and what was given out stays as it was.
TEST(ReadFrameReader, ItsBufferDoesNotFollowTheStream) {
  const std::string frame = OneFrame(std::string(2000, 'x'));
  std::string body;
  while (body.size() < 8 << 20) body += frame;
  Pieces source(body, 100000);
  ReadFrameReader reader(&source);
  std::vector<base::PinnedBytes> kept;
  for (size_t frames = 0;; ++frames) {
    THANOS_ASSERT_OK_AND_ASSIGN(const auto payload, reader.Next());
    EXPECT_LE(reader.buffer_bytes(), size_t{1} << 20);
    if (!payload) break;
    if (frames % 500 == 0) kept.push_back(*payload);
  }
  ASSERT_GE(kept.size(), 8u);
  for (const base::PinnedBytes& payload : kept) {
    EXPECT_EQ(codec::AsText(payload.bytes()), codec::AsText(kept[0].bytes()));
  }
}

TEST(ReadFrameReader, EveryTruncationIsAnError) {
  const std::string body = OneFrame() + OneFrame();
  THANOS_EXPECT_OK(ReadAll(body));
  for (size_t size = 1; size < body.size(); ++size) {
    if (size == body.size() / 2) continue;
    EXPECT_THAT(ReadAll(body.substr(0, size)), StatusIs(StatusCode::kDataLoss)) << size;
  }
}

TEST(ReadFrameReader, EveryFlippedBitIsAnError) {
  const std::string body = OneFrame();
  for (size_t bit = 0; bit < body.size() * 8; ++bit) {
    std::string bent = body;
    bent[bit / 8] = static_cast<char>(bent[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(ReadAll(bent).ok()) << bit;
  }
}

TEST(ReadFrameReader, QuotesTheErrorThatPrometheusAppends) {
  EXPECT_THAT(ReadAll(OneFrame() + "expanding series: context canceled\n"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("expanding series: context canceled")));
}

TEST(ReadFrameReader, BoundsFrames) {
  EXPECT_THAT(ReadAll(OneFrame(std::string(200, 'x')), 100),
              StatusIs(StatusCode::kDataLoss, HasSubstr("limit of 100")));
}

TEST(ReadFrameDecoder, RefusesUnknownEncodings) {
  const Labels labels = Labels::Of({{"a", "1"}});
  for (const int encoding : {0, 7}) {
    const ChunkPart part{Aggr::kRaw, static_cast<ChunkEncoding>(encoding), 0,
                         codec::AsBytes("data")};
    const ChunkView chunk{1, 2, 0, {&part, 1}};
    EXPECT_THAT(ReadAll(EncodeReadFrame(0, {labels, {&chunk, 1}})),
                StatusIs(StatusCode::kDataLoss));
  }
}

TEST(ReadResponse, ComesBackAsItWas) {
  const std::vector<std::vector<SampledSeries>> results = {
      {{Labels::Of({{"a", "1"}}), {1, 2}, {0.5, -1}, {}}}, {}};
  THANOS_ASSERT_OK_AND_ASSIGN(auto back, DecodeReadResponse(EncodeReadResponse(results)));
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[0][0].labels, results[0][0].labels);
  EXPECT_EQ(back[0][0].t, results[0][0].t);
  EXPECT_EQ(back[0][0].v, results[0][0].v);
  EXPECT_THAT(DecodeReadResponse("\x0a\xff"), StatusIs(StatusCode::kDataLoss));
}

}  // namespace
}  // namespace thanos::wire
