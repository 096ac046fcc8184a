#include "block/block_source.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "codec/byte_reader.h"
#include "codec/hash.h"
#include "fixture_blocks.h"
#include "unit/chunk/chunk_vectors.h"

namespace thanos::block {
namespace {

using model::Matcher;
using model::MatchType;
using testing::IsOk;

SelectRequest Everything() {
  SelectRequest request;
  request.min_ms = INT64_MIN;
  request.max_ms = INT64_MAX;
  request.aggregates.bits = 0x3e;
  return request;
}

struct ReadChunk {
  int64_t min_ms, max_ms;
  std::vector<std::pair<Aggr, std::string>> parts;
  std::vector<ChunkEncoding> encodings;
  std::vector<uint64_t> hashes;
};
using ReadSeries = std::vector<std::pair<std::string, std::vector<ReadChunk>>>;  // By label text.

Result<ReadSeries> ReadAll(SeriesSource& source, const SelectRequest& request,
                           const CallContext& context = CallContext()) {
  THANOS_ASSIGN_OR_RETURN(const auto cursor, source.Select(context, request));
  cursor->Start();
  ReadSeries out;
  std::string last;
  while (true) {
    THANOS_ASSIGN_OR_RETURN(const SeriesBatchRef batch, cursor->Next());
    if (!batch) break;
    EXPECT_LE(batch->series().size(), request.batch_series);
    for (const SeriesView& series : batch->series()) {
      if (!out.empty()) {
        EXPECT_LT(Compare(LabelsView(last), series.labels), 0) << series.labels.ToString();
      }
      last = series.labels.encoded();
      auto& chunks = out.emplace_back(series.labels.ToString(), std::vector<ReadChunk>()).second;
      for (const ChunkView& chunk : series.chunks) {
        ReadChunk& read = chunks.emplace_back();
        read.min_ms = chunk.min_ms;
        read.max_ms = chunk.max_ms;
        for (const ChunkPart& part : chunk.parts) {
          read.parts.emplace_back(part.aggr, codec::AsText(part.data));
          read.encodings.push_back(part.encoding);
          read.hashes.push_back(part.hash);
        }
      }
    }
  }
  EXPECT_EQ(cursor->end().series, out.size());
  return out;
}

std::string LabelText(const nlohmann::json& labels) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [name, value] : labels.items()) pairs.emplace_back(name, value);
  return Labels::Of(pairs).ToString();
}

constexpr const char* kParts[] = {"raw", "count", "sum", "min", "max", "counter"};

void ExpectGoldenChunks(const nlohmann::json& series, const std::vector<ReadChunk>& chunks) {
  ASSERT_EQ(chunks.size(), series["chunks"].size());
  std::map<std::string, chunk::Columns> decoded;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const auto& golden = series["chunks"][i];
    EXPECT_EQ(chunks[i].min_ms, golden["mint"].get<int64_t>());
    EXPECT_EQ(chunks[i].max_ms, golden["maxt"].get<int64_t>());
    ASSERT_EQ(chunks[i].parts.size(), golden["parts"].size());
    for (size_t p = 0; p < chunks[i].parts.size(); ++p) {
      const auto& [aggr, data] = chunks[i].parts[p];
      const std::string name = kParts[static_cast<int>(aggr)];
      ASSERT_TRUE(golden["parts"].contains(name));
      const auto& part = golden["parts"][name];
      EXPECT_EQ(static_cast<int>(chunks[i].encodings[p]), part["enc"].get<int>());
      EXPECT_EQ(data.size(), part["len"].get<size_t>());
      EXPECT_EQ(chunk::HexSha256(data), part["sha256"].get<std::string>());
      char hash[17];
      std::snprintf(hash, sizeof hash, "%016lx", chunks[i].hashes[p]);
      EXPECT_EQ(hash, part["xxh64"]);
      EXPECT_THAT(chunk::DecodeChunk(chunks[i].encodings[p], codec::AsBytes(data), &decoded[name]),
                  IsOk());
    }
  }
  for (const auto& [name, golden] : series["decoded"].items()) {
    const chunk::Columns& columns = decoded[name];
    const bool floats = columns.histograms.empty();
    EXPECT_EQ(floats ? columns.t.size() : columns.histograms.size(),
              golden["samples"].get<size_t>());
    EXPECT_EQ(floats ? chunk::FloatSamplesSha256(columns) : chunk::HistogramSamplesSha256(columns),
              golden["samples_sha256"].get<std::string>())
        << name;
  }
}

