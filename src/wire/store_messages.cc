#include "wire/store_messages.h"

#include <algorithm>

#include <google/protobuf/duration.pb.h>

#include "info/infopb/rpc.pb.h"
#include "store/hintspb/hints.pb.h"
#include "store/storepb/rpc.pb.h"
#include "wire/proto_convert.inc"

namespace thanos::wire {

namespace pb = ::thanospb;

namespace {

constexpr int64_t kBatchSeriesMax = 1 << 16;
constexpr std::string_view kTypePrefix = "type.googleapis.com/";
constexpr char kHintsPackage[] = "hintspb.";

uint64_t NotNegative(int64_t value) { return value > 0 ? static_cast<uint64_t>(value) : 0; }
int64_t ToInt64(uint64_t value) {
  return static_cast<int64_t>(std::min<uint64_t>(value, INT64_MAX));
}

void FillHints(const SelectHints& hints, pb::QueryHints* out) {
  out->set_step_millis(hints.step_ms);
  if (!hints.function.empty()) out->mutable_func()->set_name(hints.function);
  if (!hints.grouping.empty() || hints.by) {
    out->mutable_grouping()->set_by(hints.by);
    FillTexts(hints.grouping, out->mutable_grouping()->mutable_labels());
  }
  if (hints.range_ms != 0) out->mutable_range()->set_millis(hints.range_ms);
}

SelectHints ReadHints(const pb::QueryHints& hints) {
  SelectHints out;
  out.step_ms = hints.step_millis();
  out.range_ms = hints.range().millis();
  out.function = hints.func().name();
  out.grouping = ToVector(hints.grouping().labels());
  out.by = hints.grouping().by();
  return out;
}

bool IsDefault(const SelectHints& hints) {
  return hints.step_ms == 0 && hints.range_ms == 0 && hints.function.empty() &&
         hints.grouping.empty() && !hints.by;
}

void FillShard(const Shard& shard, pb::ShardInfo* out) {
  out->set_shard_index(shard.index);
  out->set_total_shards(shard.total);
  out->set_by(shard.by);
  FillTexts(shard.labels, out->mutable_labels());
}

std::string SerializeAny(const google::protobuf::Message& message, std::string_view name) {
  google::protobuf::Any any;
  any.set_type_url(std::string(kTypePrefix) + std::string(name));
  any.set_value(message.SerializeAsString());
  return any.SerializeAsString();
}

template <typename Request>
Status ReadLabelsRequest(const Request& proto, LabelsRequest* out) {
  THANOS_RETURN_IF_ERROR(ReadMatchers(proto.matchers(), &out->matchers));
  out->min_ms = proto.start();
  out->max_ms = proto.end();
  out->limit = NotNegative(proto.limit());
  out->without_labels = ToVector(proto.without_replica_labels());
  out->partial = proto.partial_response_disabled() ? PartialStrategy::kAbort : ReadStrategy(proto);
  if (proto.has_hints()) out->hints_any = proto.hints().SerializeAsString();
  return OkStatus();
}

template <typename Request>
void FillLabelsRequest(const LabelsRequest& request, Request* proto) {
  FillMatchers(request.matchers, proto->mutable_matchers());
  proto->set_start(request.min_ms);
  proto->set_end(request.max_ms);
  proto->set_limit(ToInt64(request.limit));
  FillTexts(request.without_labels, proto->mutable_without_replica_labels());
  proto->set_partial_response_strategy(ToProto(request.partial));
  if (!request.hints_any.empty()) {
    // Ours to begin with; a broken one is left out.
    if (!FillAny(request.hints_any, proto->mutable_hints()).ok()) proto->clear_hints();
  }
}

LabelsResult MakeResult(const Texts& values, const Texts& warnings) {
  LabelsResult result{ToVector(values), ToVector(warnings), false};
  if (!std::is_sorted(result.values.begin(), result.values.end())) {
    std::sort(result.values.begin(), result.values.end());
  }
  result.values.erase(std::unique(result.values.begin(), result.values.end()), result.values.end());
  result.partial = !result.warnings.empty();
  return result;
}

template <typename Response>
std::string FinishResponse(const LabelsResult& result, Response* proto) {
  FillTexts(result.warnings, proto->mutable_warnings());
  if (!result.hints.empty() && !FillAny(result.hints, proto->mutable_hints()).ok()) {
    proto->clear_hints();
  }
  return proto->SerializeAsString();
}

}  // namespace

Status FillAny(std::string_view any, google::protobuf::Any* out) { return ParseMessage(any, out); }

std::string EncodeSeriesRequest(const SelectRequest& request) {
  pb::SeriesRequest proto;
  proto.set_min_time(request.min_ms);
  proto.set_max_time(request.max_ms);
  FillMatchers(request.matchers, proto.mutable_matchers());
  proto.set_max_resolution_window(request.max_resolution_ms);
  for (int i = 0; i <= static_cast<int>(Aggr::kCounter); ++i) {
    if (request.aggregates.Has(static_cast<Aggr>(i))) {
      proto.add_aggregates(static_cast<pb::Aggr>(i));
    }
  }
  proto.set_partial_response_strategy(ToProto(request.partial));
  proto.set_skip_chunks(request.skip_chunks);
  if (!request.hints_any.empty() && !FillAny(request.hints_any, proto.mutable_hints()).ok()) {
    proto.clear_hints();
  }
  if (!IsDefault(request.hints)) FillHints(request.hints, proto.mutable_query_hints());
  if (request.shard) FillShard(*request.shard, proto.mutable_shard_info());
  FillTexts(request.without_labels, proto.mutable_without_replica_labels());
  proto.set_limit(ToInt64(request.limit));
  if (request.batch_series > 1) proto.set_response_batch_size(request.batch_series);
  return proto.SerializeAsString();
}

Result<SelectRequest> DecodeSeriesRequest(std::string_view bytes) {
  pb::SeriesRequest proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  SelectRequest request;
  THANOS_RETURN_IF_ERROR(ReadMatchers(proto.matchers(), &request.matchers));
  request.min_ms = proto.min_time();
  request.max_ms = proto.max_time();
  request.max_resolution_ms = proto.max_resolution_window();
  for (const int aggr : proto.aggregates()) {
    // Of a newer peer's aggregates we know nothing and have nothing.
    if (aggr >= 0 && aggr <= static_cast<int>(Aggr::kCounter)) {
      request.aggregates.Add(static_cast<Aggr>(aggr));
    }
  }
  request.partial =
      proto.partial_response_disabled() ? PartialStrategy::kAbort : ReadStrategy(proto);
  request.skip_chunks = proto.skip_chunks();
  if (proto.has_hints()) request.hints_any = proto.hints().SerializeAsString();
  if (proto.has_query_hints()) request.hints = ReadHints(proto.query_hints());
  if (proto.has_shard_info() && proto.shard_info().total_shards() >= 1) {
    const pb::ShardInfo& shard = proto.shard_info();
    request.shard =
        Shard{shard.shard_index(), shard.total_shards(), shard.by(), ToVector(shard.labels())};
  }
  request.without_labels = ToVector(proto.without_replica_labels());
  request.limit = NotNegative(proto.limit());
  request.batch_series =
      static_cast<uint32_t>(std::clamp<int64_t>(proto.response_batch_size(), 1, kBatchSeriesMax));
  return request;
}

std::string EncodeLabelNamesRequest(const LabelsRequest& request) {
  pb::LabelNamesRequest proto;
  FillLabelsRequest(request, &proto);
  return proto.SerializeAsString();
}

Result<LabelsRequest> DecodeLabelNamesRequest(std::string_view bytes) {
  pb::LabelNamesRequest proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  LabelsRequest request;
  THANOS_RETURN_IF_ERROR(ReadLabelsRequest(proto, &request));
  return request;
}

std::string EncodeLabelValuesRequest(std::string_view label, const LabelsRequest& request) {
  pb::LabelValuesRequest proto;
  proto.set_label(label.data(), label.size());
  FillLabelsRequest(request, &proto);
  return proto.SerializeAsString();
}

Result<LabelValuesRequest> DecodeLabelValuesRequest(std::string_view bytes) {
  pb::LabelValuesRequest proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  LabelValuesRequest out;
  out.label = proto.label();
  THANOS_RETURN_IF_ERROR(ReadLabelsRequest(proto, &out.request));
  return out;
}

std::string EncodeLabelNamesResponse(const LabelsResult& result) {
  pb::LabelNamesResponse proto;
  FillTexts(result.values, proto.mutable_names());
  return FinishResponse(result, &proto);
}

std::string EncodeLabelValuesResponse(const LabelsResult& result) {
  pb::LabelValuesResponse proto;
  FillTexts(result.values, proto.mutable_values());
  return FinishResponse(result, &proto);
}

Result<LabelsResult> DecodeLabelNamesResponse(std::string_view bytes) {
  pb::LabelNamesResponse proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  return MakeResult(proto.names(), proto.warnings());
}

Result<LabelsResult> DecodeLabelValuesResponse(std::string_view bytes) {
  pb::LabelValuesResponse proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  return MakeResult(proto.values(), proto.warnings());
}

std::string EncodeInfoResponse(const InfoResponse& info) {
  pb::info::InfoResponse proto;
  for (const Labels& labels : info.label_sets) {
    FillLabels(labels.view(), proto.add_label_sets()->mutable_labels());
  }
  proto.set_componenttype(info.component);
  if (info.store) {
    pb::info::StoreInfo* store = proto.mutable_store();
    store->set_min_time(info.store->min_ms);
    store->set_max_time(info.store->max_ms);
    store->set_supports_sharding(info.store->supports_sharding);
    store->set_supports_without_replica_labels(info.store->supports_without_replica_labels);
    store->set_supports_projections(info.store->supports_projections);
    for (const TsdbInfo& tsdb : info.store->tsdbs) {
      pb::info::TSDBInfo* out = store->add_tsdb_infos();
      FillLabels(tsdb.labels.view(), out->mutable_labels()->mutable_labels());
      out->set_min_time(tsdb.min_ms);
      out->set_max_time(tsdb.max_ms);
    }
  }
  if (info.rules) proto.mutable_rules();
  if (info.metric_metadata) proto.mutable_metric_metadata();
  if (info.targets) proto.mutable_targets();
  if (info.exemplars) {
    proto.mutable_exemplars()->set_min_time(info.exemplars_min_ms);
    proto.mutable_exemplars()->set_max_time(info.exemplars_max_ms);
  }
  if (info.query) proto.mutable_query();
  if (info.status) proto.mutable_status();
  return proto.SerializeAsString();
}

Result<InfoResponse> DecodeInfoResponse(std::string_view bytes) {
  pb::info::InfoResponse proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  InfoResponse info;
  for (const pb::LabelSet& labels : proto.label_sets()) {
    info.label_sets.push_back(ReadLabels(labels.labels()));
  }
  info.component = proto.componenttype();
  if (proto.has_store()) {
    const pb::info::StoreInfo& store = proto.store();
    info.store = StoreInfo{store.min_time(),
                           store.max_time(),
                           store.supports_sharding(),
                           store.supports_without_replica_labels(),
                           store.supports_projections(),
                           {}};
    for (const pb::info::TSDBInfo& tsdb : store.tsdb_infos()) {
      info.store->tsdbs.push_back(
          {ReadLabels(tsdb.labels().labels()), tsdb.min_time(), tsdb.max_time()});
    }
  }
  info.rules = proto.has_rules();
  info.metric_metadata = proto.has_metric_metadata();
  info.targets = proto.has_targets();
  info.exemplars = proto.has_exemplars();
  info.exemplars_min_ms = proto.exemplars().min_time();
  info.exemplars_max_ms = proto.exemplars().max_time();
  info.query = proto.has_query();
  info.status = proto.has_status();
  return info;
}

Result<SeriesRequestHints> DecodeRequestHints(std::string_view any_bytes,
                                              std::string_view message) {
  SeriesRequestHints out;
  if (any_bytes.empty()) return out;
  google::protobuf::Any any;
  THANOS_RETURN_IF_ERROR(ParseMessage(any_bytes, &any));
  const std::string type = any.type_url().substr(any.type_url().rfind('/') + 1);
  if (type != kHintsPackage + std::string(message)) {
    return InvalidArgumentError("unmarshal request hints: unexpected message type \"" +
                                any.type_url() + "\"");
  }
  // The other two are this message without its second field.
  hintspb::SeriesRequestHints proto;
  if (Status status = ParseMessage(any.value(), &proto); !status.ok()) {
    return InvalidArgumentError("unmarshal request hints: " + std::string(status.message()));
  }
  THANOS_RETURN_IF_ERROR(ReadMatchers(proto.block_matchers(), &out.block_matchers));
  out.enable_query_stats = proto.enable_query_stats();
  return out;
}

std::string EncodeRequestHints(const SeriesRequestHints& hints, std::string_view message) {
  hintspb::SeriesRequestHints proto;
  FillMatchers(hints.block_matchers, proto.mutable_block_matchers());
  proto.set_enable_query_stats(hints.enable_query_stats);
  return SerializeAny(proto, kHintsPackage + std::string(message));
}

namespace {

template <typename Hints>
void FillBlocks(const std::vector<std::string>& blocks, Hints* out) {
  for (const std::string& block : blocks) out->add_queried_blocks()->set_id(block);
}

}  // namespace

std::string EncodeLabelResponseHints(LabelCall call, const std::vector<std::string>& blocks) {
  if (call == LabelCall::kNames) {
    hintspb::LabelNamesResponseHints proto;
    FillBlocks(blocks, &proto);
    return SerializeAny(proto, proto.GetTypeName());
  }
  hintspb::LabelValuesResponseHints proto;
  FillBlocks(blocks, &proto);
  return SerializeAny(proto, proto.GetTypeName());
}

}  // namespace thanos::wire
