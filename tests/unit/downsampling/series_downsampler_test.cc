#include "downsampling/series_downsampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "chunk/decode.h"
#include "chunk/histogram_writer.h"
#include "chunk/xor.h"
#include "codec/byte_reader.h"
#include "support/start_time_chunks.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::downsampling {
namespace {

using ::thanos::testing::StatusIs;
constexpr int64_t k5m = 300'000, k1h = 3'600'000;
const double kInf = std::numeric_limits<double>::infinity();

struct Owned {
  int64_t min_ms = 0, max_ms = 0;
  ChunkEncoding encoding = ChunkEncoding::kNone;
  std::string data;
};

std::vector<Owned> FromJson(const nlohmann::json& json) {
  std::vector<Owned> chunks;
  for (const auto& chunk : json) {
    chunks.push_back({chunk.value("mint", int64_t{0}), chunk.value("maxt", int64_t{0}),
                      static_cast<ChunkEncoding>(chunk.at("enc").get<int>()),
                      testing::FromHex(chunk.at("hex").get<std::string>())});
  }
  return chunks;
}

std::vector<InputChunk> Inputs(const std::vector<Owned>& chunks) {
  std::vector<InputChunk> inputs;
  for (const Owned& chunk : chunks) {
    inputs.push_back({chunk.min_ms, chunk.max_ms, chunk.encoding, codec::AsBytes(chunk.data)});
  }
  return inputs;
}

std::vector<Owned> Downsampled(const std::vector<Owned>& chunks, int64_t from_ms, int64_t to_ms) {
  SeriesDownsampler downsampler(from_ms, to_ms);
  const Status status = downsampler.Run(Inputs(chunks), {});
  EXPECT_TRUE(status.ok()) << status.ToString();
  std::vector<Owned> made;
  for (const block::NewChunk& chunk : downsampler.chunks()) {
    made.push_back(
        {chunk.min_ms, chunk.max_ms, chunk.encoding, std::string(codec::AsText(chunk.data))});
  }
  return made;
}

using Samples = std::vector<std::pair<int64_t, double>>;

Owned FloatChunk(const Samples& samples) {
  chunk::XorAppender appender;
  for (const auto& [t, v] : samples) EXPECT_TRUE(appender.Append(t, v));
  return {samples.front().first, samples.back().first, ChunkEncoding::kXor,
          std::string(codec::AsText(appender.bytes()))};
}

Samples Decoded(const Owned& chunk, Aggr aggregate) {
  auto part = chunk::ReadAggregate(codec::AsBytes(chunk.data), aggregate);
  EXPECT_TRUE(part.ok());
  chunk::Columns columns;
  EXPECT_TRUE(chunk::DecodeChunk(part->encoding, part->data, &columns).ok());
  Samples samples;
  for (size_t i = 0; i < columns.t.size(); ++i) samples.emplace_back(columns.t[i], columns.v[i]);
  return samples;
}

// Values with any NaN equal to any other, as the vectors ask for in sums of infinities.
void ExpectSameSamples(const Owned& want, const Owned& got) {
  for (const Aggr aggregate : chunk::kAggregateOrder) {
    const Samples a = Decoded(want, aggregate), b = Decoded(got, aggregate);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].first, b[i].first);
      if (!std::isnan(a[i].second) || !std::isnan(b[i].second)) {
        EXPECT_EQ(a[i].second, b[i].second);
      }
    }
  }
}

void ExpectSame(const std::vector<Owned>& want, const std::vector<Owned>& got, bool any_nan) {
  ASSERT_EQ(want.size(), got.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(want[i].min_ms, got[i].min_ms);
    EXPECT_EQ(want[i].max_ms, got[i].max_ms);
    EXPECT_EQ(got[i].encoding, ChunkEncoding::kAggregate);
    if (any_nan) {
      ExpectSameSamples(want[i], got[i]);
    } else {
      EXPECT_EQ(testing::ToHex(want[i].data), testing::ToHex(got[i].data));
    }
  }
}

std::vector<int64_t> Times(const Owned& chunk, Aggr aggregate) {
  auto part = chunk::ReadAggregate(codec::AsBytes(chunk.data), aggregate);
  EXPECT_TRUE(part.ok());
  chunk::Columns columns;
  EXPECT_TRUE(chunk::DecodeChunk(part->encoding, part->data, &columns).ok());
  return columns.t.empty() ? columns.histogram_t : columns.t;
}

// Go keeps the counts but drops the sums of windows in front of one that does not fit.
bool LostWindows(const std::vector<Owned>& chunks) {
  return std::any_of(chunks.begin(), chunks.end(), [](const Owned& chunk) {
    return Times(chunk, Aggr::kCount) != Times(chunk, Aggr::kSum);
  });
}

