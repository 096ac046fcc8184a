#include "wire/federation_messages.h"

#include <algorithm>
#include <limits>

#include "exemplars/exemplarspb/rpc.pb.h"
#include "metadata/metadatapb/rpc.pb.h"
#include "rules/rulespb/rpc.pb.h"
#include "status/statuspb/rpc.pb.h"
#include "targets/targetspb/rpc.pb.h"
#include "wire/proto_convert.inc"

namespace thanos::wire {

namespace pb = ::thanospb;

namespace {

constexpr int64_t kGoZeroSeconds = -62'135'596'800;  // 0001-01-01T00:00:00Z.
constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr int64_t kSecondsMax = INT64_MAX / kNanosecondsPerSecond;

template <typename Enum, typename Number>
Enum EnumOr(Number number, Enum last, Enum otherwise) {
  return number >= 0 && number <= static_cast<Number>(last) ? static_cast<Enum>(number) : otherwise;
}

void Fill(const Labels& labels, pb::LabelSet* out) {
  FillLabels(labels.view(), out->mutable_labels());
}

void Fill(const RecordingRule& rule, pb::Rule* out) {
  pb::RecordingRule* proto = out->mutable_recording();
  proto->set_name(rule.name);
  proto->set_query(rule.query);
  Fill(rule.labels, proto->mutable_labels());
  proto->set_health(rule.health);
  proto->set_last_error(rule.last_error);
  proto->set_evaluation_duration_seconds(rule.evaluation_seconds);
  FillTime(rule.last_evaluation, proto->mutable_last_evaluation());
}

void Fill(const AlertInstance& alert, pb::AlertInstance* proto) {
  Fill(alert.labels, proto->mutable_labels());
  Fill(alert.annotations, proto->mutable_annotations());
  proto->set_state(static_cast<pb::AlertState>(alert.state));
  if (alert.active_at) FillTime(alert.active_at, proto->mutable_active_at());
  proto->set_value(alert.value);
  proto->set_partial_response_strategy(ToProto(alert.partial));
}

void Fill(const AlertingRule& rule, pb::Rule* out) {
  pb::Alert* proto = out->mutable_alert();
  proto->set_state(static_cast<pb::AlertState>(rule.state));
  proto->set_name(rule.name);
  proto->set_query(rule.query);
  proto->set_duration_seconds(rule.duration_seconds);
  proto->set_keep_firing_for_seconds(rule.keep_firing_for_seconds);
  Fill(rule.labels, proto->mutable_labels());
  Fill(rule.annotations, proto->mutable_annotations());
  for (const AlertInstance& alert : rule.alerts) Fill(alert, proto->add_alerts());
  proto->set_health(rule.health);
  proto->set_last_error(rule.last_error);
  proto->set_evaluation_duration_seconds(rule.evaluation_seconds);
  FillTime(rule.last_evaluation, proto->mutable_last_evaluation());
}

void Fill(const RuleGroup& group, pb::RuleGroup* proto) {
  proto->set_name(group.name);
  proto->set_file(group.file);
  for (const Rule& rule : group.rules) {
    std::visit([&](const auto& kind) { Fill(kind, proto->add_rules()); }, rule);
  }
  proto->set_interval(group.interval_seconds);
  proto->set_evaluation_duration_seconds(group.evaluation_seconds);
  FillTime(group.last_evaluation, proto->mutable_last_evaluation());
  proto->set_partial_response_strategy(ToProto(group.partial));
  proto->set_limit(group.limit);
}

RecordingRule Read(const pb::RecordingRule& proto) {
  return {proto.name(),
          proto.query(),
          ReadLabels(proto.labels().labels()),
          proto.health(),
          proto.last_error(),
          proto.evaluation_duration_seconds(),
          ReadTime(proto.has_last_evaluation(), proto.last_evaluation())};
}

AlertInstance Read(const pb::AlertInstance& proto) {
  return {ReadLabels(proto.labels().labels()),
          ReadLabels(proto.annotations().labels()),
          EnumOr(proto.state(), AlertState::kFiring, AlertState::kUnknown),
          ReadTime(proto.has_active_at(), proto.active_at()),
          proto.value(),
          ReadStrategy(proto)};
}

AlertingRule Read(const pb::Alert& proto) {
  AlertingRule rule;
  rule.state = EnumOr(proto.state(), AlertState::kFiring, AlertState::kUnknown);
  rule.name = proto.name();
  rule.query = proto.query();
  rule.duration_seconds = proto.duration_seconds();
  rule.keep_firing_for_seconds = proto.keep_firing_for_seconds();
  rule.labels = ReadLabels(proto.labels().labels());
  rule.annotations = ReadLabels(proto.annotations().labels());
  for (const pb::AlertInstance& alert : proto.alerts()) rule.alerts.push_back(Read(alert));
  rule.health = proto.health();
  rule.last_error = proto.last_error();
  rule.evaluation_seconds = proto.evaluation_duration_seconds();
  rule.last_evaluation = ReadTime(proto.has_last_evaluation(), proto.last_evaluation());
  return rule;
}

RuleGroup Read(const pb::RuleGroup& proto) {
  RuleGroup group;
  group.name = proto.name();
  group.file = proto.file();
  for (const pb::Rule& rule : proto.rules()) {
    if (rule.has_alert()) group.rules.emplace_back(Read(rule.alert()));
    if (rule.has_recording()) group.rules.emplace_back(Read(rule.recording()));
  }
  group.interval_seconds = proto.interval();
  group.evaluation_seconds = proto.evaluation_duration_seconds();
  group.last_evaluation = ReadTime(proto.has_last_evaluation(), proto.last_evaluation());
  group.partial = ReadStrategy(proto);
  group.limit = proto.limit();
  return group;
}

void Fill(const ActiveTarget& target, pb::ActiveTarget* proto) {
  Fill(target.discovered_labels, proto->mutable_discoveredlabels());
  Fill(target.labels, proto->mutable_labels());
  proto->set_scrapepool(target.scrape_pool);
  proto->set_scrapeurl(target.scrape_url);
  proto->set_globalurl(target.global_url);
  proto->set_lasterror(target.last_error);
  FillTime(target.last_scrape, proto->mutable_lastscrape());
  proto->set_lastscrapeduration(target.last_scrape_seconds);
  proto->set_health(static_cast<pb::TargetHealth>(target.health));
}

ActiveTarget Read(const pb::ActiveTarget& proto) {
  return {ReadLabels(proto.discoveredlabels().labels()),
          ReadLabels(proto.labels().labels()),
          proto.scrapepool(),
          proto.scrapeurl(),
          proto.globalurl(),
          proto.lasterror(),
          ReadTime(proto.has_lastscrape(), proto.lastscrape()),
          proto.lastscrapeduration(),
          EnumOr(proto.health(), TargetHealth::kUnknown, TargetHealth::kUnknown)};
}

using Statistics = google::protobuf::RepeatedPtrField<pb::Statistic>;

void Fill(const std::vector<Statistic>& statistics, Statistics* out) {
  for (const Statistic& statistic : statistics) {
    pb::Statistic* proto = out->Add();
    proto->set_name(statistic.name);
    proto->set_value(statistic.value);
  }
}

std::vector<Statistic> Read(const Statistics& statistics) {
  std::vector<Statistic> out;
  for (const pb::Statistic& proto : statistics) out.push_back({proto.name(), proto.value()});
  return out;
}

void Fill(const TsdbStatistics& from, pb::TSDBStatisticsEntry* proto) {
  pb::HeadStatistics* head = proto->mutable_head_statistics();
  head->set_num_series(from.series);
  head->set_num_label_pairs(from.label_pairs);
  head->set_chunk_count(from.chunks);
  head->set_min_time(from.min_ms);
  head->set_max_time(from.max_ms);
  Fill(from.series_by_metric, proto->mutable_series_count_by_metric_name());
  Fill(from.values_by_label, proto->mutable_label_value_count_by_label_name());
  Fill(from.bytes_by_label, proto->mutable_memory_in_bytes_by_label_name());
  Fill(from.series_by_pair, proto->mutable_series_count_by_label_value_pair());
}

TsdbStatistics Read(const pb::TSDBStatisticsEntry& proto) {
  const pb::HeadStatistics& head = proto.head_statistics();
  return {head.num_series(),
          head.num_label_pairs(),
          head.chunk_count(),
          head.min_time(),
          head.max_time(),
          Read(proto.series_count_by_metric_name()),
          Read(proto.label_value_count_by_label_name()),
          Read(proto.memory_in_bytes_by_label_name()),
          Read(proto.series_count_by_label_value_pair())};
}

// Peers may say anything: what does not fit stays at the largest number.
template <typename Number>
void AddSaturated(Number more, Number* sum) {
  if (__builtin_add_overflow(*sum, more, sum)) *sum = std::numeric_limits<Number>::max();
}

enum class Joined : uint8_t { kSum, kLargest };

void MergeStatistics(const std::vector<Statistic>& from, Joined how, std::vector<Statistic>* into) {
  std::map<std::string, uint64_t> values;
  for (const Statistic& statistic : *into) values[statistic.name] = statistic.value;
  for (const Statistic& statistic : from) {
    const auto [at, is_new] = values.emplace(statistic.name, statistic.value);
    if (is_new) continue;
    at->second =
        how == Joined::kSum ? at->second + statistic.value : std::max(at->second, statistic.value);
  }
  into->clear();
  for (auto& [name, value] : values) into->push_back({name, value});
  std::sort(into->begin(), into->end(), [](const Statistic& a, const Statistic& b) {
    return a.value != b.value ? a.value > b.value : a.name < b.name;
  });
}

// Warnings go first, so that a reader that stops early has them.
template <typename Response>
void AddWarnings(const Warnings& warnings, std::vector<std::string>* frames) {
  for (const std::string& warning : warnings) {
    Response proto;
    proto.set_warning(warning);
    frames->push_back(proto.SerializeAsString());
  }
}

}  // namespace

void Merge(const TsdbStatistics& from, TsdbStatistics* into) {
  AddSaturated(from.series, &into->series);
  AddSaturated(from.label_pairs, &into->label_pairs);
  AddSaturated(from.chunks, &into->chunks);
  // 0 is a head without samples: it must not win.
  if (into->min_ms <= 0 || into->min_ms > from.min_ms) into->min_ms = from.min_ms;
  into->max_ms = std::max(into->max_ms, from.max_ms);
  MergeStatistics(from.series_by_metric, Joined::kSum, &into->series_by_metric);
  MergeStatistics(from.values_by_label, Joined::kLargest, &into->values_by_label);
  MergeStatistics(from.bytes_by_label, Joined::kSum, &into->bytes_by_label);
  MergeStatistics(from.series_by_pair, Joined::kSum, &into->series_by_pair);
}

void FillTime(const MaybeTime& time, google::protobuf::Timestamp* out) {
  if (!time) {
    out->set_seconds(kGoZeroSeconds);
    return;
  }
  int64_t seconds = *time / kNanosecondsPerSecond, nanos = *time % kNanosecondsPerSecond;
  if (nanos < 0) {
    --seconds;
    nanos += kNanosecondsPerSecond;
  }
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(nanos));
}

