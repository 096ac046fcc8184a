#include "promql/engine.h"

#include <chrono>
#include <thread>

#include "base/executor.h"
#include "support/memory_source.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::promql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing::StatusIs;

// Remembers requests, and how many streams were open at once.
class WatchedSource : public testing::MemorySource {
 public:
  Result<std::unique_ptr<SeriesCursor>> Select(const CallContext& context,
                                               const SelectRequest& request) override {
    requests.push_back(request);
    open_max = std::max(open_max, ++open);
    THANOS_ASSIGN_OR_RETURN(auto inner, MemorySource::Select(context, request));
    std::unique_ptr<SeriesCursor> cursor = std::make_unique<Watched>(this, std::move(inner));
    return cursor;
  }

  std::vector<SelectRequest> requests;
  int open = 0, open_max = 0;

 private:
  class Watched : public SeriesCursor {
   public:
    Watched(WatchedSource* source, std::unique_ptr<SeriesCursor> inner)
        : source_(source), inner_(std::move(inner)) {}
    ~Watched() override { --source_->open; }
    void Start() override { inner_->Start(); }
    Result<SeriesBatchRef> Next() override { return inner_->Next(); }
    Warnings TakeWarnings() override { return {"a warning"}; }
    const SelectEnd& end() const override { return inner_->end(); }

   private:
    WatchedSource* const source_;
    const std::unique_ptr<SeriesCursor> inner_;
  };
};

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() {
    for (const char* name : {"a_total", "b_total"}) {
      for (int i = 0; i < 10; ++i) {
        auto& samples = source_.At(Labels::Of(
            {{"__name__", name}, {"job", "j" + std::to_string(i % 2)}, {"n", std::to_string(i)}}));
        for (int64_t t = 0; t < 600000; t += 10000) {
          samples.t.push_back(t);
          samples.v.push_back(static_cast<double>(t) / 1000 * (i + 1));
        }
      }
    }
  }

  Result<QueryResult> Run(const std::string& text, int64_t step = 0,
                          const CallContext& context = CallContext()) {
    params_.text = text;
    params_.start_ms = 300000;
    params_.end_ms = 540000;
    params_.step_ms = step;
    const Engine engine(options_);
    THANOS_ASSIGN_OR_RETURN(auto query, engine.Prepare(params_));
    return query->Run(context, source_);
  }

  WatchedSource source_;
  EngineOptions options_;
  QueryParams params_;
};

TEST_F(EngineTest, NeverHoldsTwoStreamsOpen) {
  for (const char* text :
       {"sum by (job) (rate(a_total[1m])) / on (job) sum by (job) (rate(b_total[1m]))",
        "a_total and b_total", "a_total or b_total", "a_total * ignoring () b_total",
        "a_total + scalar(sum(b_total))", "topk(scalar(count(a_total)), b_total)",
        "sum(a_total) > max(b_total) or (a_total unless on (n) b_total)"}) {
    source_.open_max = 0;
    EXPECT_THAT(Run(text, 30000), testing::IsOk()) << text;
    EXPECT_EQ(source_.open_max, 1) << text;
    EXPECT_EQ(source_.open, 0) << text;
  }
}

TEST_F(EngineTest, TellsTheSourceWhatItNeeds) {
  params_.select.max_resolution_ms = 300000;
  params_.select.dedup = series::DedupAlgorithm::kPenalty;
  params_.select.replica_labels = {"replica"};
  ASSERT_THAT(Run("sum by (job) (rate(a_total[1m] offset 10s))", 30000), testing::IsOk());
  ASSERT_EQ(source_.requests.size(), 1u);
  const SelectRequest& request = source_.requests[0];
  EXPECT_EQ(request.min_ms, 300000 - 10000 - 60000 + 1);
  EXPECT_EQ(request.max_ms, 540000 - 10000);
  EXPECT_EQ(request.hints.function, "rate");
  EXPECT_EQ(request.hints.range_ms, 60000);
  EXPECT_EQ(request.hints.step_ms, 30000);
  EXPECT_TRUE(request.aggregates.Has(Aggr::kCounter));
  EXPECT_EQ(request.max_resolution_ms, 30000);
  EXPECT_THAT(request.without_labels, ElementsAre("replica"));
}

