#include "query/query_server.h"

#include <algorithm>
#include <limits>

#include "base/time_text.h"
#include "query/texts.h"

namespace thanos::query {
namespace {

using promql::ResultSeries;

// One series of a result as it travels.
wire::SampledSeries Sampled(const promql::QueryResult& result, const ResultSeries& series) {
  wire::SampledSeries out;
  out.labels = Labels(series.labels);
  const bool own_times = !series.times.empty() || !series.histogram_times.empty();
  for (size_t i = 0; i < series.values.size(); ++i) {
    if (!own_times && !series.Has(i)) continue;
    out.t.push_back(own_times ? series.times[i] : result.grid.At(i));
    out.v.push_back(series.values[i]);
  }
  for (size_t i = 0; i < series.histograms.size(); ++i) {
    if (series.histograms[i] == nullptr) continue;
    const int64_t t = own_times ? series.histogram_times[i] : result.grid.At(i);
    out.histograms.push_back({t, *series.histograms[i]});
  }
  return out;
}

std::string Joined(const Warnings& warnings) {
  std::string text;
  for (const std::string& warning : warnings) text += (text.empty() ? "" : ", ") + warning;
  return text;
}

// Warnings, series as the peer takes them, statistics.
class ResultStream : public rpc::FrameStream {
 public:
  ResultStream(promql::QueryResult result, uint32_t batch_series)
      : result_(std::move(result)), batch_series_(std::max<uint32_t>(batch_series, 1)) {
    warnings_ = result_.warnings;
    for (const auto* list : {&result_.promql_warnings, &result_.promql_infos}) {
      for (const std::string& text : *list) warnings_.push_back(WithoutPosition(text));
    }
  }

  Result<std::optional<base::PinnedBytes>> Next() override {
    using Frame = std::optional<base::PinnedBytes>;
    if (!warnings_.empty()) {
      return Frame(
          base::PinnedBytes::Of(wire::EncodeQueryWarnings(Joined(std::exchange(warnings_, {})))));
    }
    if (result_.type == promql::ValueType::kScalar && at_ == 0) {
      at_ = 1;
      const wire::SampledSeries scalar{Labels(), {result_.grid.start_ms}, {result_.scalar}, {}};
      return Frame(base::PinnedBytes::Of(wire::EncodeQuerySeries({&scalar, 1}, false)));
    }
    std::vector<wire::SampledSeries> batch;
    while (at_ < result_.series.size() && batch.size() < batch_series_) {
      wire::SampledSeries series = Sampled(result_, result_.series[at_++]);
      if (!series.t.empty() || !series.histograms.empty()) batch.push_back(std::move(series));
    }
    if (!batch.empty()) {
      return Frame(base::PinnedBytes::Of(wire::EncodeQuerySeries(batch, batch_series_ > 1)));
    }
    if (std::exchange(ended_, true)) return Frame();
    wire::QuerySampleStats stats;
    stats.samples_total = static_cast<int64_t>(result_.stats.samples_queryable);
    stats.peak_samples = static_cast<int64_t>(result_.stats.samples_peak);
    return Frame(base::PinnedBytes::Of(wire::EncodeQueryStats(stats)));
  }

 private:
  promql::QueryResult result_;
  const uint32_t batch_series_;
  Warnings warnings_;
  size_t at_ = 0;
  bool ended_ = false;
};

constexpr int64_t kSecondsMax = std::numeric_limits<int64_t>::max() / 1'000'000'000;

// The caller's numbers are seconds; more than nanoseconds can hold stands for none that is
// sensible.
Status CheckSeconds(std::string_view name, int64_t seconds) {
  if (seconds >= -kSecondsMax && seconds <= kSecondsMax) return OkStatus();
  return InvalidArgumentError(std::string(name) + " " + std::to_string(seconds) +
                              " is out of range");
}

class QueryServer : public rpc::QueryService {
 public:
  QueryServer(QueryServiceOptions options, Driver* driver)
      : options_(std::move(options)), driver_(driver) {}

  Result<std::unique_ptr<rpc::FrameStream>> Query(const CallContext& context,
                                                  const wire::QueryRequest& request) override {
    promql::QueryParams params;
    THANOS_RETURN_IF_ERROR(CheckSeconds("time", request.time_seconds));
    params.start_ms = request.time_seconds == 0 ? base::NowMs() : request.time_seconds * 1000;
    params.end_ms = params.start_ms;
    return Run(context, request, std::move(params), request.partial_response);
  }

