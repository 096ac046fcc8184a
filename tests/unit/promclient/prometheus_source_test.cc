#include "promclient/prometheus_source.h"

#include <algorithm>
#include <future>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chunk/decode.h"
#include "fakes/fake_prometheus.h"
#include "promclient/order.h"
#include "series/filter.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::promclient {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using thanos::testing::StatusIs;

struct Got {
  std::string labels;
  std::vector<std::string> chunks;
  friend bool operator==(const Got&, const Got&) = default;
};
std::ostream& operator<<(std::ostream& out, const Got& got) {
  out << got.labels;
  for (const std::string& chunk : got.chunks) out << " " << chunk;
  return out;
}

class PrometheusSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    net::HttpClientOptions options;
    options.proxy_url = "none";
    THANOS_ASSERT_OK_AND_ASSIGN(auto http, net::HttpClient::Make(options));
    ClientOptions client;
    client.url = fake_.url();
    source_ = PrometheusSource::Make(std::make_shared<PrometheusClient>(client, http));
    source_->Update({Labels::Of({{"cluster", "c"}, {"replica", "a"}, {"empty", ""}}), 0, true});
    request_.matchers = {model::Matcher::NotEqual("__name__", "")};
    request_.max_ms = 1'000'000;
    request_.batch_series = 2;
  }
  // A series as Prometheus gives it: its external labels are in, its own win.
  void Add(std::vector<std::pair<std::string, std::string>> labels,
           std::vector<std::vector<std::string>> frames = {{"xx"}}) {
    const Labels external = source_->state().external;
    LabelsBuilder builder(external.view());
    for (const auto& [name, value] : labels) builder.Set(name, value);
    fake_.series.push_back({builder.Build(), std::move(frames)});
  }
  Result<std::vector<Got>> Select(const CallContext& context) {
    THANOS_ASSIGN_OR_RETURN(std::unique_ptr<SeriesCursor> cursor,
                            source_->Select(context, request_));
    cursor->Start();
    std::vector<Got> out;
    std::string before;
    for (;;) {
      THANOS_ASSIGN_OR_RETURN(SeriesBatchRef batch, cursor->Next());
      if (!batch) break;
      for (const SeriesView& series : batch->series()) {
        Got got{series.labels.ToString(), {}};
        for (const ChunkView& chunk : series.chunks) {
          got.chunks.emplace_back(codec::AsText(chunk.parts[0].data));
        }
        if (!before.empty()) {
          EXPECT_LT(Compare(LabelsView(before), series.labels), 0) << got.labels;
        }
        before = series.labels.encoded();
        out.push_back(std::move(got));
      }
    }
    warnings_ = cursor->TakeWarnings();
    return out;
  }
  std::vector<Got> MustSelect() {
    auto got = Select(context_);
    EXPECT_THAT(got, thanos::testing::IsOk());
    return got.ok() ? *got : std::vector<Got>();
  }

  testing::FakePrometheus fake_;
  std::shared_ptr<PrometheusSource> source_;
  SelectRequest request_;
  CallContext context_;
  Warnings warnings_;
};

TEST_F(PrometheusSourceTest, JoinsFramesAndKeepsLabels) {
  Add({{"__name__", "up"}, {"job", "a"}}, {{"c1", "c2"}, {"c3"}});
  Add({{"__name__", "up"}, {"job", "b"}}, {{"c4"}});
  EXPECT_THAT(
      MustSelect(),
      ElementsAre(Got{R"({__name__="up", cluster="c", job="a", replica="a"})", {"c1", "c2", "c3"}},
                  Got{R"({__name__="up", cluster="c", job="b", replica="a"})", {"c4"}}));
  const wire::ReadRequest read = fake_.last_read();
  ASSERT_EQ(read.queries.size(), 1u);
  EXPECT_THAT(read.accepted, ElementsAre(wire::ReadResponseType::kStreamedXorChunks,
                                         wire::ReadResponseType::kSamples));
  EXPECT_EQ(fake_.requests().back().headers.Get("X-Prometheus-Remote-Read-Version"), "0.1.0");
}

TEST_F(PrometheusSourceTest, RestoresTheOrderThatExternalLabelsChange) {
  // Without external labels {__name__} comes before {__name__, a}; with "cluster" in, after it.
  Add({{"__name__", "up"}});
  Add({{"__name__", "up"}, {"a", "1"}});
  Add({{"__name__", "up"}, {"a", "1"}, {"b", "1"}});
  Add({{"__name__", "up"}, {"z", "1"}});
  EXPECT_THAT(MustSelect(),
              ElementsAre(Got{R"({__name__="up", a="1", b="1", cluster="c", replica="a"})", {"xx"}},
                          Got{R"({__name__="up", a="1", cluster="c", replica="a"})", {"xx"}},
                          Got{R"({__name__="up", cluster="c", replica="a"})", {"xx"}},
                          Got{R"({__name__="up", cluster="c", replica="a", z="1"})", {"xx"}}));
  EXPECT_FALSE(source_->sorts());
}