// The same counts, and for each a sum and a counter.
void ExpectAllWindows(const std::vector<Owned>& want, const std::vector<Owned>& got) {
  Samples wanted, counts;
  for (const Owned& chunk : want) {
    for (const auto& sample : Decoded(chunk, Aggr::kCount)) wanted.push_back(sample);
  }
  for (const Owned& chunk : got) {
    for (const auto& sample : Decoded(chunk, Aggr::kCount)) counts.push_back(sample);
    EXPECT_EQ(Times(chunk, Aggr::kCount), Times(chunk, Aggr::kSum));
    EXPECT_EQ(Times(chunk, Aggr::kCount), Times(chunk, Aggr::kCounter));
  }
  EXPECT_EQ(wanted, counts);
  EXPECT_GT(got.size(), want.size());
  const auto sum_of = [](const Owned& chunk) {
    return std::string(
        codec::AsText(chunk::ReadAggregate(codec::AsBytes(chunk.data), Aggr::kSum)->data));
  };
  EXPECT_EQ(testing::ToHex(sum_of(want.back())), testing::ToHex(sum_of(got.back())));
}

TEST(SeriesDownsamplerTest, MakesTheBytesOfTheReference) {
  const std::string path = "conformance/vectors/downsample.jsonl";
  THANOS_SKIP_WITHOUT_SHARED(path);
  int lost = 0;
  for (const auto& row : testing::ReadJsonLines(testing::SharedPath(path))) {
    SCOPED_TRACE(row.at("id").get<std::string>() + " " + row.at("kind").get<std::string>());
    const bool any_nan = row.at("kind") == "inf";
    const std::vector<Owned> want = FromJson(row.at("m5"));
    if (row.at("kind") != "inf" && LostWindows(want)) {
      ExpectAllWindows(want, Downsampled(FromJson(row.at("raw_chunks")), 0, k5m));
      ++lost;
      continue;
    }
    ExpectSame(want, Downsampled(FromJson(row.at("raw_chunks")), 0, k5m), any_nan);
    ExpectSame(FromJson(row.at("h1")), Downsampled(want, k5m, k1h), any_nan);
  }
  EXPECT_EQ(lost, 3);
}

// formats/thanos-block §6.
TEST(SeriesDownsamplerTest, AggregatesWindowByWindow) {
  const auto made = Downsampled(
      {FloatChunk({{0, 10}, {60000, 20}, {120000, 5}, {310000, 15}, {650000, 30}})}, 0, k5m);
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].min_ms, 299999);
  EXPECT_EQ(made[0].max_ms, 650000);
  EXPECT_EQ(Decoded(made[0], Aggr::kCount), (Samples{{299999, 3}, {599999, 1}, {650000, 1}}));
  EXPECT_EQ(Decoded(made[0], Aggr::kSum), (Samples{{299999, 35}, {599999, 15}, {650000, 30}}));
  EXPECT_EQ(Decoded(made[0], Aggr::kMin), (Samples{{299999, 5}, {599999, 15}, {650000, 30}}));
  EXPECT_EQ(Decoded(made[0], Aggr::kMax), (Samples{{299999, 20}, {599999, 15}, {650000, 30}}));
  EXPECT_EQ(Decoded(made[0], Aggr::kCounter),
            (Samples{{0, 10}, {299999, 25}, {599999, 35}, {650000, 50}, {650000, 30}}));
}

TEST(SeriesDownsamplerTest, InfinityAloneIsNotTheMaximumItIsTheLeast) {
  const auto made = Downsampled({FloatChunk({{0, -kInf}})}, 0, k5m);
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(Decoded(made[0], Aggr::kMin), (Samples{{0, -kInf}}));
  EXPECT_EQ(Decoded(made[0], Aggr::kMax), (Samples{{0, -std::numeric_limits<double>::max()}}));
}

TEST(SeriesDownsamplerTest, SamplesBefore1970AreLeftOut) {
  EXPECT_TRUE(Downsampled({FloatChunk({{-10, 1}, {-5, 2}})}, 0, k5m).empty());
  const auto made = Downsampled({FloatChunk({{-10, 1}, {5, 2}})}, 0, k5m);
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(Decoded(made[0], Aggr::kCount), (Samples{{5, 1}}));
}

TEST(SeriesDownsamplerTest, DeletedSamplesDoNotCount) {
  const Owned chunk = FloatChunk({{0, 1}, {1000, 100}, {2000, 2}});
  SeriesDownsampler downsampler(0, k5m);
  const block::Interval deleted{1000, 1000};
  THANOS_ASSERT_OK(downsampler.Run(Inputs({chunk}), {&deleted, 1}));
  ASSERT_EQ(downsampler.chunks().size(), 1u);
  const Owned made{0, 0, ChunkEncoding::kAggregate,
                   std::string(codec::AsText(downsampler.chunks()[0].data))};
  EXPECT_EQ(Decoded(made, Aggr::kSum), (Samples{{2000, 3}}));
}

TEST(SeriesDownsamplerTest, RawChunksInADownsampledBlockAreConvertedFirst) {
  const Owned raw = FloatChunk({{0, 1}, {1000, 3}});
  const Owned empty{5000, 5000, ChunkEncoding::kXor, std::string(2, '\0')};
  const auto made = Downsampled({raw, empty}, k5m, k1h);
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(Decoded(made[0], Aggr::kCount), (Samples{{1000, 2}}));
  EXPECT_EQ(Decoded(made[0], Aggr::kCounter), (Samples{{0, 1}, {1000, 3}, {1000, 3}}));
}

