// Distributed mode against local mode over the same peers: whatever the topology, the answers are
// the same; and where it is provable, parts really are given away.
#include <cmath>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/number_text.h"
#include "fanout/fanout_source.h"
#include "leaf.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::query {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using thanos::testing::StatusIs;

constexpr int64_t kStart = 1'700'000'000'000;
constexpr int64_t kScrape = 15'000;
constexpr int kSamples = 240;

// Labels and values of a result, as text; values to twelve digits, since sums of sums are added in
// another order.
std::map<std::string, std::string> TextOf(const promql::QueryResult& result) {
  std::map<std::string, std::string> out;
  if (result.type == promql::ValueType::kScalar) out["scalar"] = base::FormatFloatG(result.scalar);
  for (const promql::ResultSeries& series : result.series) {
    std::string& text = out[series.labels.ToString()];
    for (size_t i = 0; i < series.values.size(); ++i) {
      if (series.times.empty() && !series.Has(i)) continue;
      char number[40];
      std::snprintf(number, sizeof(number), " %.12g", series.values[i] == 0 ? 0 : series.values[i]);
      text += " " + std::to_string(series.times.empty() ? i : 0) + ":" + number;
    }
    for (size_t i = 0; i < series.histograms.size(); ++i) {
      if (!series.histograms[i]) continue;
      char number[80];
      std::snprintf(number, sizeof(number), " h%.12g,%.12g", series.histograms[i]->count,
                    series.histograms[i]->sum);
      text += " " + std::to_string(i) + ":" + number;
    }
  }
  return out;
}

class DistributedTest : public ::testing::Test {
 protected:
  Leaf& AddLeaf() { return *leaves_.emplace_back(std::make_unique<Leaf>()); }

  // Gauges with gaps, counters with resets, histograms; all with the external labels.
  static void Fill(const Labels& external, int64_t from, unsigned seed, Leaf* leaf) {
    std::mt19937 random(seed);
    for (int pod = 0; pod < 3; ++pod) {
      LabelsBuilder builder(external);
      const std::string name = std::to_string(pod);
      builder.Set("pod", name);
      builder.Set("__name__", "m");
      auto& gauge = leaf->source->data.At(builder.Build());
      builder.Set("__name__", "c_total");
      auto& counter = leaf->source->data.At(builder.Build());
      builder.Set("__name__", "h");
      auto& histogram = leaf->source->data.At(builder.Build());
      double total = 0;
      for (int i = 0; i < kSamples; ++i) {
        const int64_t t = kStart + i * kScrape;
        if (t < from) continue;
        if (i / 40 % 3 != pod) {
          gauge.t.push_back(t);
          gauge.v.push_back(static_cast<double>(random() % 1000) - 300);
        }
        total = i % 77 == 76 ? 0 : total + random() % 10;
        counter.t.push_back(t);
        counter.v.push_back(total);
        model::FloatHistogram value;
        value.schema = 0;
        value.positive_spans = {{0, 2}};
        value.positive_buckets = {static_cast<double>(i + 1), 2.0 * (i + 1)};
        value.count = 3.0 * (i + 1);
        value.sum = 5.0 * (i + 1);
        histogram.histogram_t.push_back(t);
        histogram.histograms.push_back(value);
      }
    }
    leaf->source->info.label_sets.push_back(external);
    leaf->source->info.tsdbs.push_back({external, from, INT64_MAX});
    leaf->source->info.min_ms = std::min(
        leaf->source->info.min_ms == INT64_MIN ? INT64_MAX : leaf->source->info.min_ms, from);
  }

  void Start() {
    std::vector<std::shared_ptr<fanout::Endpoint>> endpoints;
    for (const auto& leaf : leaves_) endpoints.push_back(leaf->endpoint);
    const auto all = [endpoints] { return endpoints; };
    source_ = std::make_shared<fanout::FanoutSource>(
        fanout::FanoutOptions{.selector_labels = selector_labels_}, all, &registry_);
    local_ = std::make_unique<Driver>(DriverOptions(), source_, &local_registry_);
    DriverOptions options;
    options.distributed = DistributedOptions{all, partition_labels_, selector_labels_, {}};
    distributed_ = std::make_unique<Driver>(options, source_, &registry_);
  }

