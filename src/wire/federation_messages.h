// The messages of thanos.Rules, Targets, Metadata, Exemplars and Status as plain structs. Their
// streams are short: a call's frames are joined to one response, a response is cut into frames.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/matcher.h"
#include "thanos/series.h"
#include "thanos/status.h"

namespace thanos::wire {

/// Nanoseconds since the epoch; absent is Go's zero time, "never".
using MaybeTime = std::optional<int64_t>;

enum class AlertState : uint8_t { kUnknown = 0, kInactive = 1, kPending = 2, kFiring = 3 };

struct AlertInstance {
  Labels labels, annotations;
  AlertState state = AlertState::kUnknown;
  MaybeTime active_at;
  std::string value;  // A number as text.
  PartialStrategy partial = PartialStrategy::kWarn;
};

struct AlertingRule {
  AlertState state = AlertState::kUnknown;
  std::string name, query;
  double duration_seconds = 0, keep_firing_for_seconds = 0;
  Labels labels, annotations;
  std::vector<AlertInstance> alerts;
  std::string health, last_error;
  double evaluation_seconds = 0;
  MaybeTime last_evaluation;
};

struct RecordingRule {
  std::string name, query;
  Labels labels;
  std::string health, last_error;
  double evaluation_seconds = 0;
  MaybeTime last_evaluation;
};

using Rule = std::variant<RecordingRule, AlertingRule>;

struct RuleGroup {
  std::string name, file;
  std::vector<Rule> rules;
  double interval_seconds = 0, evaluation_seconds = 0;
  MaybeTime last_evaluation;
  PartialStrategy partial = PartialStrategy::kWarn;
  int64_t limit = 0;
};

enum class RulesType : uint8_t { kAll = 0, kAlert = 1, kRecord = 2 };
struct RulesRequest {
  RulesType type = RulesType::kAll;
  PartialStrategy partial = PartialStrategy::kWarn;
  std::vector<std::string> matcher_strings, rule_names, rule_groups, files;
};
struct RulesResponse {
  std::vector<RuleGroup> groups;
  Warnings warnings;
};

enum class TargetHealth : uint8_t { kDown = 0, kUp = 1, kUnknown = 2 };
struct ActiveTarget {
  Labels discovered_labels, labels;
  std::string scrape_pool, scrape_url, global_url, last_error;
  MaybeTime last_scrape;
  double last_scrape_seconds = 0;
  TargetHealth health = TargetHealth::kUnknown;
};
enum class TargetsState : uint8_t { kAny = 0, kActive = 1, kDropped = 2 };
struct TargetsRequest {
  TargetsState state = TargetsState::kAny;
  PartialStrategy partial = PartialStrategy::kWarn;
};
struct TargetsResponse {
  std::vector<ActiveTarget> active;
  std::vector<Labels> dropped;  // Their discovered labels.
  Warnings warnings;
};

struct MetricMeta {
  std::string type, help, unit;
  friend bool operator==(const MetricMeta&, const MetricMeta&) = default;
};
struct MetadataRequest {
  std::string metric;  // "" is all.
  int32_t limit = -1;  // -1 is none, 0 is nothing.
  PartialStrategy partial = PartialStrategy::kWarn;
};
struct MetadataResponse {
  std::map<std::string, std::vector<MetricMeta>> metadata;
  Warnings warnings;
};

struct Exemplar {
  Labels labels;
  double value = 0;
  int64_t timestamp_ms = 0;
};
struct ExemplarData {
  Labels series_labels;
  std::vector<Exemplar> exemplars;
};
struct ExemplarsRequest {
  std::string query;
  int64_t min_ms = 0, max_ms = 0;
  PartialStrategy partial = PartialStrategy::kWarn;
};
struct ExemplarsResponse {
  std::vector<ExemplarData> data;
  Warnings warnings;
};

struct Statistic {
  std::string name;
  uint64_t value = 0;
};
struct TsdbStatistics {
  uint64_t series = 0;
  int64_t label_pairs = 0, chunks = 0, min_ms = 0, max_ms = 0;
  std::vector<Statistic> series_by_metric, values_by_label, bytes_by_label, series_by_pair;
};
/// Counts are added, the time range is joined; of values per label name the larger one holds, since
/// peers have values in common. Lists are sorted by value, greatest first, then name.
void Merge(const TsdbStatistics& from, TsdbStatistics* into);

struct TsdbStatisticsRequest {
  int32_t limit = 10;
  PartialStrategy partial = PartialStrategy::kWarn;
  std::vector<model::Matcher> matchers;
};
struct TsdbStatisticsResponse {
  std::map<std::string, TsdbStatistics> by_tenant;  // "" for sidecar and rule; frames are merged.
  Warnings warnings;
};

// Encode: a request to its message, a response to its frames. Decode: the reverse; Add…Frame takes
// one frame into the response. kDataLoss for bytes that are not such a message.
std::string Encode(const RulesRequest& request);
std::string Encode(const TargetsRequest& request);
std::string Encode(const MetadataRequest& request);
std::string Encode(const ExemplarsRequest& request);
std::string Encode(const TsdbStatisticsRequest& request);
Status Decode(std::string_view bytes, RulesRequest* out);
Status Decode(std::string_view bytes, TargetsRequest* out);
Status Decode(std::string_view bytes, MetadataRequest* out);
Status Decode(std::string_view bytes, ExemplarsRequest* out);
Status Decode(std::string_view bytes, TsdbStatisticsRequest* out);
std::vector<std::string> EncodeFrames(const RulesResponse& response);
std::vector<std::string> EncodeFrames(const TargetsResponse& response);
std::vector<std::string> EncodeFrames(const MetadataResponse& response);
std::vector<std::string> EncodeFrames(const ExemplarsResponse& response);
std::vector<std::string> EncodeFrames(const TsdbStatisticsResponse& response);
Status AddFrame(std::string_view bytes, RulesResponse* out);
Status AddFrame(std::string_view bytes, TargetsResponse* out);
Status AddFrame(std::string_view bytes, MetadataResponse* out);
Status AddFrame(std::string_view bytes, ExemplarsResponse* out);
Status AddFrame(std::string_view bytes, TsdbStatisticsResponse* out);

}  // namespace thanos::wire
