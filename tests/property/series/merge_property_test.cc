// Random streams through the merge: whatever the batches, the output is the sorted union with
// chunks joined, and nothing of an input is touched after it was released.
#include <algorithm>
#include <map>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "codec/byte_reader.h"
#include "series/batch_builder.h"
#include "series/filter.h"
#include "series/merge.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::series {
namespace {

struct TestChunk {
  int64_t min_ms, max_ms;
  std::string data;
  friend auto operator<=>(const TestChunk&, const TestChunk&) = default;
};
using Model = std::map<Labels, std::vector<TestChunk>>;

// A batch that overwrites its memory when it is released: a view kept too long reads 0xDD.
class PoisonedBatch : public SeriesBatch {
 public:
  explicit PoisonedBatch(const std::vector<std::pair<Labels, std::vector<TestChunk>>>& series) {
    size_t chunks = 0, bytes = 0;
    for (const auto& [labels, list] : series) {
      chunks += list.size();
      bytes += labels.encoded().size();
      for (const TestChunk& chunk : list) bytes += chunk.data.size();
    }
    bytes_.reserve(bytes);
    parts_.reserve(chunks);
    chunks_.reserve(chunks);
    for (const auto& [labels, list] : series) {
      const size_t first = chunks_.size();
      const std::string_view encoded = Keep(labels.encoded());
      for (const TestChunk& chunk : list) {
        parts_.push_back({Aggr::kRaw, ChunkEncoding::kXor, 0, codec::AsBytes(Keep(chunk.data))});
        chunks_.push_back({chunk.min_ms, chunk.max_ms, 0, {&parts_.back(), 1}});
      }
      views_.push_back({LabelsView(encoded), {chunks_.data() + first, list.size()}});
    }
    series_ = views_;
  }
  ~PoisonedBatch() override {
    std::fill(bytes_.begin(), bytes_.end(), '\xdd');
    for (ChunkPart& part : parts_) part.data = {};
  }

 private:
  std::string_view Keep(std::string_view text) {
    const size_t at = bytes_.size();
    bytes_.append(text);
    return std::string_view(bytes_).substr(at, text.size());
  }
  std::string bytes_;
  std::vector<ChunkPart> parts_;
  std::vector<ChunkView> chunks_;
  std::vector<SeriesView> views_;
};

std::unique_ptr<SeriesCursor> CursorOfModel(const Model& model, std::mt19937& random, bool split) {
  std::vector<SeriesBatchRef> batches;
  std::vector<std::pair<Labels, std::vector<TestChunk>>> batch;
  const auto flush = [&] {
    if (!batch.empty()) batches.push_back(std::make_shared<PoisonedBatch>(batch));
    batch.clear();
  };
  for (const auto& [labels, chunks] : model) {
    if (split && chunks.size() > 1) {
      const auto middle =
          chunks.begin() + static_cast<ptrdiff_t>(1 + random() % (chunks.size() - 1));
      batch.emplace_back(labels, std::vector<TestChunk>(chunks.begin(), middle));
      if (random() % 2) flush();
      batch.emplace_back(labels, std::vector<TestChunk>(middle, chunks.end()));
    } else {
      batch.emplace_back(labels, chunks);
    }
    if (random() % 4 == 0) flush();
  }
  flush();
  return CursorOf(std::move(batches));
}

Model RandomModel(std::mt19937& random, int source) {
  Model model;
  for (int i = static_cast<int>(random() % 30); i > 0; --i) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const char* name : {"a", "b", "c"}) {
      if (random() % 2) pairs.emplace_back(name, std::to_string(random() % 4));
    }
    std::vector<TestChunk>& chunks = model[Labels::Of(pairs)];
    chunks.clear();
    int64_t t = static_cast<int64_t>(random() % 5);
    for (int n = 1 + static_cast<int>(random() % 4); n > 0; --n) {
      const int64_t end = t + static_cast<int64_t>(random() % 10);
      chunks.push_back(
          {t, end, random() % 3 ? "d" + std::to_string(t % 3) : "s" + std::to_string(source)});
      t = end + 1 + static_cast<int64_t>(random() % 3);
    }
  }
  return model;
}

Model Drain(SeriesCursor& cursor, bool* ordered) {
  Model model;
  *ordered = true;
  Labels last;
  bool first = true;
  cursor.Start();
  for (;;) {
    auto batch = cursor.Next();
    EXPECT_THAT(batch, testing::IsOk());
    if (!batch.ok() || !*batch) break;
    for (const SeriesView& series : (*batch)->series()) {
      const Labels labels(series.labels);
      if (!first && !(last < labels)) *ordered = false;
      first = false;
      last = labels;
      std::vector<TestChunk>& chunks = model[labels];
      EXPECT_TRUE(ChunksAreSorted(series.chunks));
      for (const ChunkView& chunk : series.chunks) {
        chunks.push_back(
            {chunk.min_ms, chunk.max_ms, std::string(codec::AsText(chunk.parts[0].data))});
      }
    }
  }
  return model;
}