  promql::QueryParams Params(const std::string& text, bool range) const {
    promql::QueryParams params;
    params.text = text;
    params.start_ms = kStart + 600'000;
    params.end_ms = range ? kStart + 3'500'000 : params.start_ms;
    params.step_ms = range ? 60'000 : 0;
    if (dedup_) {
      params.select.dedup = series::DedupAlgorithm::kPenalty;
      params.select.replica_labels = {"replica"};
    }
    return params;
  }

  void ExpectSame(const std::vector<std::string>& queries) {
    for (const std::string& text : queries) {
      for (const bool range : {false, true}) {
        SCOPED_TRACE(text + (range ? " range" : " instant"));
        QueryFailure failure;
        auto want = local_->Run(CallContext(), Params(text, range), {}, &failure);
        auto got = distributed_->Run(CallContext(), Params(text, range), {}, &failure);
        ASSERT_EQ(got.status().code(), want.status().code()) << got.status().message();
        if (!want.ok()) continue;
        EXPECT_EQ(TextOf(*got), TextOf(*want));
        EXPECT_THAT(got->warnings, IsEmpty());
      }
    }
  }
  // Fragments of all queries so far.
  double fragments() const { return registry_value("thanos_query_distributed_fragments_total"); }
  double registry_value(const std::string& name) const {
    const std::string text = registry_.Render(metrics::Format::kText);
    const size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }

  static std::vector<std::string> Queries() {
    return {"sum(m)",
            "sum by (region) (m)",
            "sum without (pod) (m)",
            "sum without (region, pod) (rate(c_total[5m]))",
            "avg by (pod) (m)",
            "avg(m) * 2 + 1",
            "count(m > 100)",
            "count by (pod, region) (m)",
            "min by (pod) (m)",
            "max(max by (region) (m))",
            "group by (pod) (m)",
            "topk(2, m)",
            "bottomk by (region) (1, m)",
            "quantile(0.5, m)",
            "quantile by (region) (0.5, m)",
            "stddev by (region) (m)",
            "stddev(m)",
            "count_values(\"v\", round(m, 100))",
            "m",
            "-m + 3",
            "m offset 5m",
            "m @ 1700001000",
            "sum(m @ end())",
            "rate(c_total[5m])",
            "sum(rate(c_total[5m])) / sum(m)",
            "sum by (pod) (m) / on (pod) group_left sum by (pod) (c_total)",
            "m / on (region, pod) c_total",
            "m and on (pod) c_total > 50",
            "max_over_time(sum(rate(c_total[1m]))[10m:1m])",
            "sum by (region) (max_over_time(m[10m:30s]))",
            "sum(max_over_time(rate(c_total[1m])[5m:]))",
            "absent(m)",
            "absent(nothing)",
            "sum(nothing)",
            "absent_over_time(m{pod=\"9\"}[5m])",
            "timestamp(m)",
            "sum(timestamp(m))",
            "scalar(sum(m)) + vector(1)",
            "label_replace(sum by (pod) (m), \"x\", \"$1\", \"pod\", \"(.*)\")",
            "sum(label_replace(m, \"region\", \"all\", \"\", \"\"))",
            "sort_desc(sum by (pod) (m))",
            "histogram_count(sum(rate(h[5m])))",
            "sum by (region) (h)",
            "avg(h)",
            "histogram_quantile(0.9, sum by (region) (rate(h[5m])))",
            "clamp_max(m, 10)",
            "sum(m{region=\"eu\"})",
            "sum({__name__=~\"m|c_total\"})",
            "avg by (__name__) ({__name__=~\"m|c_total\"})",
            "sum(h or m)",
            "vector(1)",
            "time()",
            "sum(m) > bool 10",
            "last_over_time(m[90s])",
            "sum(m unless on (pod, region) (m < 0))"};
  }

  metrics::Registry registry_, local_registry_;
  std::vector<std::unique_ptr<Leaf>> leaves_;
  std::vector<std::string> partition_labels_;
  Labels selector_labels_;
  bool dedup_ = false;
  std::shared_ptr<fanout::FanoutSource> source_;
  std::unique_ptr<Driver> local_, distributed_;
};

