// Random series: what comes out window by window is what a naive reading of the rules gives, and
// the way over 5 minutes to 1 hour tells the same as the direct one.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "chunk/aggregate.h"
#include "chunk/decode.h"
#include "chunk/downsampled.h"
#include "chunk/histogram_writer.h"
#include "chunk/xor.h"
#include "codec/byte_reader.h"
#include "downsampling/series_downsampler.h"
#include "model/histogram.h"

namespace thanos::downsampling {
namespace {

constexpr int64_t k5m = 300'000, k1h = 3'600'000;
constexpr double kMaxDouble = std::numeric_limits<double>::max();

struct Sample {
  int64_t t = 0;
  double v = 0;
  friend bool operator==(const Sample&, const Sample&) = default;
};
using Samples = std::vector<Sample>;

struct Chunk {
  int64_t min_ms = 0, max_ms = 0;
  ChunkEncoding encoding = ChunkEncoding::kNone;
  std::string data;
};

// A chunk's aggregates, decoded.
struct Aggregates {
  int64_t min_ms = 0, max_ms = 0;
  Samples count, sum, min, max, counter;
  friend bool operator==(const Aggregates&, const Aggregates&) = default;
};

Samples RandomSeries(std::mt19937_64& random) {
  const auto below = [&](uint64_t bound) { return static_cast<int64_t>(random() % bound); };
  const int64_t step = std::vector<int64_t>{1000, 15'000, 60'000, 400'000}[random() % 4];
  const size_t count = 1 + random() % 3000;
  const bool with_nan = random() % 3 == 0;
  Samples samples;
  int64_t t = below(10 * k1h);
  double v = 0;
  for (size_t i = 0; i < count; ++i) {
    t += 1 + below(2 * static_cast<uint64_t>(step));
    if (random() % 50 == 0) t += below(6 * k1h);
    v = random() % 40 == 0 ? 0 : v + static_cast<double>(below(100));
    double written = v;
    if (with_nan && random() % 5 == 0) {
      written = __builtin_bit_cast(
          double, random() % 2 == 0 ? model::kStaleNanBits : model::kNormalNanBits);
    }
    samples.push_back({t, written});
  }
  return samples;
}

std::vector<Chunk> Chunks(const Samples& samples, std::mt19937_64& random) {
  std::vector<Chunk> chunks;
  for (size_t begin = 0; begin < samples.size();) {
    const size_t end = std::min(samples.size(), begin + 1 + random() % 240);
    chunk::XorAppender appender;
    for (size_t i = begin; i < end; ++i) {
      EXPECT_TRUE(appender.Append(samples[i].t, samples[i].v));
    }
    chunks.push_back({samples[begin].t, samples[end - 1].t, ChunkEncoding::kXor,
                      std::string(codec::AsText(appender.bytes()))});
    begin = end;
  }
  return chunks;
}

std::vector<Chunk> Downsampled(const std::vector<Chunk>& chunks, int64_t from_ms, int64_t to_ms) {
  std::vector<InputChunk> inputs;
  for (const Chunk& chunk : chunks) {
    inputs.push_back({chunk.min_ms, chunk.max_ms, chunk.encoding, codec::AsBytes(chunk.data)});
  }
  SeriesDownsampler downsampler(from_ms, to_ms);
  const Status status = downsampler.Run(inputs, {});
  EXPECT_TRUE(status.ok()) << status.ToString();
  std::vector<Chunk> made;
  for (const block::NewChunk& chunk : downsampler.chunks()) {
    made.push_back(
        {chunk.min_ms, chunk.max_ms, chunk.encoding, std::string(codec::AsText(chunk.data))});
  }
  return made;
}

Samples Part(const Chunk& chunk, Aggr aggregate) {
  const auto part = chunk::ReadAggregate(codec::AsBytes(chunk.data), aggregate);
  EXPECT_TRUE(part.ok());
  chunk::Columns columns;
  EXPECT_TRUE(chunk::DecodeChunk(part->encoding, part->data, &columns).ok());
  Samples samples;
  for (size_t i = 0; i < columns.t.size(); ++i) samples.push_back({columns.t[i], columns.v[i]});
  return samples;
}

std::vector<Aggregates> Decoded(const std::vector<Chunk>& chunks) {
  std::vector<Aggregates> out;
  for (const Chunk& chunk : chunks) {
    out.push_back({chunk.min_ms, chunk.max_ms, Part(chunk, Aggr::kCount), Part(chunk, Aggr::kSum),
                   Part(chunk, Aggr::kMin), Part(chunk, Aggr::kMax), Part(chunk, Aggr::kCounter)});
  }
  return out;
}

// The rules of formats/thanos-block §7.2 and §7.3, sample by sample.
class Naive {
 public:
  explicit Naive(int64_t resolution_ms) : resolution_ms_(resolution_ms) {}

  std::vector<Aggregates> Raw(const Samples& all) const {
    Samples samples;
    for (const Sample& sample : all) {
      if (!model::IsStaleNan(sample.v)) samples.push_back(sample);
    }
    std::vector<Aggregates> out;
    if (samples.empty()) return out;
    const size_t batch_size = samples.size() / ChunkCount(samples) + 1;
    for (size_t begin = 0; begin < samples.size();) {
      size_t end = std::min(begin + batch_size, samples.size());
      const int64_t window = samples[end - 1].t / resolution_ms_;
      while (end < samples.size() && samples[end].t / resolution_ms_ == window) ++end;
      Samples batch;
      for (size_t i = begin; i < end; ++i) {
        if (!std::isnan(samples[i].v)) batch.push_back(samples[i]);
      }
      if (!batch.empty()) out.push_back(Batch(batch));
      begin = end;
    }
    return out;
  }

 private:
  size_t ChunkCount(const Samples& samples) const {
    const int64_t range_ms = samples.back().t - samples.front().t;
    const double full = range_ms == 0 ? 1
                                      : std::min(1.0, static_cast<double>(samples.size()) /
                                                          (static_cast<double>(range_ms) / 60'000));
    const auto expected =
        static_cast<int64_t>(static_cast<double>(range_ms / resolution_ms_) * full) + 1;
    size_t chunks = 1;
    while (expected / static_cast<int64_t>(chunks) > 140) ++chunks;
    return chunks;
  }

  Aggregates Batch(const Samples& batch) const {
    std::map<int64_t, Samples> windows;
    for (const Sample& sample : batch) windows[sample.t / resolution_ms_].push_back(sample);
    Aggregates out;
    out.counter.push_back(batch.front());
    double counter = batch.front().v;
    const Sample* previous = nullptr;
    for (const auto& [window, samples] : windows) {
      const int64_t t = std::min((window + 1) * resolution_ms_ - 1, batch.back().t);
      double sum = 0, min = kMaxDouble, max = -kMaxDouble;
      for (const Sample& sample : samples) {
        sum += sample.v;
        min = std::min(min, sample.v);
        max = std::max(max, sample.v);
        if (previous != nullptr) {
          counter += sample.v < previous->v ? sample.v : sample.v - previous->v;
        }
        previous = &sample;
      }
      out.count.push_back({t, static_cast<double>(samples.size())});
      out.sum.push_back({t, sum});
      out.min.push_back({t, min});
      out.max.push_back({t, max});
      out.counter.push_back({t, counter});
    }
    out.counter.push_back({out.count.back().t, batch.back().v});
    out.min_ms = out.count.front().t;
    out.max_ms = out.count.back().t;
    return out;
  }

  const int64_t resolution_ms_;
};

TEST(DownsamplingPropertyTest, StreamedIsNaive) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const Samples samples = RandomSeries(random);
    const std::vector<Chunk> raw = Chunks(samples, random);
    ASSERT_EQ(Decoded(Downsampled(raw, 0, k5m)), Naive(k5m).Raw(samples));
  }
}

TEST(DownsamplingPropertyTest, HowSamplesAreCutIntoChunksDoesNotMatter) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const Samples samples = RandomSeries(random);
    const auto once = Decoded(Downsampled(Chunks(samples, random), 0, k5m));
    ASSERT_EQ(once, Decoded(Downsampled(Chunks(samples, random), 0, k5m)));
  }
}

// Windows of an hour, wherever chunks part them.
struct Hour {
  double count = 0, sum = 0, min = kMaxDouble, max = -kMaxDouble;
  friend bool operator==(const Hour&, const Hour&) = default;
};
std::map<int64_t, Hour> Hours(const std::vector<Aggregates>& chunks) {
  std::map<int64_t, Hour> hours;
  for (const Aggregates& chunk : chunks) {
    for (size_t i = 0; i < chunk.count.size(); ++i) {
      Hour& hour = hours[chunk.count[i].t / k1h];
      hour.count += chunk.count[i].v;
      hour.sum += chunk.sum[i].v;
      hour.min = std::min(hour.min, chunk.min[i].v);
      hour.max = std::max(hour.max, chunk.max[i].v);
    }
  }
  return hours;
}

double CounterTotal(const std::vector<Chunk>& chunks) {
  std::vector<chunk::AggregatePart> parts;
  std::vector<chunk::EncodedChunk> encoded;
  for (const Chunk& chunk : chunks) {
    parts.push_back(*chunk::ReadAggregate(codec::AsBytes(chunk.data), Aggr::kCounter));
    encoded.push_back({parts.back().encoding, parts.back().data});
  }
  chunk::Columns columns;
  EXPECT_TRUE(chunk::ReadCounter(encoded, &columns).ok());
  EXPECT_TRUE(std::is_sorted(columns.t.begin(), columns.t.end()));
  EXPECT_TRUE(std::is_sorted(columns.v.begin(), columns.v.end()));
  return columns.v.empty() ? 0 : columns.v.back();
}

// Values are integers: sums are exact in any order.
TEST(DownsamplingPropertyTest, Over5MinutesOneHourTellsTheSame) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const std::vector<Chunk> raw = Chunks(RandomSeries(random), random);
    const std::vector<Chunk> fine = Downsampled(raw, 0, k5m);
    const std::vector<Chunk> way = Downsampled(fine, k5m, k1h);
    const std::vector<Chunk> direct = Downsampled(raw, 0, k1h);
    ASSERT_EQ(Hours(Decoded(way)), Hours(Decoded(direct)));
    ASSERT_EQ(CounterTotal(way), CounterTotal(direct));
    ASSERT_EQ(CounterTotal(way), CounterTotal(fine));
    for (size_t i = 1; i < way.size(); ++i) ASSERT_GT(way[i].min_ms, way[i - 1].max_ms);
  }
}