void CheckOneSeed(uint32_t seed) {
  std::mt19937 random(seed);
  const size_t sources = random() % 9;
  Model want;
  std::vector<std::unique_ptr<SeriesCursor>> inputs;
  for (size_t i = 0; i < sources; ++i) {
    const Model model = RandomModel(random, static_cast<int>(i));
    for (const auto& [labels, chunks] : model) {
      auto& all = want[labels];
      all.insert(all.end(), chunks.begin(), chunks.end());
    }
    inputs.push_back(CursorOfModel(model, random, random() % 2));
  }
  for (auto& [labels, chunks] : want) {
    std::sort(chunks.begin(), chunks.end());
    chunks.erase(std::unique(chunks.begin(), chunks.end()), chunks.end());
  }
  const uint32_t sizes[] = {1, 3, 64};
  auto merged =
      MergeCursors(CallContext(), std::move(inputs), {.batch_series = sizes[random() % 3]});
  bool ordered = false;
  Model got = Drain(*merged, &ordered);
  EXPECT_TRUE(ordered) << "seed " << seed;
  for (auto& [labels, chunks] : got) std::sort(chunks.begin(), chunks.end());
  EXPECT_EQ(got, want) << "seed " << seed;
}

TEST(MergeProperty, GivesTheSortedUnionOfRandomStreamsOnFourThreads) {
  std::vector<std::thread> threads;
  for (uint32_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([thread] {
      for (uint32_t seed = thread; seed < 2000; seed += 4) CheckOneSeed(seed);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Merge, AStepBackwardsNamesTheInput) {
  std::mt19937 random(1);
  std::vector<std::unique_ptr<SeriesCursor>> inputs;
  inputs.push_back(CursorOf({}));
  std::vector<std::pair<Labels, std::vector<TestChunk>>> wrong = {
      {Labels::Of({{"a", "2"}}), {{0, 1, "x"}}}, {Labels::Of({{"a", "1"}}), {{0, 1, "x"}}}};
  inputs.push_back(CursorOf({std::make_shared<PoisonedBatch>(wrong)}));
  auto merged = MergeCursors(CallContext(), std::move(inputs), {});
  merged->Start();
  const auto batch = merged->Next();
  ASSERT_FALSE(batch.ok());
  size_t input = 0;
  EXPECT_TRUE(IsUnsortedInput(batch.status(), &input));
  EXPECT_EQ(input, 1u);
}

TEST(Merge, KeepsToTheLimitOverAllBatches) {
  std::mt19937 random(5);
  for (uint64_t limit = 1; limit < 6; ++limit) {
    Model model;
    for (int i = 0; i < 10; ++i) model[Labels::Of({{"a", std::to_string(i)}})] = {{0, 1, "x"}};
    std::vector<std::unique_ptr<SeriesCursor>> inputs;
    inputs.push_back(CursorOfModel(model, random, false));
    auto merged =
        MergeCursors(CallContext(), std::move(inputs), {.batch_series = 2, .limit = limit});
    bool ordered = false;
    EXPECT_EQ(Drain(*merged, &ordered).size(), limit);
  }
}

TEST(SortBuffered, RemovesLabelsSortsAndJoins) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const Model model = RandomModel(random, 0);
    Model want;
    for (const auto& [labels, chunks] : model) {
      std::string removed;
      const Labels key =
          RemoveLabels(labels, {"b"}, &removed) ? Labels::FromEncoded(removed) : labels;
      auto& all = want[key];
      all.insert(all.end(), chunks.begin(), chunks.end());
      std::stable_sort(all.begin(), all.end());
    }
    auto sorted = SortBuffered(CallContext(), CursorOfModel(model, random, true), {"b"}, 7);
    bool ordered = false;
    Model got = Drain(*sorted, &ordered);
    EXPECT_TRUE(ordered);
    for (auto& [labels, chunks] : got) std::stable_sort(chunks.begin(), chunks.end());
    EXPECT_EQ(got, want) << "seed " << seed;
  }
}

TEST(Merge, ABudgetThatIsTooSmallFailsTheRequest) {
  std::mt19937 random(5);
  Model model;
  for (int i = 0; i < 100; ++i) model[Labels::Of({{"a", std::to_string(i)}})] = {{0, 1, "x"}};
  std::vector<std::unique_ptr<SeriesCursor>> inputs;
  inputs.push_back(CursorOfModel(model, random, false));
  auto merged =
      MergeCursors(CallContext().WithBudget(Budget::Make("query", 100)), std::move(inputs), {});
  merged->Start();
  EXPECT_THAT(merged->Next(), testing::StatusIs(StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace thanos::series
