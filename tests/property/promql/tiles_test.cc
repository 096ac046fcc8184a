// A query whose groups over all steps would not fit its budget runs in tiles, or fails with a clear
// error inside it. The same bits come out as without a budget.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "chunk/xor.h"
#include "promql/engine.h"
#include "series/batch_builder.h"
#include "support/engine_variants.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::promql {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::StatusIs;

// Many series that share their samples, made batch by batch.
class AlikeSource : public SeriesSource {
 public:
  struct Samples {
    std::vector<int64_t> t;
    std::vector<double> v;
  };
  AlikeSource(size_t series, int64_t end_ms, int64_t interval_ms) : series_(series) {
    Samples samples;
    for (int64_t at = 0; at <= end_ms; at += interval_ms) {
      samples.t.push_back(at);
      samples.v.push_back(static_cast<double>(samples.t.size()));
    }
    Add(samples);
  }
  // The chunks of several replicas, which overlap.
  AlikeSource(size_t series, const std::vector<Samples>& replicas) : series_(series) {
    for (const Samples& samples : replicas) Add(samples);
    std::sort(chunks_.begin(), chunks_.end(),
              [](const Chunk& a, const Chunk& b) { return a.min_ms < b.min_ms; });
  }

  SourceInfo Info() const override { return {}; }
  Result<std::unique_ptr<SeriesCursor>> Select(const CallContext&,
                                               const SelectRequest& request) override {
    ++selects;
    return std::unique_ptr<SeriesCursor>(std::make_unique<Cursor>(*this, request));
  }
  Result<LabelsResult> LabelNames(const CallContext&, const LabelsRequest&) override {
    return UnimplementedError("no label names");
  }
  Result<LabelsResult> LabelValues(const CallContext&, const std::string&,
                                   const LabelsRequest&) override {
    return UnimplementedError("no label values");
  }

  size_t selects = 0;

 private:
  struct Chunk {
    int64_t min_ms, max_ms;
    std::string data;
  };

  void Add(const Samples& samples) {
    for (size_t from = 0; from < samples.t.size(); from += 120) {
      const size_t n = std::min<size_t>(120, samples.t.size() - from);
      std::string data(chunk::XorBytesMax(n), '\0');
      data.resize(chunk::EncodeXor(samples.t.data() + from, samples.v.data() + from, n,
                                   reinterpret_cast<std::byte*>(data.data())));
      chunks_.push_back({samples.t[from], samples.t[from + n - 1], std::move(data)});
    }
  }

  class Cursor : public SeriesCursor {
   public:
    Cursor(const AlikeSource& source, const SelectRequest& request)
        : source_(source), min_ms_(request.min_ms), max_ms_(request.max_ms) {}
    void Start() override {}
    Result<SeriesBatchRef> Next() override {
      if (next_ == source_.series_) return SeriesBatchRef();
      series::BatchBuilder builder;
      for (size_t i = 0; i < 64 && next_ < source_.series_; ++i, ++next_) {
        std::string number = std::to_string(next_);
        number.insert(0, 6 - number.size(), '0');
        builder.BeginSeries(Labels::Of({{"__name__", "m"}, {"pod", number}}));
        for (const Chunk& chunk : source_.chunks_) {
          if (chunk.max_ms < min_ms_ || chunk.min_ms > max_ms_) continue;
          const ChunkPart part{Aggr::kRaw, ChunkEncoding::kXor, 0,
                               std::as_bytes(std::span<const char>(chunk.data))};
          builder.AddChunk(chunk.min_ms, chunk.max_ms, 0, {&part, 1});
        }
        builder.EndSeries();
      }
      return builder.Build(nullptr);
    }
    Warnings TakeWarnings() override { return {}; }
    const SelectEnd& end() const override { return end_; }

   private:
    const AlikeSource& source_;
    const int64_t min_ms_, max_ms_;
    SelectEnd end_;
    size_t next_ = 0;
  };

  const size_t series_;
  std::vector<Chunk> chunks_;
};

constexpr size_t kSteps = 11000;
constexpr int64_t kStepMs = 15000;
constexpr size_t kBudgetBytes = 256 << 20;