MaybeTime ReadTime(bool present, const google::protobuf::Timestamp& time) {
  const int64_t seconds = time.seconds();
  // Outside of what 64 bits of nanoseconds hold lies Go's zero time, and nothing that happened.
  if (!present || seconds < -kSecondsMax || seconds >= kSecondsMax || time.nanos() < 0 ||
      time.nanos() >= kNanosecondsPerSecond) {
    return std::nullopt;
  }
  return seconds * kNanosecondsPerSecond + time.nanos();
}

std::string Encode(const RulesRequest& request) {
  pb::RulesRequest proto;
  proto.set_type(static_cast<pb::RulesRequest::Type>(request.type));
  proto.set_partial_response_strategy(ToProto(request.partial));
  FillTexts(request.matcher_strings, proto.mutable_matcher_string());
  FillTexts(request.rule_names, proto.mutable_rule_name());
  FillTexts(request.rule_groups, proto.mutable_rule_group());
  FillTexts(request.files, proto.mutable_file());
  return proto.SerializeAsString();
}

std::string Encode(const TargetsRequest& request) {
  pb::TargetsRequest proto;
  proto.set_state(static_cast<pb::TargetsRequest::State>(request.state));
  proto.set_partial_response_strategy(ToProto(request.partial));
  return proto.SerializeAsString();
}