TEST_F(EngineTest, HintsFollowTheStyleAskedFor) {
  ASSERT_THAT(Run("max(a_total - ignoring (job) b_total)"), testing::IsOk());
  EXPECT_EQ(source_.requests.back().hints.function, "");
  params_.select.hints = HintStyle::kThanos;
  ASSERT_THAT(Run("max(a_total - ignoring (job) b_total)"), testing::IsOk());
  EXPECT_EQ(source_.requests.back().hints.function, "max");
  EXPECT_TRUE(source_.requests.back().aggregates.Has(Aggr::kMax));
  ASSERT_THAT(Run("count by (job) (a_total)"), testing::IsOk());
  EXPECT_TRUE(source_.requests.back().hints.by);
  EXPECT_THAT(source_.requests.back().hints.grouping, ElementsAre("job"));
}

TEST_F(EngineTest, RefusesEqualLabelSetsOnceNamesAreDropped) {
  const char* const kText = "vector cannot contain metrics with the same labelset";
  for (const char* text :
       {"rate({__name__=~\"[ab]_total\"}[1m])", "abs({__name__=~\".+_total\"})",
        "sum(-{__name__=~\".+_total\"})", "label_replace(a_total, \"n\", \"x\", \"\", \"\")"}) {
    EXPECT_THAT(Run(text), StatusIs(StatusCode::kFailedPrecondition, HasSubstr(kText))) << text;
    EXPECT_THAT(Run(text, 30000), StatusIs(StatusCode::kFailedPrecondition, HasSubstr(kText)));
  }
  // The name stays, or is one for all.
  EXPECT_THAT(Run("last_over_time({__name__=~\"[ab]_total\"}[1m])"), testing::IsOk());
  EXPECT_THAT(Run("abs(a_total)"), testing::IsOk());
  EXPECT_THAT(Run("absent_over_time({__name__=~\"[ab]_total\"}[1m])"), testing::IsOk());
}

TEST_F(EngineTest, StopsWhenCancelledOrLate) {
  const CallContext cancelled = CallContext().WithCancel();
  cancelled.Cancel();
  EXPECT_THAT(Run("a_total", 0, cancelled),
              StatusIs(StatusCode::kCancelled, "query was canceled in expression evaluation"));
  const CallContext late =
      CallContext().WithDeadline(std::chrono::steady_clock::now() - std::chrono::seconds(1));
  EXPECT_THAT(Run("a_total", 0, late),
              StatusIs(StatusCode::kDeadlineExceeded, "query timed out in expression evaluation"));
}

TEST_F(EngineTest, StaysWithinItsBudget) {
  const auto budget = Budget::Make("request", 200 << 10, "query.max-bytes");
  EXPECT_THAT(Run("a_total", 10, CallContext().WithBudget(budget)),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("request")));
  EXPECT_EQ(budget->used_bytes(), 0u);
  {
    const Result<QueryResult> result = Run("a_total", 30000, CallContext().WithBudget(budget));
    ASSERT_THAT(result, testing::IsOk());
    EXPECT_GT(budget->used_bytes(), 0u);
  }
  EXPECT_EQ(budget->used_bytes(), 0u);
}

TEST_F(EngineTest, ChargesTheWindowsItKeeps) {
  // 100,001 steps: 41 bytes each for the windows of one scrape target, 8 for a row.
  const auto budget = Budget::Make("request", 8 << 20, "query.max-bytes");
  options_.samples_max = 0;
  params_.lookback_ms = 1;
  params_.text = "sum(rate(a_total[1m]))";
  params_.start_ms = 300000;
  params_.end_ms = 400000;
  params_.step_ms = 1;
  const Engine engine(options_);
  THANOS_ASSERT_OK_AND_ASSIGN(auto query, engine.Prepare(params_));
  ASSERT_THAT(query->Run(CallContext().WithBudget(budget), source_), testing::IsOk());
  EXPECT_GT(budget->peak_bytes(), 100000u * (41 + 8));
  EXPECT_EQ(budget->used_bytes(), 0u);
}