TEST_F(DistributedTest, QueriersOfDisjointRegions) {
  Fill(Labels::Of({{"region", "eu"}, {"replica", "a"}}), kStart, 1, &AddLeaf());
  // Its data begins much later: no reason to lose the other's.
  Fill(Labels::Of({{"region", "us"}, {"replica", "a"}}), kStart + 1'800'000, 2, &AddLeaf());
  leaves_[0]->Serve("eu:1", true);
  leaves_[1]->Serve("us:1", true);
  Start();
  ExpectSame(Queries());
  EXPECT_GT(fragments(), 60);
}

TEST_F(DistributedTest, ReplicasBelowOneQuerier) {
  dedup_ = true;
  Leaf& eu = AddLeaf();
  Fill(Labels::Of({{"region", "eu"}, {"replica", "a"}}), kStart, 1, &eu);
  Fill(Labels::Of({{"region", "eu"}, {"replica", "b"}}), kStart, 1, &eu);
  Fill(Labels::Of({{"region", "us"}, {"replica", "a"}}), kStart, 2, &AddLeaf());
  leaves_[0]->Serve("eu:1", true);
  leaves_[1]->Serve("us:1", true);
  Start();
  ExpectSame(Queries());
  EXPECT_GT(fragments(), 60);
}

TEST_F(DistributedTest, ReplicasInTwoQueriersAreEvaluatedHere) {
  dedup_ = true;
  Fill(Labels::Of({{"region", "eu"}, {"replica", "a"}}), kStart, 1, &AddLeaf());
  Fill(Labels::Of({{"region", "eu"}, {"replica", "b"}}), kStart, 1, &AddLeaf());
  leaves_[0]->Serve("a:1", true);
  leaves_[1]->Serve("b:1", true);
  Start();
  ExpectSame(Queries());
  EXPECT_EQ(fragments(), 0);
}

TEST_F(DistributedTest, AQuerierAndAStoreThatHoldsOtherRegions) {
  Fill(Labels::Of({{"region", "eu"}}), kStart, 1, &AddLeaf());
  Fill(Labels::Of({{"region", "us"}}), kStart, 2, &AddLeaf());
  leaves_[0]->Serve("eu:1", true);
  leaves_[1]->Serve("us:1", false);
  Start();
  ExpectSame(Queries());
  // Only what the store cannot hold is given away: sum(m{region="eu"}), twice.
  EXPECT_EQ(fragments(), 2);
}

TEST_F(DistributedTest, ASingleQuerierEvaluatesWhatItCan) {
  Fill(Labels::Of({{"region", "eu"}}), kStart, 1, &AddLeaf());
  leaves_[0]->Serve("eu:1", true);
  Start();
  ExpectSame(Queries());
  EXPECT_GT(fragments(), 80);
}

TEST_F(DistributedTest, SetsThatTellNothingApartAreEvaluatedHere) {
  Fill(Labels::Of({{"region", "eu"}}), kStart, 1, &AddLeaf());
  Fill(Labels::Of({{"zone", "1"}}), kStart, 2, &AddLeaf());
  leaves_[0]->Serve("a:1", true);
  leaves_[1]->Serve("b:1", true);
  Start();
  ExpectSame({"sum(m)", "sum by (region) (m)", "m"});
  EXPECT_EQ(fragments(), 0);
}

TEST_F(DistributedTest, PeersAreNotAskedForLabelsOfThisQuerierAlone) {
  selector_labels_ = Labels::Of({{"lab", "x"}});
  Fill(Labels::Of({{"region", "eu"}}), kStart, 1, &AddLeaf());
  leaves_[0]->Serve("a:1", true);
  Start();
  ExpectSame({"sum(m{lab=\"x\"})", "sum(m{lab=\"y\"})", "sum(m) + sum(m{lab=~\"x|z\"})"});
  EXPECT_EQ(fragments(), 0);
  ExpectSame({"sum(m)"});
  EXPECT_EQ(fragments(), 2);
}

TEST_F(DistributedTest, ASetWithoutItsTsdbProvesNothing) {
  Fill(Labels::Of({{"region", "eu"}}), kStart, 1, &AddLeaf());
  Fill(Labels::Of({{"region", "us"}}), kStart, 2, &AddLeaf());
  leaves_[1]->source->info.label_sets.push_back(Labels::Of({{"region", "ap"}}));
  leaves_[0]->Serve("a:1", true);
  leaves_[1]->Serve("b:1", true);
  Start();
  ExpectSame({"sum(m)"});
  EXPECT_EQ(fragments(), 0);
}

