#include "promapi/json.h"

#include "promapi/params.h"
#include "promql/histogram_math.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::promapi {
namespace {

using nlohmann::json;
using testing::FromBits;
using testing::TextOf;

Labels LabelsOf(const json& list) {
  std::vector<std::pair<std::string, std::string>> labels;
  for (const json& pair : list) labels.emplace_back(TextOf(pair[0]), TextOf(pair[1]));
  return Labels::Of(std::move(labels));
}

std::vector<double> Doubles(const json& list) {
  std::vector<double> out;
  for (const json& bits : list) out.push_back(FromBits(bits));
  return out;
}

model::FloatHistogram HistogramOf(const json& in) {
  model::FloatHistogram out;
  out.schema = in.at("schema");
  out.zero_threshold = FromBits(in.at("zero_threshold"));
  out.zero_count = FromBits(in.at("zero_count"));
  out.count = FromBits(in.at("count"));
  out.sum = FromBits(in.at("sum"));
  for (const json& span : in.at("pos_spans")) out.positive_spans.push_back({span[0], span[1]});
  for (const json& span : in.at("neg_spans")) out.negative_spans.push_back({span[0], span[1]});
  out.positive_buckets = Doubles(in.at("pos"));
  out.negative_buckets = Doubles(in.at("neg"));
  out.custom_values = Doubles(in.at("custom_values"));
  return out;
}

int64_t Ms(const json& value) {
  return value.is_string() ? std::stoll(value.get<std::string>()) : value.get<int64_t>();
}

std::string VectorJson(const json& in) {
  std::string out = "[";
  for (const json& sample : in.at("samples")) {
    if (out.size() > 1) out += ',';
    const Labels labels = LabelsOf(sample.at("labels"));
    if (sample.contains("histogram")) {
      AppendVectorHistogramJson(labels, Ms(sample.at("t_ms")), HistogramOf(sample.at("histogram")),
                                &out);
    } else {
      const json& value = sample.contains("value") ? sample.at("value") : sample.at("bits");
      AppendVectorSampleJson(labels, Ms(sample.at("t_ms")), FromBits(value), &out);
    }
  }
  return out + "]";
}

std::string MatrixJson(const json& in) {
  std::string out;
  MatrixWriter writer(&out);
  for (const json& series : in.at("series")) {
    std::vector<int64_t> times, histogram_times;
    std::vector<double> values;
    std::vector<std::shared_ptr<const model::FloatHistogram>> histograms;
    for (const json& point : series.at("floats")) {
      times.push_back(Ms(point[0]));
      values.push_back(FromBits(point[1]));
    }
    for (const json& point : series.at("histograms")) {
      histogram_times.push_back(Ms(point[0]));
      histograms.push_back(std::make_shared<const model::FloatHistogram>(HistogramOf(point[1])));
    }
    writer.AddSeries(LabelsOf(series.at("labels")), times, values, nullptr, histogram_times,
                     histograms);
  }
  writer.Finish();
  return out;
}

TEST(PrometheusJson, WritesVectorsAndMatricesAsTheReference) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/api_json.jsonl");
  int seen = 0;
  for (const json& row :
       testing::ReadJsonLines(testing::SharedPath("conformance/vectors/api_json.jsonl"))) {
    SCOPED_TRACE(row.dump().substr(0, 600));
    if (row.at("kind") == "vector") {
      EXPECT_EQ(VectorJson(row.at("in")), TextOf(row.at("json")));
    } else if (row.at("kind") == "matrix") {
      EXPECT_EQ(MatrixJson(row.at("in")), TextOf(row.at("json")));
    } else if (row.at("kind") == "histogram-string") {
      EXPECT_EQ(promql::HistogramText(HistogramOf(row.at("in"))), TextOf(row.at("string")));
    } else {
      continue;
    }
    ++seen;
  }
  EXPECT_GT(seen, 190);
}

}  // namespace
}  // namespace thanos::promapi