  Result<std::unique_ptr<rpc::FrameStream>> QueryRange(const CallContext& context,
                                                       const wire::QueryRequest& request) override {
    constexpr int64_t kStepsMax = 11'000'000;  // Far beyond what HTTP takes; bounds the memory.
    promql::QueryParams params;
    THANOS_RETURN_IF_ERROR(CheckSeconds("start", request.start_seconds));
    THANOS_RETURN_IF_ERROR(CheckSeconds("end", request.end_seconds));
    THANOS_RETURN_IF_ERROR(CheckSeconds("interval", request.interval_seconds));
    if (request.interval_seconds <= 0) {
      return InvalidArgumentError("zero or negative query resolution step widths are not accepted");
    }
    if (request.end_seconds < request.start_seconds) {
      return InvalidArgumentError("end timestamp must not be before start time");
    }
    if ((request.end_seconds - request.start_seconds) / request.interval_seconds > kStepsMax) {
      return InvalidArgumentError("exceeded maximum resolution of " + std::to_string(kStepsMax) +
                                  " points per timeseries");
    }
    params.start_ms = request.start_seconds * 1000;
    params.end_ms = request.end_seconds * 1000;
    params.step_ms = request.interval_seconds * 1000;
    return Run(context, request, std::move(params), false);
  }

 private:
  Status Fill(const wire::QueryRequest& request, promql::QueryParams* params) const {
    THANOS_RETURN_IF_ERROR(CheckSeconds("timeout", request.timeout_seconds));
    THANOS_RETURN_IF_ERROR(CheckSeconds("lookback delta", request.lookback_delta_seconds));
    THANOS_RETURN_IF_ERROR(CheckSeconds("max resolution", request.max_resolution_seconds));
    if (request.query.empty() && !request.plan_json.empty()) {
      return InvalidArgumentError("a query plan without its query in PromQL is not taken");
    }
    params->text = request.query;
    params->lookback_ms = std::max<int64_t>(request.lookback_delta_seconds, 0) * 1000;
    promql::SelectOptions& select = params->select;
    const auto& labels =
        request.replica_labels.empty() ? options_.replica_labels : request.replica_labels;
    if (request.dedup && !labels.empty()) {
      select.dedup = options_.dedup;
      select.replica_labels = labels;
    }
    select.max_resolution_ms = request.max_resolution_seconds == 0
                                   ? options_.default_resolution_ms
                                   : request.max_resolution_seconds * 1000;
    select.partial = request.partial_response ? PartialStrategy::kWarn : PartialStrategy::kAbort;
    select.store_match = request.store_matchers;
    select.shard = request.shard;
    select.counter_always_adjusted = options_.counter_always_adjusted;
    select.hints = options_.default_hints;
    if (request.engine == wire::QueryEngine::kThanos) select.hints = promql::HintStyle::kThanos;
    if (request.engine == wire::QueryEngine::kPrometheus) {
      select.hints = promql::HintStyle::kPrometheus;
    }
    return OkStatus();
  }

  Result<std::unique_ptr<rpc::FrameStream>> Run(const CallContext& context,
                                                const wire::QueryRequest& request,
                                                promql::QueryParams params, bool error_warns) {
    THANOS_RETURN_IF_ERROR(Fill(request, &params));
    QueryFailure failure;
    auto result =
        driver_->Run(context, std::move(params),
                     std::chrono::seconds(std::max<int64_t>(request.timeout_seconds, 0)), &failure);
    if (result.ok()) {
      return std::unique_ptr<rpc::FrameStream>(
          std::make_unique<ResultStream>(*std::move(result), request.batch_series));
    }
    const std::string text = SelectErrorText(failure.status);
    if (failure.phase == Phase::kPrepare) return UnknownError(text);
    // The caller's own end needs no warning.
    THANOS_RETURN_IF_ERROR(context.Check());
    if (error_warns) return rpc::MakeListStream({wire::EncodeQueryWarnings(text)});
    return AbortedError(text);
  }

  const QueryServiceOptions options_;
  Driver* const driver_;
};

}  // namespace

std::shared_ptr<rpc::QueryService> MakeQueryService(QueryServiceOptions options, Driver* driver) {
  return std::make_shared<QueryServer>(std::move(options), driver);
}

}  // namespace thanos::query
