// Histograms of the vectors: {"k": "i" or "f", "crh", "schema", "zt", "sum", "zc", "c", "pb", …}.
#pragma once

#include <string>
#include <vector>

#include "model/histogram.h"
#include "support/vectors.h"

namespace thanos::testing {

inline std::vector<model::HistogramSpan> SpansOf(const nlohmann::json& h, const char* key) {
  std::vector<model::HistogramSpan> spans;
  for (const auto& span : h.value(key, nlohmann::json::array()))
    spans.push_back({span[0], span[1]});
  return spans;
}

inline std::vector<double> BitsOf(const nlohmann::json& h, const char* key) {
  std::vector<double> values;
  for (const auto& bits : h.value(key, nlohmann::json::array())) values.push_back(FromBits(bits));
  return values;
}

inline model::FloatHistogram HistogramOf(const nlohmann::json& h) {
  if (h.at("k") == "i") {
    model::IntHistogram out;
    out.hint = static_cast<model::CounterResetHint>(h.value("crh", 0));
    out.schema = h.at("schema");
    out.zero_threshold = FromBits(h.at("zt"));
    out.sum = FromBits(h.at("sum"));
    out.zero_count = h.at("zc");
    out.count = h.at("c");
    out.positive_spans = SpansOf(h, "ps");
    out.negative_spans = SpansOf(h, "ns");
    out.positive_buckets = h.value("pb", std::vector<int64_t>{});
    out.negative_buckets = h.value("nb", std::vector<int64_t>{});
    out.custom_values = BitsOf(h, "cv");
    return out.ToFloat();
  }
  model::FloatHistogram out;
  out.hint = static_cast<model::CounterResetHint>(h.value("crh", 0));
  out.schema = h.at("schema");
  out.zero_threshold = FromBits(h.at("zt"));
  out.sum = FromBits(h.at("sum"));
  out.zero_count = FromBits(h.at("zc"));
  out.count = FromBits(h.at("c"));
  out.positive_spans = SpansOf(h, "ps");
  out.negative_spans = SpansOf(h, "ns");
  out.positive_buckets = BitsOf(h, "pb");
  out.negative_buckets = BitsOf(h, "nb");
  out.custom_values = BitsOf(h, "cv");
  return out;
}

}  // namespace thanos::testing