TEST_F(PrometheusSourceTest, SortsWhereASeriesHasAnExternalName) {
  Add({{"__name__", "up"}, {"cluster", "own"}, {"x", "2"}});
  Add({{"__name__", "up"}, {"x", "1"}});
  EXPECT_THAT(MustSelect(),
              ElementsAre(Got{R"({__name__="up", cluster="c", replica="a", x="1"})", {"xx"}},
                          Got{R"({__name__="up", cluster="c", replica="a", x="2"})", {"xx"}}));
  EXPECT_TRUE(source_->sorts());
  fake_.Answer("/api/v1/labels", R"({"status":"success","data":["__name__","x"]})");
  THANOS_EXPECT_OK(source_->CheckLabels(context_));
  EXPECT_FALSE(source_->sorts());
  fake_.Answer("/api/v1/labels", R"({"status":"success","data":["__name__","cluster"]})");
  THANOS_EXPECT_OK(source_->CheckLabels(context_));
  EXPECT_TRUE(source_->sorts());
}

TEST_F(PrometheusSourceTest, SortedAnswersRespectTheBudgetAndTheLimit) {
  for (int i = 9; i > 0; --i) {
    Add({{"__name__", "up"}, {"cluster", "own"}, {"x", std::to_string(i)}},
        {{std::string(10'000, 'd')}});
  }
  request_.limit = 3;
  EXPECT_EQ(MustSelect().size(), 3u);
  const auto budget = Budget::Make("select", 50'000, "store.memory");
  EXPECT_THAT(Select(context_.WithBudget(budget)),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("store.memory")));
}

TEST_F(PrometheusSourceTest, RemovesReplicaLabels) {
  Add({{"__name__", "up"}, {"job", "a"}});
  Add({{"__name__", "up"}, {"job", "b"}});
  request_.without_labels = {"replica"};
  EXPECT_THAT(MustSelect(), ElementsAre(Got{R"({__name__="up", cluster="c", job="a"})", {"xx"}},
                                        Got{R"({__name__="up", cluster="c", job="b"})", {"xx"}}));
  EXPECT_FALSE(source_->sorts());
  // A label of the series itself: sets that become equal are joined.
  request_.without_labels = {"replica", "job"};
  EXPECT_THAT(MustSelect(), ElementsAre(Got{R"({__name__="up", cluster="c"})", {"xx", "xx"}}));
  EXPECT_TRUE(source_->sorts());
}

TEST_F(PrometheusSourceTest, ExternalMatchersAreCheckedHere) {
  Add({{"__name__", "up"}});
  request_.matchers = {model::Matcher::Equal("cluster", "other"),
                       model::Matcher::Equal("job", "x")};
  EXPECT_THAT(MustSelect(), IsEmpty());
  EXPECT_THAT(fake_.requests(), IsEmpty());
  request_.matchers[0] = model::Matcher::Equal("cluster", "c");
  EXPECT_EQ(MustSelect().size(), 1u);
  EXPECT_THAT(fake_.last_read().queries[0].matchers,
              ElementsAre(model::Matcher::Equal("job", "x")));
  request_.matchers.pop_back();
  EXPECT_EQ(MustSelect().size(), 1u);
  EXPECT_THAT(fake_.last_read().queries[0].matchers,
              ElementsAre(model::Matcher::NotEqual("__name__", "")));
  request_.matchers = {model::Matcher::Equal("empty", "")};
  EXPECT_EQ(MustSelect().size(), 1u);
  EXPECT_THAT(fake_.last_read().queries[0].matchers,
              ElementsAre(model::Matcher::Equal("empty", "")));
  request_.matchers.clear();
  EXPECT_THAT(Select(context_), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(PrometheusSourceTest, ServesNothingBeforeItsMinimalTime) {
  source_->Update({Labels::Of({{"cluster", "c"}}), 5000, true});
  request_.min_ms = 1000;
  request_.max_ms = 4999;
  EXPECT_THAT(MustSelect(), IsEmpty());
  request_.max_ms = 6000;
  MustSelect();
  EXPECT_EQ(fake_.last_read().queries[0].min_ms, 5000);
}

TEST_F(PrometheusSourceTest, LimitsAndShards) {
  for (char c = 'a'; c <= 'h'; ++c) Add({{"__name__", "up"}, {"job", std::string(1, c)}});
  request_.limit = 3;
  EXPECT_EQ(MustSelect().size(), 3u);
  request_.limit = 0;
  size_t total = 0;
  for (int64_t i = 0; i < 3; ++i) {
    request_.shard = Shard{i, 3, true, {"job"}};
    total += MustSelect().size();
  }
  EXPECT_EQ(total, 8u);
}

TEST_F(PrometheusSourceTest, TakesSamplesWhereChunksAreNotToBeHad) {
  fake_.sampled = true;
  wire::SampledSeries series{
      Labels::Of({{"__name__", "up"}, {"cluster", "c"}, {"replica", "a"}}), {}, {}, {}};
  for (int i = 0; i < 250; ++i) {
    series.t.push_back(i * 1000);
    series.v.push_back(i * 0.5);
  }
  series.histograms.push_back({300000, {}});
  fake_.samples = {series, {Labels::Of({{"__name__", "zz"}}), {}, {}, {}}};
  const std::vector<Got> got = MustSelect();
  ASSERT_EQ(got.size(), 1u);
  ASSERT_EQ(got[0].chunks.size(), 3u);
  chunk::Columns columns;
  for (const std::string& data : got[0].chunks) {
    THANOS_ASSERT_OK(chunk::DecodeChunk(ChunkEncoding::kXor, codec::AsBytes(data), &columns));
  }
  EXPECT_EQ(columns.t, series.t);
  EXPECT_EQ(columns.v, series.v);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("native histograms"), HasSubstr("zz")));
}

TEST_F(PrometheusSourceTest, ErrorsSayWhatPrometheusSaid) {
  fake_.read_status = 500;
  EXPECT_THAT(Select(context_), StatusIs(StatusCode::kUnknown,
                                         "query Prometheus: request failed with code 500 Internal "
                                         "Server Error; msg out of order"));
  fake_.read_status = 200;
  fake_.content_type = "text/html";
  EXPECT_THAT(Select(context_),
              StatusIs(StatusCode::kUnknown,
                       HasSubstr("not supported remote read content type: text/html")));
  fake_.content_type = "";
  Add({{"__name__", "up"}});
  fake_.appended = "expanding series: too slow\n";
  EXPECT_THAT(Select(context_), StatusIs(StatusCode::kDataLoss, HasSubstr("too slow")));
}

TEST_F(PrometheusSourceTest, CancellationEndsTheRead) {
  std::promise<void> entered, gone;
  Add({{"__name__", "up"}});
  fake_.before_frame = [&](const CallContext& context) {
    std::promise<void> left;
    const auto registration = context.OnCancel([&] { left.set_value(); });
    entered.set_value();
    left.get_future().wait();
    gone.set_value();
  };
  const CallContext call = context_.WithCancel();
  auto result = std::async(std::launch::async, [&] { return Select(call).status(); });
  entered.get_future().wait();
  const auto began = std::chrono::steady_clock::now();
  call.Cancel();
  EXPECT_THAT(result.get(), StatusIs(StatusCode::kCancelled));
  gone.get_future().wait();
  EXPECT_LT(std::chrono::steady_clock::now() - began, milliseconds(100));
}

TEST_F(PrometheusSourceTest, ReadsAheadOnlyAWindow) {
  std::atomic<int> frames{0};
  fake_.before_frame = [&](const CallContext&) { frames.fetch_add(1); };
  for (int i = 0; i < 1000; ++i) {
    std::string job = std::to_string(10'000 + i);
    Add({{"__name__", "up"}, {"job", job}}, {{std::string(50'000, 'd')}});
  }
  request_.window_bytes = 200'000;
  THANOS_ASSERT_OK_AND_ASSIGN(auto cursor, source_->Select(context_, request_));
  cursor->Start();
  int before = -1;
  while (before != frames.load()) {
    before = frames.load();
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_LT(before, 400);
  size_t series = 0;
  for (;;) {
    THANOS_ASSERT_OK_AND_ASSIGN(SeriesBatchRef batch, cursor->Next());
    if (!batch) break;
    series += batch->series().size();
  }
  EXPECT_EQ(series, 1000u);
  EXPECT_EQ(cursor->end().series, 1000u);
}

TEST_F(PrometheusSourceTest, LabelsWithoutChunks) {
  fake_.Answer(
      "/api/v1/series",
      R"({"status":"success","data":[{"__name__":"up","job":"b"},{"__name__":"up","job":"a"},{"__name__":"up","job":"a","replica":"z"}]})");
  request_.skip_chunks = true;
  EXPECT_THAT(MustSelect(),
              ElementsAre(Got{R"({__name__="up", cluster="c", job="a", replica="a"})", {}},
                          Got{R"({__name__="up", cluster="c", job="b", replica="a"})", {}}));
  request_.limit = 1;
  EXPECT_EQ(MustSelect().size(), 1u);
  EXPECT_EQ(fake_.requests().back().query.Get("limit"), "1");
}

TEST_F(PrometheusSourceTest, LabelCallsKnowExternalLabels) {
  fake_.Answer("/api/v1/labels", R"({"status":"success","data":["__name__","job"]})");
  LabelsRequest request;
  request.max_ms = 1000;
  THANOS_ASSERT_OK_AND_ASSIGN(LabelsResult names, source_->LabelNames(context_, request));
  EXPECT_THAT(names.values, ElementsAre("__name__", "cluster", "job", "replica"));
  request.without_labels = {"replica"};
  THANOS_ASSERT_OK_AND_ASSIGN(names, source_->LabelNames(context_, request));
  EXPECT_THAT(names.values, ElementsAre("__name__", "cluster", "job"));
  fake_.Answer("/api/v1/labels", R"({"status":"success","data":[]})");
  THANOS_ASSERT_OK_AND_ASSIGN(names, source_->LabelNames(context_, request));
  EXPECT_THAT(names.values, IsEmpty());

  THANOS_ASSERT_OK_AND_ASSIGN(LabelsResult values,
                              source_->LabelValues(context_, "cluster", request));
  EXPECT_THAT(values.values, ElementsAre("c"));
  THANOS_ASSERT_OK_AND_ASSIGN(values, source_->LabelValues(context_, "replica", request));
  EXPECT_THAT(values.values, IsEmpty());
  EXPECT_THAT(source_->LabelValues(context_, "", request), StatusIs(StatusCode::kInvalidArgument));
  request.matchers = {model::Matcher::Equal("job", "x")};
  fake_.Answer("/api/v1/series", R"({"status":"success","data":[]})");
  THANOS_ASSERT_OK_AND_ASSIGN(values, source_->LabelValues(context_, "cluster", request));
  EXPECT_THAT(values.values, IsEmpty());
  // An old Prometheus: label calls with matchers go over the series.
  source_->Update({Labels::Of({{"cluster", "c"}}), 0, false});
  fake_.Answer("/api/v1/series",
               R"({"status":"success","data":[{"job":"x","pod":"2"},{"job":"x","pod":"1"}]})");
  THANOS_ASSERT_OK_AND_ASSIGN(values, source_->LabelValues(context_, "pod", request));
  EXPECT_THAT(values.values, ElementsAre("1", "2"));
  THANOS_ASSERT_OK_AND_ASSIGN(names, source_->LabelNames(context_, request));
  EXPECT_THAT(names.values, ElementsAre("cluster", "job", "pod"));
}

TEST_F(PrometheusSourceTest, InfoSaysWhatIsServed) {
  const SourceInfo info = source_->Info();
  EXPECT_THAT(info.label_sets, ElementsAre(Labels::Of({{"cluster", "c"}, {"replica", "a"}})));
  EXPECT_EQ(info.max_ms, INT64_MAX);
  EXPECT_EQ(info.tsdbs.size(), 1u);
}

// The stack against plain sorting, on random streams.
TEST(OrderStack, RestoresEveryRandomOrder) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    const Labels external = Labels::Of({{"c", "1"}, {"g", "2"}});
    std::vector<Labels> sets;
    for (int i = 0; i < 20; ++i) {
      LabelsBuilder builder;
      for (const char* name : {"a", "b", "d", "e", "f", "h"}) {
        if (random() % 3 == 0) builder.Set(name, random() % 2 ? "1" : "2");
      }
      sets.push_back(builder.Build());
    }
    std::sort(sets.begin(), sets.end());
    sets.erase(std::unique(sets.begin(), sets.end()), sets.end());
    LabelChange change(external, {});
    OrderStack stack;
    std::vector<PendingSeries> out;
    for (const Labels& set : sets) {
      PendingSeries series;
      LabelsBuilder sent(set.view());
      for (const Label& label : external) sent.Set(label.name, label.value);
      EXPECT_EQ(change.Apply(sent.Build(), &series.labels), LabelChange::Kind::kPlain);
      stack.Push(std::move(series), &out);
      EXPECT_LE(stack.depth(), 7u);
    }
    stack.Flush(&out);
    ASSERT_EQ(out.size(), sets.size());
    for (size_t i = 1; i < out.size(); ++i) {
      ASSERT_LT(Compare(LabelsView(out[i - 1].labels), LabelsView(out[i].labels)), 0) << round;
    }
  }
}

}  // namespace
}  // namespace thanos::promclient
