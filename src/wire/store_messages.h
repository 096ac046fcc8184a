// The messages of thanos.Store and thanos.info.Info besides SeriesResponse, as plain structs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/matcher.h"
#include "thanos/series.h"
#include "thanos/status.h"

namespace thanos::wire {

/// store_match, keep_replicas and window_bytes do not travel.
std::string EncodeSeriesRequest(const SelectRequest& request);
/// kInvalidArgument for a bad regex or hints; kDataLoss for bytes that are no SeriesRequest.
/// `partial` is kAbort too when the deprecated field says so; batch_series is at least 1.
Result<SelectRequest> DecodeSeriesRequest(std::string_view bytes);

std::string EncodeLabelNamesRequest(const LabelsRequest& request);
Result<LabelsRequest> DecodeLabelNamesRequest(std::string_view bytes);
std::string EncodeLabelValuesRequest(std::string_view label, const LabelsRequest& request);
struct LabelValuesRequest {
  std::string label;
  LabelsRequest request;
};
Result<LabelValuesRequest> DecodeLabelValuesRequest(std::string_view bytes);

/// Responses of both label calls. `hints_any` is a serialised Any, "" for none.
std::string EncodeLabelNamesResponse(const LabelsResult& result);
std::string EncodeLabelValuesResponse(const LabelsResult& result);
/// Values are sorted and made unique where the peer did not.
Result<LabelsResult> DecodeLabelNamesResponse(std::string_view bytes);
Result<LabelsResult> DecodeLabelValuesResponse(std::string_view bytes);

struct StoreInfo {
  int64_t min_ms = INT64_MIN;
  int64_t max_ms = INT64_MAX;
  bool supports_sharding = true;
  bool supports_without_replica_labels = true;
  bool supports_projections = false;
  std::vector<TsdbInfo> tsdbs;
};

/// A service that is not announced is not offered.
struct InfoResponse {
  std::vector<Labels> label_sets;
  std::string component;  // "sidecar", "store", "rule", "receive", "query".
  std::optional<StoreInfo> store;
  bool rules = false;
  bool metric_metadata = false;
  bool targets = false;
  bool exemplars = false;
  int64_t exemplars_min_ms = 0;
  int64_t exemplars_max_ms = 0;
  bool query = false;
  bool status = false;
};
std::string EncodeInfoResponse(const InfoResponse& info);
Result<InfoResponse> DecodeInfoResponse(std::string_view bytes);

/// hintspb, carried in an Any.
struct SeriesRequestHints {
  std::vector<model::Matcher> block_matchers;
  bool enable_query_stats = false;
};
/// `message` is the name that the Any must carry: "SeriesRequestHints", "LabelNamesRequestHints" or
/// "LabelValuesRequestHints", which share their first field. kInvalidArgument when it holds
/// something else. An empty text gives empty hints.
Result<SeriesRequestHints> DecodeRequestHints(std::string_view any, std::string_view message);
std::string EncodeRequestHints(const SeriesRequestHints& hints, std::string_view message);

enum class LabelCall : uint8_t { kNames, kValues };
/// Serialised Any with the ULIDs of the blocks that were asked. (Of Series Go's store sends none.)
std::string EncodeLabelResponseHints(LabelCall call, const std::vector<std::string>& blocks);

}  // namespace thanos::wire