Owned HistogramChunk(const std::vector<std::pair<int64_t, model::FloatHistogram>>& samples) {
  chunk::HistogramChunkWriter<model::FloatHistogram> writer;
  std::string finished;
  for (const auto& [t, h] : samples) {
    const auto what = writer.Append(t, h, &finished);
    EXPECT_TRUE(what.ok() && *what != chunk::HistogramAppend::kNew);
  }
  return {samples.front().first, samples.back().first, ChunkEncoding::kFloatHistogram,
          writer.Cut()};
}

model::FloatHistogram Histogram(double count, double zero_threshold) {
  model::FloatHistogram h;
  h.zero_threshold = zero_threshold;
  h.positive_spans = {{5, 1}};
  h.positive_buckets = {count};
  h.count = count;
  h.sum = count;
  return h;
}

model::FloatHistogram CustomHistogram(double count, std::vector<double> bounds) {
  model::FloatHistogram h = Histogram(count, 0);
  h.schema = model::kCustomBucketsSchema;
  h.positive_spans = {{0, 1}};
  h.custom_values = std::move(bounds);
  return h;
}

TEST(SeriesDownsamplerTest, AWidenedZeroBucketBeginsAnotherChunk) {
  const auto made =
      Downsampled({HistogramChunk({{0, Histogram(1, 0.5)}, {1000, Histogram(2, 0.5)}}),
                   HistogramChunk({{300'000, Histogram(3, 1)}})},
                  0, k5m);
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(Times(made[0], Aggr::kSum), (std::vector<int64_t>{299'999}));
  EXPECT_EQ(Times(made[1], Aggr::kSum), (std::vector<int64_t>{300'000}));
  EXPECT_EQ(Decoded(made[0], Aggr::kCount), (Samples{{299'999, 2}}));
  EXPECT_EQ(Decoded(made[1], Aggr::kCount), (Samples{{300'000, 1}}));
  EXPECT_EQ(made[1].min_ms, 300'000);
}

TEST(SeriesDownsamplerTest, CustomBoundsAreKeptApart) {
  const std::vector<Owned> raw = {HistogramChunk({{0, Histogram(1, 0)}}),
                                  HistogramChunk({{1000, CustomHistogram(1, {1, 2})}}),
                                  HistogramChunk({{2000, CustomHistogram(5, {1, 2})}}),
                                  HistogramChunk({{3000, CustomHistogram(2, {1, 3})}})};
  const auto made = Downsampled(raw, 0, k5m);
  ASSERT_EQ(made.size(), 3u);
  EXPECT_EQ(Decoded(made[1], Aggr::kCount), (Samples{{2000, 2}}));
  const auto coarser = Downsampled(made, k5m, k1h);
  ASSERT_EQ(coarser.size(), 3u);
  EXPECT_EQ(Decoded(coarser[1], Aggr::kCount), (Samples{{2000, 2}}));
}

// Go refuses such chunks; Prometheus 3.14 and later writes them.
TEST(SeriesDownsamplerTest, ChunksWithStartTimesAreReadAsTheOthers) {
  const std::vector<int64_t> t = {0, 60'000, 310'000}, st = {-5, -5, 300'000};
  const std::vector<double> v = {1, 2, 7};
  const Owned with_start{0, 310'000, ChunkEncoding::kXor2, testing::EncodeXor2(t, v, st)};
  ExpectSame(Downsampled({FloatChunk({{0, 1}, {60'000, 2}, {310'000, 7}})}, 0, k5m),
             Downsampled({with_start}, 0, k5m), false);
}

TEST(SeriesDownsamplerTest, RefusesWhatIsOutOfOrderOrMalformed) {
  const Owned a = FloatChunk({{0, 1}, {1000, 3}});
  const Owned b = FloatChunk({{1000, 1}, {2000, 3}});
  SeriesDownsampler raw(0, k5m);
  EXPECT_THAT(raw.Run(Inputs({a, b}), {}), StatusIs(StatusCode::kDataLoss));
  Owned lying = a;
  lying.max_ms = 500;  // The index states less than the chunk holds.
  EXPECT_THAT(raw.Run(Inputs({lying}), {}), StatusIs(StatusCode::kDataLoss));
  Owned cut = a;
  cut.data.resize(cut.data.size() - 1);
  EXPECT_THAT(raw.Run(Inputs({cut}), {}), StatusIs(StatusCode::kDataLoss));
  // What failed before does not disturb the next series.
  THANOS_ASSERT_OK(raw.Run(Inputs({a}), {}));
  EXPECT_EQ(raw.sample_count(), 1u);
  SeriesDownsampler aggregates(k5m, k1h);
  const Owned bad{0, 1000, ChunkEncoding::kAggregate, "\x05"};
  EXPECT_THAT(aggregates.Run(Inputs({bad}), {}), StatusIs(StatusCode::kDataLoss));
}

}  // namespace
}  // namespace thanos::downsampling