TEST(BlockSourceTest, EveryFixtureBlockDecodesToItsGoldenFile) {
  THANOS_SKIP_WITHOUT_SHARED("fixtures");
  size_t compared = 0;
  for (const FixtureBlock& fixture : FixtureBlocks()) {
    if (fixture.golden.is_null()) continue;
    THANOS_ASSERT_OK_AND_ASSIGN(const BlockRef block,
                                Block::OpenDirectory(CallContext(), fixture.directory));
    BlockCursorOptions options;
    options.external_labels = false;
    BlockSource source("fixture", {block}, options);
    SelectRequest request = Everything();
    request.max_resolution_ms = INT64_MAX;
    if (fixture.fixture == "downsampled-histograms") request.aggregates.bits = 0x26;
    THANOS_ASSERT_OK_AND_ASSIGN(const ReadSeries read, ReadAll(source, request));
    ASSERT_EQ(read.size(), fixture.golden["series"].size()) << fixture.directory;
    std::map<std::string, const std::vector<ReadChunk>*> by_labels;
    for (const auto& [labels, chunks] : read) by_labels[labels] = &chunks;
    for (const auto& series : fixture.golden["series"]) {
      const std::string labels = LabelText(series["labels"]);
      SCOPED_TRACE(fixture.directory + " " + labels);
      ASSERT_TRUE(by_labels.contains(labels));
      ExpectGoldenChunks(series, *by_labels[labels]);
      ++compared;
    }
  }
  EXPECT_GT(compared, 150u);
}

TEST(BlockSourceTest, ChunksOfOneSeriesAreJoinedOverBlocks) {
  THANOS_SKIP_WITHOUT_SHARED("fixtures/consecutive");
  BlockSource source("fixture", OpenFixtureFolder("consecutive"));
  THANOS_ASSERT_OK_AND_ASSIGN(const ReadSeries read, ReadAll(source, Everything()));
  ASSERT_EQ(read.size(), 8u);
  for (const auto& [labels, chunks] : read) {
    EXPECT_NE(labels.find("cluster=\"cons\""), std::string::npos);
    EXPECT_GE(chunks.size(), 4u);
    EXPECT_TRUE(std::is_sorted(chunks.begin(), chunks.end(),
                               [](const auto& a, const auto& b) { return a.min_ms < b.min_ms; }));
  }
}

TEST(BlockSourceTest, RemovingAReplicaLabelJoinsTheReplicas) {
  THANOS_SKIP_WITHOUT_SHARED("fixtures/two-replicas");
  BlockSource source("fixture", OpenFixtureFolder("two-replicas"));
  THANOS_ASSERT_OK_AND_ASSIGN(const ReadSeries apart, ReadAll(source, Everything()));
  EXPECT_EQ(apart.size(), 80u);
  SelectRequest request = Everything();
  request.without_labels = {"replica"};
  THANOS_ASSERT_OK_AND_ASSIGN(const ReadSeries joined, ReadAll(source, request));
  EXPECT_EQ(joined.size(), 40u);
  request.without_labels = {"replica", "pod"};
  request.batch_series = 3;
  THANOS_ASSERT_OK_AND_ASSIGN(const ReadSeries fewer, ReadAll(source, request));
  EXPECT_LE(fewer.size(), 40u);
  for (const auto& [labels, chunks] : fewer) EXPECT_EQ(labels.find("pod="), std::string::npos);
}

TEST(BlockSourceTest, LimitSkipChunksAndShardsAreHonoured) {
  THANOS_SKIP_WITHOUT_SHARED("fixtures/two-replicas");
  BlockSource source("fixture", OpenFixtureFolder("two-replicas"));
  SelectRequest request = Everything();
  request.limit = 7;
  request.batch_series = 5;
  THANOS_ASSERT_OK_AND_ASSIGN(const ReadSeries limited, ReadAll(source, request));
  EXPECT_EQ(limited.size(), 7u);
  request.limit = 0;
  request.skip_chunks = true;
  THANOS_ASSERT_OK_AND_ASSIGN(const ReadSeries bare, ReadAll(source, request));
  EXPECT_EQ(bare.size(), 80u);
  EXPECT_TRUE(bare[0].second.empty());
  size_t total = 0;
  for (int64_t index = 0; index < 3; ++index) {
    request.shard = Shard{index, 3, true, {"__name__", "pod"}};
    THANOS_ASSERT_OK_AND_ASSIGN(const ReadSeries shard, ReadAll(source, request));
    total += shard.size();
    EXPECT_LT(shard.size(), 80u);
  }
  EXPECT_EQ(total, 80u);
}

