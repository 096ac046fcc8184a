#include "series/dedup.h"

#include <algorithm>
#include <bit>
#include <random>

#include <gtest/gtest.h>

#include "support/histogram_json.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::series {
namespace {

using chunk::Columns;
using nlohmann::json;

// {"t": [...], "v": [...]}, or a list of {"t", "v"} and {"t", "h"}.
Columns ColumnsOf(const json& samples) {
  Columns columns;
  if (samples.is_object()) {
    for (const auto& t : samples["t"]) columns.t.push_back(t);
    for (const auto& v : samples["v"]) columns.v.push_back(testing::FromBits(v));
    return columns;
  }
  for (const auto& sample : samples) {
    if (sample.contains("v")) {
      columns.t.push_back(sample["t"]);
      columns.v.push_back(testing::FromBits(sample["v"]));
    } else {
      columns.histogram_t.push_back(sample["t"]);
      columns.histograms.push_back(testing::HistogramOf(sample["h"]));
    }
  }
  return columns;
}

void ExpectEqual(const Columns& got, const Columns& want, const std::string& id, bool values) {
  ASSERT_EQ(got.t, want.t) << id;
  ASSERT_EQ(got.histogram_t, want.histogram_t) << id;
  if (!values) return;
  for (size_t i = 0; i < want.t.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint64_t>(got.v[i]), std::bit_cast<uint64_t>(want.v[i]))
        << id << " sample " << i << " " << got.v[i] << " " << want.v[i];
  }
  for (size_t i = 0; i < want.histograms.size(); ++i) {
    ASSERT_EQ(got.histograms[i].count, want.histograms[i].count) << id << " histogram " << i;
    ASSERT_EQ(got.histograms[i].positive_buckets, want.histograms[i].positive_buckets) << id;
    ASSERT_EQ(got.histograms[i].positive_spans, want.histograms[i].positive_spans) << id;
  }
}

TEST(DedupVectors, PenaltyIsThanosBitForBitAndChainAtTheSameTimes) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/dedup_penalty.jsonl");
  size_t chain_values_equal = 0, rows = 0;
  for (const json& row :
       testing::ReadJsonLines(testing::SharedPath("conformance/vectors/dedup_penalty.jsonl"))) {
    const std::string id = row["id"], function = row["func"];
    std::vector<Columns> replicas;
    for (const auto& replica : row["replicas"]) replicas.push_back(ColumnsOf(replica));
    std::vector<const Columns*> pointers;
    for (const Columns& replica : replicas) pointers.push_back(&replica);
    const bool counter =
        function == "rate" || function == "increase" || function == "irate" || function == "resets";
    Columns out;
    PenaltyMerge(pointers, counter ? CounterAdjust::kLift : CounterAdjust::kNone, &out);
    ExpectEqual(out, ColumnsOf(row["penalty"]), id + " penalty", true);
    ChainMerge(pointers, &out);
    const Columns chain = ColumnsOf(row["chain"]);
    // Which of several replicas with the same time gives the value is left open there.
    ExpectEqual(out, chain, id + " chain", false);
    ++rows;
    const size_t equal_before = chain_values_equal;
    chain_values_equal +=
        out.v.size() == chain.v.size() &&
        std::equal(out.v.begin(), out.v.end(), chain.v.begin(), [](double a, double b) {
          return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
        });
    EXPECT_EQ(chain_values_equal, equal_before + 1) << id << " chain";
  }
  EXPECT_EQ(chain_values_equal, rows);
}

TEST(Dedup, ATrueResetStaysVisibleAndALaggingReplicaIsLifted) {
  // One counter seen by two replicas; a has a gap over [40, 70], b lags by one increment and the
  // counter restarts at 100.
  Columns a, b;
  for (int64_t t = 0; t < 200; t += 10) {
    const double v = static_cast<double>(t < 100 ? t : t - 100);
    if (t < 40 || t > 70) {
      a.t.push_back(t * 1000);
      a.v.push_back(v);
    }
    b.t.push_back(t * 1000 + 3000);
    b.v.push_back(t == 100 ? 0 : std::max(0.0, v - 5));
  }
  const Columns* replicas[] = {&a, &b};
  Columns out;
  PenaltyMerge(replicas, CounterAdjust::kLiftKeepResets, &out);
  int drops = 0;
  for (size_t i = 1; i < out.v.size(); ++i) drops += out.v[i] < out.v[i - 1];
  EXPECT_EQ(drops, 1);
  PenaltyMerge(replicas, CounterAdjust::kNone, &out);
  for (size_t i = 1; i < out.t.size(); ++i) EXPECT_LT(out.t[i - 1], out.t[i]);
}

TEST(Dedup, ASingleReplicaIsNeverTouched) {
  std::mt19937 random(3);
  Columns a;
  for (int i = 0; i < 500; ++i) {
    a.t.push_back(i * 15000 + static_cast<int64_t>(random() % 1000));
    a.v.push_back(static_cast<double>(random() % 100));
  }
  const Columns* replicas[] = {&a};
  Columns out;
  PenaltyMerge(replicas, CounterAdjust::kLiftKeepResets, &out);
  EXPECT_EQ(out.t, a.t);
  EXPECT_EQ(out.v, a.v);
}

TEST(SplitOverlaps, PutsEachChunkInTheFirstListItFits) {
  const std::vector<ChunkView> chunks = {
      {0, 10, 0, {}}, {5, 12, 0, {}}, {11, 20, 0, {}}, {12, 30, 0, {}}, {13, 14, 0, {}}};
  std::vector<std::vector<const ChunkView*>> lists;
  ASSERT_EQ(SplitOverlaps(chunks, &lists), 3u);
  EXPECT_THAT(lists[0], ::testing::ElementsAre(&chunks[0], &chunks[2]));
  EXPECT_THAT(lists[1], ::testing::ElementsAre(&chunks[1], &chunks[4]));
  EXPECT_THAT(lists[2], ::testing::ElementsAre(&chunks[3]));
}

}  // namespace
}  // namespace thanos::series
