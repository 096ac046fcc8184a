#include "wire/query_messages.h"

#include <algorithm>

#include "api/query/querypb/query.pb.h"
#include "wire/prompb_convert.inc"
#include "wire/proto_convert.inc"

namespace thanos::wire {

namespace pb = ::thanospb;

namespace {

constexpr int64_t kBatchSeriesMax = 1 << 16;

// What the two requests have in common.
template <typename Proto>
void FillCommon(const QueryRequest& request, Proto* proto) {
  proto->set_query(request.query);
  proto->set_timeout_seconds(request.timeout_seconds);
  proto->set_max_resolution_seconds(request.max_resolution_seconds);
  FillTexts(request.replica_labels, proto->mutable_replica_labels());
  for (const std::vector<model::Matcher>& matchers : request.store_matchers) {
    FillMatchers(matchers, proto->add_storematchers()->mutable_labelmatchers());
  }
  proto->set_enablededup(request.dedup);
  proto->set_enablepartialresponse(request.partial_response);
  if (request.shard) {
    pb::ShardInfo* shard = proto->mutable_shard_info();
    shard->set_shard_index(request.shard->index);
    shard->set_total_shards(request.shard->total);
    shard->set_by(request.shard->by);
    FillTexts(request.shard->labels, shard->mutable_labels());
  }
  proto->set_lookback_delta_seconds(request.lookback_delta_seconds);
  proto->set_engine(static_cast<pb::EngineType>(request.engine));
  if (!request.plan_json.empty()) proto->mutable_queryplan()->set_json(request.plan_json);
  if (request.batch_series > 1) proto->set_response_batch_size(request.batch_series);
}

template <typename Proto>
Status ReadCommon(const Proto& proto, QueryRequest* request) {
  request->query = proto.query();
  request->timeout_seconds = proto.timeout_seconds();
  request->max_resolution_seconds = proto.max_resolution_seconds();
  request->replica_labels = ToVector(proto.replica_labels());
  for (const pb::StoreMatchers& matchers : proto.storematchers()) {
    THANOS_RETURN_IF_ERROR(
        ReadMatchers(matchers.labelmatchers(), &request->store_matchers.emplace_back()));
  }
  request->dedup = proto.enablededup();
  request->partial_response = proto.enablepartialresponse();
  if (proto.has_shard_info() && proto.shard_info().total_shards() >= 1) {
    const pb::ShardInfo& shard = proto.shard_info();
    request->shard =
        Shard{shard.shard_index(), shard.total_shards(), shard.by(), ToVector(shard.labels())};
  }
  request->lookback_delta_seconds = proto.lookback_delta_seconds();
  const int engine = proto.engine();
  if (engine < 0 || engine > static_cast<int>(QueryEngine::kThanos)) {
    return InvalidArgumentError("unknown engine " + std::to_string(engine));
  }
  request->engine = static_cast<QueryEngine>(engine);
  request->plan_json = proto.queryplan().json();
  request->batch_series =
      static_cast<uint32_t>(std::clamp<int64_t>(proto.response_batch_size(), 1, kBatchSeriesMax));
  return OkStatus();
}

}  // namespace

std::string EncodeQueryRequest(const QueryRequest& request) {
  pb::QueryRequest proto;
  FillCommon(request, &proto);
  proto.set_time_seconds(request.time_seconds);
  return proto.SerializeAsString();
}

Result<QueryRequest> DecodeQueryRequest(std::string_view bytes) {
  pb::QueryRequest proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  QueryRequest request;
  THANOS_RETURN_IF_ERROR(ReadCommon(proto, &request));
  request.time_seconds = proto.time_seconds();
  return request;
}

std::string EncodeQueryRangeRequest(const QueryRequest& request) {
  pb::QueryRangeRequest proto;
  FillCommon(request, &proto);
  proto.set_start_time_seconds(request.start_seconds);
  proto.set_end_time_seconds(request.end_seconds);
  proto.set_interval_seconds(request.interval_seconds);
  return proto.SerializeAsString();
}

Result<QueryRequest> DecodeQueryRangeRequest(std::string_view bytes) {
  pb::QueryRangeRequest proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  QueryRequest request;
  THANOS_RETURN_IF_ERROR(ReadCommon(proto, &request));
  request.start_seconds = proto.start_time_seconds();
  request.end_seconds = proto.end_time_seconds();
  request.interval_seconds = proto.interval_seconds();
  return request;
}

// QueryResponse and QueryRangeResponse have the same fields: one stands for both.

std::string EncodeQueryWarnings(std::string_view warnings) {
  pb::QueryResponse proto;
  proto.set_warnings(warnings.data(), warnings.size());
  return proto.SerializeAsString();
}

std::string EncodeQueryStats(const QuerySampleStats& stats) {
  pb::QueryResponse proto;
  proto.mutable_stats()->set_samples_total(stats.samples_total);
  proto.mutable_stats()->set_peak_samples(stats.peak_samples);
  return proto.SerializeAsString();
}

std::string EncodeQuerySeries(std::span<const SampledSeries> series, bool batched) {
  pb::QueryResponse proto;
  if (series.size() == 1 && !batched) {
    FillSeries(series[0], proto.mutable_timeseries());
  } else {
    pb::TimeSeriesBatch* batch = proto.mutable_timeseries_batch();
    for (const SampledSeries& one : series) FillSeries(one, batch->add_series());
  }
  return proto.SerializeAsString();
}

Result<QueryFrame> DecodeQueryFrame(std::string_view bytes) {
  pb::QueryResponse proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  QueryFrame frame;
  if (proto.has_warnings()) frame.warnings = proto.warnings();
  if (proto.has_timeseries()) frame.series.push_back(ReadSeries(proto.timeseries()));
  for (const auto& series : proto.timeseries_batch().series()) {
    frame.series.push_back(ReadSeries(series));
  }
  if (proto.has_stats()) {
    frame.stats = QuerySampleStats{proto.stats().samples_total(), proto.stats().peak_samples()};
  }
  return frame;
}

}  // namespace thanos::wire
