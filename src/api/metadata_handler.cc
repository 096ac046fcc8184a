#include <algorithm>
#include <limits>
#include <set>

#include "api/query_handlers.h"
#include "base/json_text.h"
#include "base/time_text.h"
#include "model/go_quote.h"
#include "promapi/params.h"
#include "series/merge.h"

namespace thanos::api {
namespace {

using promapi::ErrorKind;

constexpr char kTruncated[] = "results truncated due to limit";

struct MetadataParams {
  int64_t min_ms = 0, max_ms = 0;
  std::vector<model::Matchers> selectors;
  std::vector<model::Matchers> store_match;
  PartialStrategy partial = PartialStrategy::kWarn;
  uint64_t limit = 0;
};

Status ParseParams(const QueryApiState& state, const net::HttpRequest& request,
                   MetadataParams* params) {
  THANOS_RETURN_IF_ERROR(request.form_error);
  const int64_t range_ms = state.options.metadata_range_ms;
  const int64_t now_ms = base::NowMs();
  THANOS_ASSIGN_OR_RETURN(
      params->min_ms, TimeParam(request, "start", range_ms > 0 ? now_ms - range_ms : kMinTimeMs));
  THANOS_ASSIGN_OR_RETURN(params->max_ms,
                          TimeParam(request, "end", range_ms > 0 ? now_ms : kMaxTimeMs));
  if (params->max_ms < params->min_ms) {
    return InvalidArgumentError("bad_data: end timestamp must not be before start time");
  }
  THANOS_ASSIGN_OR_RETURN(params->selectors, SelectorParams(request, "match[]"));
  THANOS_ASSIGN_OR_RETURN(const bool partial,
                          BoolParam(request, "partial_response", state.options.partial_response));
  params->partial = partial ? PartialStrategy::kWarn : PartialStrategy::kAbort;
  THANOS_ASSIGN_OR_RETURN(params->store_match, SelectorParams(request, "storeMatch[]"));
  THANOS_ASSIGN_OR_RETURN(params->limit, promapi::ParseLimitParam(request.form.Get("limit")));
  return OkStatus();
}

net::HttpResponse AnswerError(const Status& status, std::string_view call) {
  if (status.code() == StatusCode::kCancelled) {
    return Failure(ErrorKind::kCanceled, status.message());
  }
  std::string text = "proxy ";
  text.append(call).append("(): ");
  // Statuses made by the fan-out itself show as such.
  if (status.code() == StatusCode::kAborted || status.code() == StatusCode::kInvalidArgument) {
    text += fanout::RpcErrorText(status);
  } else {
    text.append(status.message());
  }
  return Failure(ErrorKind::kExecution, text);
}

// The union over the selectors (or one call without any), cut to the limit.
net::HttpResponse AnswerLabels(
    const QueryApiState& state, const CallContext& context, const MetadataParams& params,
    std::string_view call,
    const std::function<Result<LabelsResult>(const CallContext&, const LabelsRequest&)>& ask) {
  const CallContext limited = state.driver->RequestContext(context, std::chrono::nanoseconds(0));
  std::vector<model::Matchers> selectors = params.selectors;
  if (selectors.empty()) selectors.emplace_back();
  std::set<std::string> values;
  Warnings warnings;
  for (model::Matchers& matchers : selectors) {
    LabelsRequest request;
    request.matchers = std::move(matchers);
    request.min_ms = params.min_ms;
    request.max_ms = params.max_ms;
    request.partial = params.partial;
    request.store_match = params.store_match;
    request.limit = params.limit == 0 ? 0 : params.limit + 1;
    auto result = ask(limited, request);
    if (!result.ok()) return AnswerError(result.status(), call);
    values.insert(result->values.begin(), result->values.end());
    for (std::string& warning : result->warnings) {
      if (std::find(warnings.begin(), warnings.end(), warning) == warnings.end()) {
        warnings.push_back(std::move(warning));
      }
    }
  }
  std::vector<std::string> list(values.begin(), values.end());
  if (params.limit != 0 && list.size() > params.limit) {
    list.resize(params.limit);
    warnings.emplace_back(kTruncated);
  }
  std::string data;
  promapi::AppendTextListJson(list, &data);
  return Success(std::move(data), warnings);
}

}  // namespace

net::HttpResponse HandleLabelNames(const QueryApiState& state, const CallContext& context,
                                   const net::HttpRequest& request) {
  MetadataParams params;
  if (Status status = ParseParams(state, request, &params); !status.ok()) {
    return Failure(ErrorKind::kBadData, status.message());
  }
  const auto source = state.SourceOf(context);
  return AnswerLabels(state, context, params, "LabelNames",
                      [&](const CallContext& call, const LabelsRequest& labels) {
                        return source->LabelNames(call, labels);
                      });
}

net::HttpResponse HandleLabelValues(const QueryApiState& state, const CallContext& context,
                                    const net::HttpRequest& request) {
  const std::string name(request.PathParam("name"));
  if (name.empty() || !base::IsValidUtf8(name)) {
    return Failure(ErrorKind::kBadData, "invalid label name: " + model::GoQuoted(name));
  }
  MetadataParams params;
  if (Status status = ParseParams(state, request, &params); !status.ok()) {
    return Failure(ErrorKind::kBadData, status.message());
  }
  const auto source = state.SourceOf(context);
  return AnswerLabels(state, context, params, "LabelValues",
                      [&](const CallContext& call, const LabelsRequest& labels) {
                        return source->LabelValues(call, name, labels);
                      });
}

net::HttpResponse HandleSeries(const QueryApiState& state, const CallContext& context,
                               const net::HttpRequest& request) {
  MetadataParams params;
  if (request.form.GetAll("match[]").empty()) {
    return Failure(ErrorKind::kBadData, "no match[] parameter provided");
  }
  Status status = ParseParams(state, request, &params);
  auto dedup = BoolParam(request, "dedup", true);
  if (status.ok()) status = dedup.status();
  if (!status.ok()) return Failure(ErrorKind::kBadData, status.message());
  std::vector<std::string> replica_labels = request.form.GetAll("replicaLabels[]");
  if (replica_labels.empty()) replica_labels = state.options.replica_labels;

  const CallContext limited = state.driver->RequestContext(context, std::chrono::nanoseconds(0));
  const auto source = state.SourceOf(context);
  std::vector<std::unique_ptr<SeriesCursor>> cursors;
  for (model::Matchers& matchers : params.selectors) {
    SelectRequest select;
    select.matchers = std::move(matchers);
    select.min_ms = params.min_ms;
    select.max_ms = params.max_ms;
    select.max_resolution_ms = INT64_MAX;
    select.skip_chunks = true;
    select.partial = params.partial;
    select.store_match = params.store_match;
    select.limit = params.limit == 0 ? 0 : params.limit + 1;
    if (*dedup) select.without_labels = replica_labels;
    auto cursor = source->Select(limited, select);
    if (!cursor.ok()) return AnswerError(cursor.status(), "Series");
    cursors.push_back(*std::move(cursor));
  }
  auto merged = series::MergeCursors(limited, std::move(cursors), {.batch_series = 256});
  merged->Start();
  std::string data = "[";
  uint64_t count = 0;
  bool truncated = false;
  Warnings warnings;
  while (!truncated) {
    auto batch = merged->Next();
    if (!batch.ok()) return AnswerError(batch.status(), "Series");
    for (std::string& warning : merged->TakeWarnings()) warnings.push_back(std::move(warning));
    if (!*batch) break;
    for (const SeriesView& series : (*batch)->series()) {
      if (params.limit != 0 && count == params.limit) {
        truncated = true;
        break;
      }
      if (count++ > 0) data += ',';
      promapi::AppendLabelsJson(series.labels, &data);
    }
  }
  data += ']';
  if (truncated) warnings.emplace_back(kTruncated);
  return Success(std::move(data), warnings);
}

}  // namespace thanos::api