std::string Encode(const MetadataRequest& request) {
  pb::MetricMetadataRequest proto;
  proto.set_metric(request.metric);
  proto.set_limit(request.limit);
  proto.set_partial_response_strategy(ToProto(request.partial));
  return proto.SerializeAsString();
}

std::string Encode(const ExemplarsRequest& request) {
  pb::ExemplarsRequest proto;
  proto.set_query(request.query);
  proto.set_start(request.min_ms);
  proto.set_end(request.max_ms);
  proto.set_partial_response_strategy(ToProto(request.partial));
  return proto.SerializeAsString();
}

std::string Encode(const TsdbStatisticsRequest& request) {
  pb::TSDBStatisticsRequest proto;
  proto.set_limit(request.limit);
  proto.set_partial_response_strategy(ToProto(request.partial));
  FillMatchers(request.matchers, proto.mutable_matchers());
  return proto.SerializeAsString();
}

Status Decode(std::string_view bytes, RulesRequest* out) {
  pb::RulesRequest proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  *out = {EnumOr(proto.type(), RulesType::kRecord, RulesType::kAll),
          ReadStrategy(proto),
          ToVector(proto.matcher_string()),
          ToVector(proto.rule_name()),
          ToVector(proto.rule_group()),
          ToVector(proto.file())};
  return OkStatus();
}

