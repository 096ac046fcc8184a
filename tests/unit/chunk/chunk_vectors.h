// Reading the chunk vectors: histograms from JSON, hashes of samples.
#pragma once

#include <string>

#include "chunk/decode.h"
#include "codec/byte_reader.h"
#include "codec/hash.h"
#include "model/histogram.h"
#include "support/vectors.h"

namespace thanos::chunk {

template <typename T>
void AppendLittleEndian(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

inline std::string HexSha256(std::string_view bytes) {
  const auto digest = codec::Sha256(bytes);
  return testing::ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

/// SHA-256 over time and value of all float samples, as the vectors' README says.
inline std::string FloatSamplesSha256(const Columns& columns) {
  std::string bytes;
  for (size_t i = 0; i < columns.t.size(); ++i) {
    AppendLittleEndian(columns.t[i], &bytes);
    AppendLittleEndian(columns.v[i], &bytes);
  }
  return HexSha256(bytes);
}

inline void AppendSide(const std::vector<model::HistogramSpan>& spans,
                       const std::vector<double>& buckets, std::string* out) {
  AppendLittleEndian(static_cast<uint32_t>(buckets.size()), out);
  int32_t index = 0;
  size_t at = 0;
  for (const auto& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length; ++i) {
      AppendLittleEndian(index++, out);
      AppendLittleEndian(buckets.at(at++), out);
    }
  }
}

inline std::string HistogramSamplesSha256(const Columns& columns) {
  std::string bytes;
  for (size_t i = 0; i < columns.histograms.size(); ++i) {
    const model::FloatHistogram& h = columns.histograms[i];
    AppendLittleEndian(columns.histogram_t[i], &bytes);
    AppendLittleEndian(h.schema, &bytes);
    AppendLittleEndian(h.count, &bytes);
    AppendLittleEndian(h.sum, &bytes);
    AppendLittleEndian(h.zero_threshold, &bytes);
    AppendLittleEndian(h.zero_count, &bytes);
    AppendSide(h.positive_spans, h.positive_buckets, &bytes);
    AppendSide(h.negative_spans, h.negative_buckets, &bytes);
    AppendLittleEndian(static_cast<uint32_t>(h.custom_values.size()), &bytes);
    for (const double bound : h.custom_values) AppendLittleEndian(bound, &bytes);
  }
  return HexSha256(bytes);
}

inline std::vector<model::HistogramSpan> SpansFromJson(const nlohmann::json& json) {
  std::vector<model::HistogramSpan> spans;
  for (const auto& span : json) spans.push_back({span[0].get<int32_t>(), span[1].get<uint32_t>()});
  return spans;
}

inline void ReadBuckets(const nlohmann::json& json, std::vector<int64_t>* out) {
  for (const auto& bucket : json) out->push_back(bucket.get<int64_t>());
}
inline void ReadBuckets(const nlohmann::json& json, std::vector<double>* out) {
  for (const auto& bucket : json) out->push_back(testing::FromBits(bucket.get<std::string>()));
}
inline void ReadCount(const nlohmann::json& json, uint64_t* out) { *out = json.get<uint64_t>(); }
inline void ReadCount(const nlohmann::json& json, double* out) {
  *out = testing::FromBits(json.get<std::string>());
}

template <typename Histogram>
Histogram HistogramFromJson(const nlohmann::json& json) {
  Histogram h;
  h.hint = static_cast<model::CounterResetHint>(json.at("crh").get<int>());
  h.schema = json.at("schema").get<int32_t>();
  h.zero_threshold = testing::FromBits(json.at("zt").get<std::string>());
  ReadCount(json.at("zc"), &h.zero_count);
  ReadCount(json.at("c"), &h.count);
  h.sum = testing::FromBits(json.at("sum").get<std::string>());
  h.positive_spans = SpansFromJson(json.at("ps"));
  h.negative_spans = SpansFromJson(json.at("ns"));
  ReadBuckets(json.at("pb"), &h.positive_buckets);
  ReadBuckets(json.at("nb"), &h.negative_buckets);
  if (json.contains("cv")) ReadBuckets(json.at("cv"), &h.custom_values);
  return h;
}

}  // namespace thanos::chunk