QueryParams Whole(const std::string& text) {
  QueryParams params;
  params.text = text;
  params.start_ms = 0;
  params.step_ms = kStepMs;
  params.end_ms = (kSteps - 1) * kStepMs;
  params.lookback_ms = kStepMs;
  return params;
}

// One sample in sixty steps: each group is there all the time, and most steps are empty.
class TilesTest : public ::testing::Test {
 protected:
  AlikeSource source_{50000, kSteps* kStepMs, 60 * kStepMs};
  const Engine engine_{EngineOptions{.samples_max = 0}};
  const std::shared_ptr<Budget> budget_ = Budget::Make("query", kBudgetBytes, "query.memory-limit");
  const CallContext context_ = CallContext().WithBudget(budget_);
};

TEST_F(TilesTest, AnswersFiftyThousandGroupsOverElevenThousandSteps) {
  THANOS_ASSERT_OK_AND_ASSIGN(auto query, engine_.Prepare(Whole("count(sum by (pod) (m))")));
  THANOS_ASSERT_OK_AND_ASSIGN(const QueryResult result, query->Run(context_, source_));
  ASSERT_EQ(result.series.size(), 1u);
  for (size_t i = 0; i < kSteps; ++i) {
    ASSERT_EQ(result.series[0].Has(i), i % 60 == 0) << i;
    if (i % 60 != 0) continue;
    ASSERT_EQ(result.series[0].values[i], 50000) << i;
  }
  EXPECT_LE(budget_->peak_bytes(), kBudgetBytes);
  EXPECT_GT(source_.selects, kSteps / 300);  // In tiles: all steps of one select do not fit.
}

TEST_F(TilesTest, RefusesAResultThatDoesNotFitAndNamesWhatWasUsed) {
  THANOS_ASSERT_OK_AND_ASSIGN(auto query, engine_.Prepare(Whole("sum by (pod) (m)")));
  EXPECT_THAT(query->Run(context_, source_).status(),
              StatusIs(StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("operator "), HasSubstr("limit 268435456 bytes, in use "),
                             HasSubstr("raise --query.memory-limit"))));
  EXPECT_LE(budget_->peak_bytes(), kBudgetBytes);
  EXPECT_EQ(budget_->used_bytes(), 0u);
}

TEST(Tiles, NamesTheOperatorThatHeldTooMuch) {
  AlikeSource source(2000, 600000, 15000);
  const auto budget = Budget::Make("query", 150 << 10, "query.memory-limit");
  const Engine engine({});
  QueryParams params = Whole("count(sum by (pod) (m))");
  params.step_ms = 0;
  params.end_ms = 0;
  THANOS_ASSERT_OK_AND_ASSIGN(auto query, engine.Prepare(params));
  EXPECT_THAT(query->Run(CallContext().WithBudget(budget), source).status(),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("operator sum by (pod): ")));
}

// Replicas merge by what came before: a tile reads from where the whole query begins.
TEST(Tiles, GiveTheSameBitsWithReplicas) {
  AlikeSource::Samples a, b;
  for (int64_t t = 0; t < 3600000; t += 15000) {
    // Each has gaps where the other has none, and its own values.
    if (t % 900000 < 500000) {
      a.t.push_back(t);
      a.v.push_back(static_cast<double>(t / 1000));
    }
    if (t % 700000 > 150000) {
      b.t.push_back(t + 4000);
      b.v.push_back(static_cast<double>(t / 1000 + 7));
    }
  }
  AlikeSource source(3, {a, b});
  QueryParams params;
  params.step_ms = 45000;
  params.start_ms = 600000;
  params.end_ms = 3600000;
  params.select.dedup = series::DedupAlgorithm::kPenalty;
  const testing::VariantChecker checker({});
  for (const char* text : {"m_total", "rate(m_total[4m])", "sum(max_over_time(m_total[3m:20s]))"}) {
    params.text = text;
    const Engine engine({});
    THANOS_ASSERT_OK_AND_ASSIGN(auto query, engine.Prepare(params));
    EXPECT_THAT(checker.Check(params, source, query->Run(CallContext(), source)), testing::IsOk());
  }
}

}  // namespace
}  // namespace thanos::promql