TEST(BlockSourceTest, MatchersAgreeWithAScanOfAllSeries) {
  THANOS_SKIP_WITHOUT_SHARED("fixtures/two-replicas");
  const auto blocks = OpenFixtureFolder("two-replicas");
  BlockSource source("fixture", blocks);
  SelectRequest request = Everything();
  request.skip_chunks = true;
  THANOS_ASSERT_OK_AND_ASSIGN(const auto all, source.Select(CallContext(), request));
  std::vector<Labels> sets;
  while (true) {
    THANOS_ASSERT_OK_AND_ASSIGN(const SeriesBatchRef batch, all->Next());
    if (!batch) break;
    for (const auto& series : batch->series()) sets.emplace_back(series.labels);
  }
  const std::vector<std::string> values = {"",        "200",   "404|500",        ".*", ".+",
                                           "2.*",     "|200",  "[45].*",         "a",  "eu",
                                           "(eu|us)", "job-0", "app_metric_0.*", ".*0"};
  size_t checked = 0;
  for (const char* first : {"code", "cluster", "__name__", "absent"}) {
    for (const std::string& value : values) {
      for (int type = 0; type < 4; ++type) {
        for (const char* second : {"", "200", "5.*"}) {
          model::Matchers matchers;
          auto made = Matcher::Make(static_cast<MatchType>(type), first, value);
          ASSERT_THAT(made, IsOk());
          matchers.push_back(*made);
          if (*second != '\0') {
            made = Matcher::Make(type % 2 == 0 ? MatchType::kRegex : MatchType::kNotRegex, "code",
                                 second);
            ASSERT_THAT(made, IsOk());
            matchers.push_back(*made);
          }
          request.matchers = matchers;
          const auto expected = std::count_if(sets.begin(), sets.end(), [&](const Labels& set) {
            return model::AllMatch(matchers, set.view());
          });
          THANOS_ASSERT_OK_AND_ASSIGN(const ReadSeries read, ReadAll(source, request));
          EXPECT_EQ(static_cast<ptrdiff_t>(read.size()), expected) << model::ToString(matchers);
          ++checked;
        }
      }
    }
  }
  EXPECT_EQ(checked, 4u * 14 * 4 * 3);
}

TEST(BlockSourceTest, TheCoarsestResolutionAllowedIsTakenAndItsGapsAreFilled) {
  THANOS_SKIP_WITHOUT_SHARED("fixtures/downsampled");
  const auto blocks = OpenFixtureFolder("downsampled");
  const auto resolutions = [&](int64_t max_resolution) {
    std::multiset<int64_t> out;
    for (const auto& chosen :
         SelectBlocks(blocks, {{}, INT64_MIN + 1, INT64_MAX - 1, max_resolution, {}})) {
      out.insert(chosen.block->meta().thanos.resolution_ms);
    }
    return out;
  };
  EXPECT_EQ(resolutions(0), (std::multiset<int64_t>{0, 0, 0, 0}));
  EXPECT_EQ(resolutions(300'000), (std::multiset<int64_t>{0, 0, 300'000, 300'000}));
  EXPECT_EQ(resolutions(3'600'000), (std::multiset<int64_t>{0, 0, 300'000, 3'600'000}));
}

TEST(BlockSourceTest, LabelNamesAndValuesComeFromTablesOrFromSeries) {
  THANOS_SKIP_WITHOUT_SHARED("fixtures/two-replicas");
  BlockSource source("fixture", OpenFixtureFolder("two-replicas"));
  LabelsRequest request;
  request.min_ms = 0;
  request.max_ms = INT64_MAX;
  THANOS_ASSERT_OK_AND_ASSIGN(const LabelsResult names, source.LabelNames(CallContext(), request));
  EXPECT_EQ(names.values, (std::vector<std::string>{"__name__", "cluster", "code", "instance",
                                                    "job", "namespace", "pod", "replica"}));
  THANOS_ASSERT_OK_AND_ASSIGN(const LabelsResult replicas,
                              source.LabelValues(CallContext(), "replica", request));
  EXPECT_EQ(replicas.values, (std::vector<std::string>{"a", "b"}));
  request.matchers = {Matcher::Equal("code", "200"), Matcher::Equal("replica", "a")};
  THANOS_ASSERT_OK_AND_ASSIGN(const LabelsResult codes,
                              source.LabelValues(CallContext(), "code", request));
  EXPECT_EQ(codes.values, (std::vector<std::string>{"200"}));
  THANOS_ASSERT_OK_AND_ASSIGN(const LabelsResult one,
                              source.LabelValues(CallContext(), "replica", request));
  EXPECT_EQ(one.values, (std::vector<std::string>{"a"}));
}

TEST(BlockSourceTest, MemoryIsChargedToTheBudgetAndGivenBack) {
  THANOS_SKIP_WITHOUT_SHARED("fixtures/two-replicas");
  BlockSource source("fixture", OpenFixtureFolder("two-replicas"));
  const auto small = Budget::Make("test", 1000);
  const auto refused = ReadAll(source, Everything(), CallContext().WithBudget(small));
  EXPECT_THAT(refused, testing::StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(small->used_bytes(), 0u);
  const auto large = Budget::Make("test", 64 << 20);
  EXPECT_THAT(ReadAll(source, Everything(), CallContext().WithBudget(large)), IsOk());
  EXPECT_GT(large->peak_bytes(), 10000u);
  EXPECT_EQ(large->used_bytes(), 0u);
}

TEST(BlockSourceTest, ACancelledSelectStops) {
  THANOS_SKIP_WITHOUT_SHARED("fixtures/two-replicas");
  BlockSource source("fixture", OpenFixtureFolder("two-replicas"));
  const CallContext context = CallContext().WithCancel();
  context.Cancel();
  EXPECT_THAT(ReadAll(source, Everything(), context), testing::StatusIs(StatusCode::kCancelled));
}

}  // namespace
}  // namespace thanos::block