// Histograms with random layouts, resets, resolutions and zero buckets: sums and counts of windows
// add up to those of the samples, and every window has all its parts.
TEST(DownsamplingPropertyTest, HistogramsKeepTheirCounts) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    std::vector<Chunk> raw;
    double samples = 0, observations = 0;
    int64_t t = 0;
    model::FloatHistogram h;
    for (size_t part = 0; part < 1 + random() % 8; ++part) {
      chunk::HistogramChunkWriter<model::FloatHistogram> writer;
      h = {};
      h.schema = static_cast<int32_t>(random() % 4);
      h.zero_threshold = random() % 4 == 0 ? 0.5 : 0.001;
      h.positive_spans = {
          {static_cast<int32_t>(random() % 5), 1 + static_cast<uint32_t>(random() % 4)}};
      h.positive_buckets.assign(h.positive_spans[0].length, 0);
      const int64_t begin = t + 1;
      for (size_t i = 0; i < 1 + random() % 60; ++i) {
        t += 1 + static_cast<int64_t>(random() % 200'000);
        for (double& bucket : h.positive_buckets) bucket += static_cast<double>(random() % 3);
        h.zero_count += static_cast<double>(random() % 2);
        h.count = h.zero_count;
        for (const double bucket : h.positive_buckets) h.count += bucket;
        h.sum = h.count;
        std::string finished;
        const auto what = writer.Append(t, h, &finished);
        ASSERT_TRUE(what.ok() && *what == chunk::HistogramAppend::kSame);
        ++samples;
        observations += h.count;
      }
      raw.push_back({begin, t, ChunkEncoding::kFloatHistogram, writer.Cut()});
    }
    for (const auto& chunks :
         {Downsampled(raw, 0, k5m), Downsampled(Downsampled(raw, 0, k5m), k5m, k1h)}) {
      double counted = 0, summed = 0;
      for (const Chunk& chunk : chunks) {
        const Samples counts = Part(chunk, Aggr::kCount);
        chunk::Columns sums, counters;
        for (auto& [aggregate, columns] :
             {std::pair(Aggr::kSum, &sums), std::pair(Aggr::kCounter, &counters)}) {
          const auto part = chunk::ReadAggregate(codec::AsBytes(chunk.data), aggregate);
          ASSERT_TRUE(chunk::DecodeChunk(part->encoding, part->data, columns).ok());
        }
        ASSERT_EQ(sums.histogram_t.size(), counts.size());
        ASSERT_EQ(counters.histogram_t, sums.histogram_t);
        for (const Sample& count : counts) counted += count.v;
        for (const auto& sum : sums.histograms) summed += sum.count;
      }
      ASSERT_EQ(counted, samples);
      ASSERT_EQ(summed, observations);
    }
  }
}

}  // namespace
}  // namespace thanos::downsampling