TEST_F(DistributedTest, WithDownsampledDataOnlyPartsWithoutFunctionsAroundThem) {
  Fill(Labels::Of({{"region", "eu"}}), kStart, 1, &AddLeaf());
  leaves_[0]->Serve("eu:1", true);
  Start();
  promql::QueryParams params = Params("max(m * on (pod, region) c_total)", true);
  params.select.max_resolution_ms = 300'000;
  QueryFailure failure;
  EXPECT_TRUE(distributed_->Run(CallContext(), params, {}, &failure).ok());
  EXPECT_EQ(fragments(), 0);
  params.text = "max(m) * 2 + on () min(c_total)";
  EXPECT_TRUE(distributed_->Run(CallContext(), params, {}, &failure).ok());
  EXPECT_EQ(fragments(), 2);
}

TEST_F(DistributedTest, PartitionLabelsDecideWhatCounts) {
  partition_labels_ = {"region"};
  Fill(Labels::Of({{"region", "eu"}, {"zone", "1"}}), kStart, 1, &AddLeaf());
  Fill(Labels::Of({{"region", "eu"}, {"zone", "2"}}), kStart, 2, &AddLeaf());
  leaves_[0]->Serve("a:1", true);
  leaves_[1]->Serve("b:1", true);
  Start();
  ExpectSame({"sum(m)"});
  EXPECT_EQ(fragments(), 0);
}

TEST_F(DistributedTest, TimesThatTheCallCannotCarryAreEvaluatedHere) {
  Fill(Labels::Of({{"region", "eu"}}), kStart, 1, &AddLeaf());
  leaves_[0]->Serve("eu:1", true);
  Start();
  for (int64_t promql::QueryParams::* field :
       {&promql::QueryParams::start_ms, &promql::QueryParams::step_ms,
        &promql::QueryParams::lookback_ms}) {
    promql::QueryParams params = Params("sum(m)", true);
    params.*field += 1;
    QueryFailure failure;
    EXPECT_TRUE(distributed_->Run(CallContext(), params, {}, &failure).ok());
    EXPECT_EQ(fragments(), 0);
  }
}

TEST_F(DistributedTest, APeerThatFailsIsAWarningOrTheError) {
  Fill(Labels::Of({{"region", "eu"}}), kStart, 1, &AddLeaf());
  Fill(Labels::Of({{"region", "us"}}), kStart, 2, &AddLeaf());
  leaves_[0]->Serve("eu:1", true);
  leaves_[1]->Serve("us:1", true);
  Start();
  QueryFailure failure;
  auto alone =
      distributed_->Run(CallContext(), Params("sum(m{region=\"eu\"})", true), {}, &failure);
  leaves_[1]->source->error = InternalError("told to fail");
  auto partial = distributed_->Run(CallContext(), Params("sum(m)", true), {}, &failure);
  THANOS_ASSERT_OK(partial.status());
  EXPECT_EQ(TextOf(*partial), TextOf(*alone));
  EXPECT_TRUE(partial->partial);
  EXPECT_THAT(partial->warnings, Contains(::testing::AllOf(HasSubstr("remote query error (us:1)"),
                                                           HasSubstr("told to fail"))));
  promql::QueryParams strict = Params("sum(m)", true);
  strict.select.partial = PartialStrategy::kAbort;
  EXPECT_THAT(distributed_->Run(CallContext(), strict, {}, &failure),
              StatusIs(StatusCode::kAborted, HasSubstr("us:1")));
}

TEST_F(DistributedTest, TheBindingOfATenantReachesThePeers) {
  Fill(Labels::Of({{"region", "eu"}}), kStart, 1, &AddLeaf());
  leaves_[0]->Serve("eu:1", true);
  Start();
  QueryFailure failure;
  const LabelBinding binding{"pod", "1"};
  for (const char* text : {"count(m{pod=\"0\"}) or count(c_total)", "count({pod=~\".+\"})"}) {
    auto all = distributed_->Run(CallContext(), Params(text, false), {}, &failure, binding);
    THANOS_ASSERT_OK(all.status());
    ASSERT_EQ(all->series.size(), 1u);
    EXPECT_LE(all->series[0].values[0], 3);
  }
  EXPECT_GT(fragments(), 0);
}

}  // namespace
}  // namespace thanos::query