TEST_F(EngineTest, LimitsSamplesAndSeries) {
  options_.samples_max = 50;
  EXPECT_THAT(Run("a_total", 10000),
              StatusIs(StatusCode::kResourceExhausted,
                       "query processing would load too many samples into memory in query "
                       "execution"));
  EXPECT_THAT(Run("sum(a_total)", 30000), testing::IsOk());
  // A point counts once, in the result: not again in the batch that brought it.
  options_.samples_max = 90;
  for (const bool fuse : {true, false}) {
    options_.fuse = fuse;
    THANOS_ASSERT_OK_AND_ASSIGN(const QueryResult result, Run("-a_total", 30000));
    EXPECT_EQ(result.stats.samples_peak, 90u);
  }
  options_.samples_max = 89;
  EXPECT_THAT(Run("-a_total", 30000), StatusIs(StatusCode::kResourceExhausted));
  options_.series_max = 5;
  EXPECT_THAT(Run("sum(a_total)"), StatusIs(StatusCode::kResourceExhausted));
}

TEST_F(EngineTest, ExtendsABareRangeToBothBorders) {
  options_.parser.extended_range_selectors = true;
  const auto points = [&](const std::string& text) {
    std::vector<std::pair<int64_t, double>> out;
    const Result<QueryResult> result = Run(text);
    EXPECT_THAT(result, testing::IsOk());
    if (!result.ok() || result->series.size() != 1) return out;
    const ResultSeries& series = result->series[0];
    for (size_t i = 0; i < series.times.size(); ++i) {
      out.emplace_back(series.times[i], series.values[i]);
    }
    return out;
  };
  // Samples of n="0" lie on every 10 s with the seconds as value; the query is at 300 s.
  EXPECT_THAT(points("a_total{n=\"0\"}[15s] offset 3s anchored"),
              ElementsAre(Pair(282000, 280), Pair(290000, 290), Pair(297000, 290)));
  EXPECT_THAT(points("a_total{n=\"0\"}[15s] offset 3s smoothed"),
              ElementsAre(Pair(282000, 282), Pair(290000, 290), Pair(297000, 297)));
  EXPECT_THAT(points("a_total{n=\"0\"}[10s] smoothed"),
              ElementsAre(Pair(290000, 290), Pair(300000, 300)));
  auto& samples = source_.At(Labels::Of({{"__name__", "native"}}));
  samples.histogram_t = {290000};
  samples.histograms = {model::FloatHistogram()};
  EXPECT_THAT(Run("native[1m] anchored"),
              StatusIs(StatusCode::kFailedPrecondition,
                       HasSubstr("anchored modifier is not supported with histograms")));
  EXPECT_THAT(Run("irate(a_total[1m] smoothed)"),
              StatusIs(StatusCode::kFailedPrecondition,
                       "smoothed modifier can only be used with: delta, increase, rate - not "
                       "with irate"));
}

TEST_F(EngineTest, CarriesNativeHistograms) {
  auto& samples = source_.At(Labels::Of({{"__name__", "native"}}));
  model::FloatHistogram histogram;
  histogram.count = 3;
  histogram.sum = 4;
  histogram.positive_spans = {{0, 1}};
  histogram.positive_buckets = {3};
  samples.histogram_t = {290000, 300000};
  samples.histograms = {histogram, histogram};
  THANOS_ASSERT_OK_AND_ASSIGN(const QueryResult vector, Run("native * 2"));
  ASSERT_EQ(vector.series.size(), 1u);
  EXPECT_FALSE(vector.series[0].Has(0));
  ASSERT_EQ(vector.series[0].histograms.size(), 1u);
  EXPECT_EQ(vector.series[0].histograms[0]->count, 6);
  THANOS_ASSERT_OK_AND_ASSIGN(const QueryResult range, Run("native[1m]"));
  ASSERT_EQ(range.series.size(), 1u);
  EXPECT_THAT(range.series[0].histogram_times, ElementsAre(290000, 300000));
  EXPECT_TRUE(range.series[0].times.empty());
  options_.samples_max = 10;  // A histogram counts for more than a float.
  EXPECT_THAT(Run("native"), StatusIs(StatusCode::kResourceExhausted));
}

