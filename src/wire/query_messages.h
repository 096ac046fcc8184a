// The messages of thanos.Query: PromQL over gRPC, for distributed queries and rulers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/matcher.h"
#include "thanos/series.h"
#include "thanos/status.h"
#include "wire/remote_read.h"

namespace thanos::wire {

enum class QueryEngine : uint8_t { kDefault = 0, kPrometheus = 1, kThanos = 2 };

/// Both calls' requests. Times are whole seconds; 0 is the server's default, or now.
struct QueryRequest {
  std::string query;
  int64_t time_seconds = 0;                    // Query.
  int64_t start_seconds = 0, end_seconds = 0;  // QueryRange.
  int64_t interval_seconds = 0;                // QueryRange.
  int64_t timeout_seconds = 0;
  int64_t max_resolution_seconds = 0;
  std::vector<std::string> replica_labels;
  std::vector<std::vector<model::Matcher>> store_matchers;
  bool dedup = false;
  bool partial_response = false;
  std::optional<Shard> shard;
  int64_t lookback_delta_seconds = 0;
  QueryEngine engine = QueryEngine::kDefault;
  std::string plan_json;  // "" for none.
  uint32_t batch_series = 1;
};
std::string EncodeQueryRequest(const QueryRequest& request);
Result<QueryRequest> DecodeQueryRequest(std::string_view bytes);
std::string EncodeQueryRangeRequest(const QueryRequest& request);
Result<QueryRequest> DecodeQueryRangeRequest(std::string_view bytes);

struct QuerySampleStats {
  int64_t samples_total = 0;
  int64_t peak_samples = 0;
};

/// One frame of either call's answer: one of the three. Frames come in the order warnings, series,
/// statistics, the last always on success.
struct QueryFrame {
  std::string warnings;  // All, joined; or the error when partial answers are allowed.
  std::vector<SampledSeries> series;
  std::optional<QuerySampleStats> stats;
};
std::string EncodeQueryWarnings(std::string_view warnings);
std::string EncodeQueryStats(const QuerySampleStats& stats);
/// A single series goes without a batch unless `batched`; several as a batch.
std::string EncodeQuerySeries(std::span<const SampledSeries> series, bool batched);
Result<QueryFrame> DecodeQueryFrame(std::string_view bytes);

}  // namespace thanos::wire