Status Decode(std::string_view bytes, TargetsRequest* out) {
  pb::TargetsRequest proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  *out = {EnumOr(proto.state(), TargetsState::kDropped, TargetsState::kAny), ReadStrategy(proto)};
  return OkStatus();
}

Status Decode(std::string_view bytes, MetadataRequest* out) {
  pb::MetricMetadataRequest proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  *out = {proto.metric(), proto.limit(), ReadStrategy(proto)};
  return OkStatus();
}

Status Decode(std::string_view bytes, ExemplarsRequest* out) {
  pb::ExemplarsRequest proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  *out = {proto.query(), proto.start(), proto.end(), ReadStrategy(proto)};
  return OkStatus();
}

Status Decode(std::string_view bytes, TsdbStatisticsRequest* out) {
  pb::TSDBStatisticsRequest proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  *out = {proto.limit(), ReadStrategy(proto), {}};
  return ReadMatchers(proto.matchers(), &out->matchers);
}

std::vector<std::string> EncodeFrames(const RulesResponse& response) {
  std::vector<std::string> frames;
  AddWarnings<pb::RulesResponse>(response.warnings, &frames);
  for (const RuleGroup& group : response.groups) {
    pb::RulesResponse proto;
    Fill(group, proto.mutable_group());
    frames.push_back(proto.SerializeAsString());
  }
  return frames;
}

std::vector<std::string> EncodeFrames(const TargetsResponse& response) {
  std::vector<std::string> frames;
  AddWarnings<pb::TargetsResponse>(response.warnings, &frames);
  pb::TargetsResponse proto;
  pb::TargetDiscovery* targets = proto.mutable_targets();
  for (const ActiveTarget& target : response.active) Fill(target, targets->add_activetargets());
  for (const Labels& labels : response.dropped) {
    Fill(labels, targets->add_droppedtargets()->mutable_discoveredlabels());
  }
  frames.push_back(proto.SerializeAsString());
  return frames;
}

std::vector<std::string> EncodeFrames(const MetadataResponse& response) {
  std::vector<std::string> frames;
  AddWarnings<pb::MetricMetadataResponse>(response.warnings, &frames);
  pb::MetricMetadataResponse proto;
  pb::MetricMetadata* metadata = proto.mutable_metadata();
  for (const auto& [name, metas] : response.metadata) {
    pb::MetricMetadataItem* item = metadata->add_metadata();
    item->set_key(name);
    item->mutable_value();
    for (const MetricMeta& meta : metas) {
      pb::Meta* out = item->mutable_value()->add_metas();
      out->set_type(meta.type);
      out->set_help(meta.help);
      out->set_unit(meta.unit);
    }
  }
  frames.push_back(proto.SerializeAsString());
  return frames;
}