TEST_F(EngineTest, ReportsWarningsAndStatistics) {
  THANOS_ASSERT_OK_AND_ASSIGN(const QueryResult result, Run("rate(a_total[1m])", 60000));
  EXPECT_THAT(result.warnings, ElementsAre("a warning"));
  EXPECT_EQ(result.stats.series, 10u);
  EXPECT_EQ(result.stats.selects, 1u);
  EXPECT_EQ(result.stats.samples_decoded, 10u * 30);
  EXPECT_EQ(result.stats.samples_queryable, 10u * 5 * 6);
  EXPECT_EQ(result.series.size(), 10u);
}

TEST_F(EngineTest, ReturnsSamplesOfARangeSelectorWithTheirTimes) {
  THANOS_ASSERT_OK_AND_ASSIGN(const QueryResult result, Run("a_total{n=\"1\"}[30s]"));
  ASSERT_EQ(result.series.size(), 1u);
  EXPECT_THAT(result.series[0].times, ElementsAre(280000, 290000, 300000));
  EXPECT_THAT(result.series[0].values, ElementsAre(560, 580, 600));
}

TEST_F(EngineTest, ExplainsItsOperators) {
  const Engine engine(options_);
  params_.text = "sum by (job) (rate(a_total[1m])) / on (job) count by (job) (b_total)";
  params_.end_ms = 600000;
  params_.step_ms = 60000;
  THANOS_ASSERT_OK_AND_ASSIGN(auto query, engine.Prepare(params_));
  const std::string text = PlanText(query->Explain());
  EXPECT_THAT(text, HasSubstr("match / on (job): holds one side"));
  EXPECT_THAT(text, HasSubstr("sum by (job): holds groups (16.125 bytes a row and step)"));
  EXPECT_THAT(text, HasSubstr("scan a_total[60000ms] with rate(): streams"));
}

TEST_F(EngineTest, AnalyzesItsOperators) {
  params_.analyze = true;
  base::Executor executor("test", 2);
  for (const bool workers : {false, true}) {
    options_.executor = workers ? &executor : nullptr;
    THANOS_ASSERT_OK_AND_ASSIGN(const QueryResult result,
                                Run("sum by (job) (rate(a_total[1m])) + scalar(b_total)", 60000));
    ASSERT_TRUE(result.analysis);
    const PlanNode& root = *result.analysis;
    EXPECT_THAT(root.name, HasSubstr("result: "));
    EXPECT_EQ(root.stats.rows, 2u);
    EXPECT_EQ(root.stats.points, 10u);
    EXPECT_GT(root.stats.peak_bytes, 0u);
    ASSERT_EQ(root.children.size(), 1u);
    ASSERT_EQ(root.children[0].children.size(), 2u);  // The vector, and what the scalar draws on.
    const PlanNode& sum = root.children[0].children[0];
    EXPECT_THAT(sum.name, HasSubstr("sum by (job)"));
    EXPECT_GE(sum.stats.peak_bytes, 2u * 5 * 16);
    ASSERT_EQ(sum.children.size(), 1u);
    const OperatorStats& scan = sum.children[0].stats;
    EXPECT_EQ(scan.series, 10u);
    EXPECT_EQ(scan.rows, 10u);
    EXPECT_EQ(scan.points, 50u);
    EXPECT_EQ(scan.samples, 10u * 30);
    EXPECT_GT(scan.bytes, 0u);
    EXPECT_GT(scan.pull_ns, 0);
    EXPECT_EQ(scan.worker_ns > 0, workers);
    EXPECT_GT(scan.peak_bytes, 0u);
  }
  params_.analyze = false;
  options_.executor = nullptr;
  THANOS_ASSERT_OK_AND_ASSIGN(const QueryResult plain, Run("sum(a_total)"));
  EXPECT_FALSE(plain.analysis);
}

TEST_F(EngineTest, RefusesWrongTimesAndTypes) {
  params_.text = "a_total[5m]";
  params_.start_ms = 10;
  params_.end_ms = 20;
  params_.step_ms = 1;
  const Engine engine(options_);
  EXPECT_THAT(engine.Prepare(params_),
              StatusIs(StatusCode::kInvalidArgument,
                       "invalid expression type \"range vector\" for range query, must be Scalar "
                       "or instant Vector"));
  params_.text = "a_total[5m - 5m]";
  params_.step_ms = 0;
  EXPECT_THAT(engine.Prepare(params_),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("duration must be greater than 0")));
}

}  // namespace
}  // namespace thanos::promql