std::vector<std::string> EncodeFrames(const ExemplarsResponse& response) {
  std::vector<std::string> frames;
  AddWarnings<pb::ExemplarsResponse>(response.warnings, &frames);
  for (const ExemplarData& data : response.data) {
    pb::ExemplarsResponse proto;
    Fill(data.series_labels, proto.mutable_data()->mutable_serieslabels());
    for (const Exemplar& exemplar : data.exemplars) {
      pb::Exemplar* out = proto.mutable_data()->add_exemplars();
      Fill(exemplar.labels, out->mutable_labels());
      out->set_value(exemplar.value);
      out->set_ts(exemplar.timestamp_ms);
    }
    frames.push_back(proto.SerializeAsString());
  }
  return frames;
}

std::vector<std::string> EncodeFrames(const TsdbStatisticsResponse& response) {
  std::vector<std::string> frames;
  AddWarnings<pb::TSDBStatisticsResponse>(response.warnings, &frames);
  pb::TSDBStatisticsResponse proto;
  proto.mutable_statistics();
  for (const auto& [tenant, statistics] : response.by_tenant) {
    pb::TSDBStatisticsItem* item = proto.mutable_statistics()->add_statistics();
    item->set_key(tenant);
    Fill(statistics, item->mutable_value());
  }
  frames.push_back(proto.SerializeAsString());
  return frames;
}

Status AddFrame(std::string_view bytes, RulesResponse* out) {
  pb::RulesResponse proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  if (proto.has_warning()) out->warnings.push_back(proto.warning());
  if (proto.has_group()) out->groups.push_back(Read(proto.group()));
  return OkStatus();
}

Status AddFrame(std::string_view bytes, TargetsResponse* out) {
  pb::TargetsResponse proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  if (proto.has_warning()) out->warnings.push_back(proto.warning());
  for (const pb::ActiveTarget& target : proto.targets().activetargets()) {
    out->active.push_back(Read(target));
  }
  for (const pb::DroppedTarget& target : proto.targets().droppedtargets()) {
    out->dropped.push_back(ReadLabels(target.discoveredlabels().labels()));
  }
  return OkStatus();
}

Status AddFrame(std::string_view bytes, MetadataResponse* out) {
  pb::MetricMetadataResponse proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  if (proto.has_warning()) out->warnings.push_back(proto.warning());
  for (const pb::MetricMetadataItem& item : proto.metadata().metadata()) {
    std::vector<MetricMeta>& metas = out->metadata[item.key()];
    for (const pb::Meta& meta : item.value().metas()) {
      metas.push_back({meta.type(), meta.help(), meta.unit()});
    }
  }
  return OkStatus();
}

Status AddFrame(std::string_view bytes, ExemplarsResponse* out) {
  pb::ExemplarsResponse proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  if (proto.has_warning()) out->warnings.push_back(proto.warning());
  if (!proto.has_data()) return OkStatus();
  ExemplarData data{ReadLabels(proto.data().serieslabels().labels()), {}};
  for (const pb::Exemplar& exemplar : proto.data().exemplars()) {
    data.exemplars.push_back(
        {ReadLabels(exemplar.labels().labels()), exemplar.value(), exemplar.ts()});
  }
  out->data.push_back(std::move(data));
  return OkStatus();
}

Status AddFrame(std::string_view bytes, TsdbStatisticsResponse* out) {
  pb::TSDBStatisticsResponse proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  if (proto.has_warning()) out->warnings.push_back(proto.warning());
  for (const pb::TSDBStatisticsItem& item : proto.statistics().statistics()) {
    Merge(Read(item.value()), &out->by_tenant[item.key()]);  // A querier sends one per peer.
  }
  return OkStatus();
}

}  // namespace thanos::wire
