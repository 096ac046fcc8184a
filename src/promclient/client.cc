#include "promclient/client.h"

#include <algorithm>
#include <cmath>

#include "base/number_text.h"
#include "codec/compression.h"
#include "config/yaml.h"
#include "promclient/api_json.h"
#include "thanos/trace.h"

namespace thanos::promclient {
namespace {

constexpr size_t kErrorBytesMax = 64 << 10;
constexpr size_t kStateBytesMax = 64 << 20;
constexpr int64_t kTimeMaxMs = 9'223'309'901'257'974'000;  // The largest that Prometheus accepts.
constexpr double kNoSampleSeconds = 9.2e15;                // INT64_MAX ms, rounded.
constexpr std::string_view kLowestTimestamp = "prometheus_tsdb_lowest_timestamp_seconds";

StatusCode CodeOfHttp(int status) {
  switch (status) {
    case 400:
      return StatusCode::kInvalidArgument;
    case 404:
      return StatusCode::kNotFound;
    case 503:
      return StatusCode::kUnavailable;
    default:
      return StatusCode::kInternal;
  }
}

// What our own context ended keeps its code; all else on the way is kInternal, as in Go.
Status AsInternal(const Status& status) {
  switch (status.code()) {
    case StatusCode::kCancelled:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kResourceExhausted:
      return status;
    default:
      return InternalError(std::string(status.message()));
  }
}

void SortUnique(std::vector<std::string>* texts) {
  std::sort(texts->begin(), texts->end());
  texts->erase(std::unique(texts->begin(), texts->end()), texts->end());
}

// The value of an unlabelled metric in the text format.
std::string_view MetricValue(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ' ') continue;
    const std::string_view value = line.substr(name.size() + 1);
    return value.substr(0, value.find(' '));
  }
  return {};
}

}  // namespace

bool LabelCallsTakeMatchers(std::string_view version) {
  if (version.starts_with('v')) version.remove_prefix(1);
  int64_t parts[2] = {0, 0};
  for (int64_t& part : parts) {
    const size_t dot = version.find('.');
    if (dot == std::string_view::npos) return false;
    Result<int64_t> number = base::ParseGoInt(version.substr(0, dot));
    if (!number.ok() || *number < 0) return false;
    part = *number;
    version.remove_prefix(dot + 1);
  }
  if (version.empty() || version.front() < '0' || version.front() > '9') return false;
  return parts[0] > 2 || (parts[0] == 2 && parts[1] >= 24);
}

std::string SecondsText(int64_t ms) {
  return base::FormatFloatF(static_cast<double>(std::min(ms, kTimeMaxMs)) / 1000.0);
}

PrometheusClient::PrometheusClient(ClientOptions options, std::shared_ptr<net::HttpClient> http)
    : options_(std::move(options)), http_(std::move(http)) {}

net::ClientRequest PrometheusClient::MakeRequest(std::string_view path,
                                                 const net::Values& parameters) const {
  net::ClientRequest request;
  request.url = net::JoinUrl(options_.url, path);
  if (!parameters.empty()) {
    request.url += request.url.find('?') == std::string::npos ? '?' : '&';
    request.url += parameters.Encode();
  }
  request.headers.Add("User-Agent", options_.user_agent);
  request.response_bytes_max = options_.answer_bytes_max;
  return request;
}

namespace {

// Prometheus continues the trace.
void Trace(const Span& span, const CallContext& context, net::ClientRequest* request) {
  if (span) span.Set("http.url", net::UrlForMessages(request->url));
  const CallContext inner = span.Enter(context);
  if (!inner.span()) return;
  for (auto& [name, value] : inner.span()->Headers()) request->headers.Set(name, value);
}

}  // namespace

Result<std::string> PrometheusClient::GetApi(const CallContext& context, std::string_view path,
                                             const net::Values& parameters) {
  net::ClientRequest request = MakeRequest(path, parameters);
  const Span span(context, "prometheus HTTP[client]", SpanKind::kClient);
  Trace(span, context, &request);
  Result<net::ClientResponse> response = http_->Do(context, request);
  span.Fail(response.status());
  if (!response.ok()) return AsInternal(response.status());
  if (response->status == 204) return std::string();
  if (response->status / 100 != 2) {
    return Status(CodeOfHttp(response->status),
                  "request against " + net::UrlForMessages(request.url) + ": got " +
                      std::to_string(response->status) +
                      " response code: " + response->body.substr(0, kErrorBytesMax));
  }
  return std::move(response->body);
}

Result<std::string> PrometheusClient::GetState(const CallContext& context, std::string_view path,
                                               const std::string& user_agent) {
  net::ClientRequest request = MakeRequest(path, {});
  request.headers.Set("User-Agent", user_agent);
  request.response_bytes_max = kStateBytesMax;
  THANOS_ASSIGN_OR_RETURN(net::ClientResponse response, http_->Do(context, request));
  if (response.status / 100 == 2) return std::move(response.body);
  std::string text = "request against " + net::UrlForMessages(request.url) + ": got " +
                     std::to_string(response.status) +
                     " response code: " + response.body.substr(0, kErrorBytesMax);
  const bool unknown = response.status == 404 || response.status == 405;
  return unknown ? NotFoundError(std::move(text)) : UnavailableError(std::move(text));
}

Result<Labels> PrometheusClient::ExternalLabels(const CallContext& context) {
  THANOS_ASSIGN_OR_RETURN(std::string body,
                          GetState(context, "/api/v1/status/config", options_.sidecar_user_agent));
  THANOS_ASSIGN_OR_RETURN(std::string yaml, ConfigOf(body));
  THANOS_ASSIGN_OR_RETURN(config::YamlNode root, config::ParseYaml(yaml));
  std::vector<std::pair<std::string, std::string>> labels;
  config::YamlMap map(root, "Prometheus' configuration");
  map.Node("global", [&](const config::YamlNode& node) {
    config::YamlMap global(node, "global");
    global.TextMap("external_labels", &labels);
    return global.AllowUnknown().Finish();
  });
  THANOS_RETURN_IF_ERROR(map.AllowUnknown().Finish());
  return Labels::Of(std::move(labels));
}

Result<std::string> PrometheusClient::Version(const CallContext& context) {
  Result<std::string> body =
      GetState(context, "/api/v1/status/buildinfo", options_.sidecar_user_agent);
  if (body.status().code() == StatusCode::kNotFound) return std::string("0");
  THANOS_RETURN_IF_ERROR(body.status());
  return VersionOf(*body);
}

Result<std::map<std::string, std::string>> PrometheusClient::Flags(const CallContext& context) {
  THANOS_ASSIGN_OR_RETURN(std::string body,
                          GetState(context, "/api/v1/status/flags", options_.user_agent));
  return FlagsOf(body);
}

Result<int64_t> PrometheusClient::LowestTimestamp(const CallContext& context) {
  THANOS_ASSIGN_OR_RETURN(std::string body, GetState(context, "/metrics", options_.user_agent));
  const std::string_view text = MetricValue(body, kLowestTimestamp);
  if (text.empty()) return int64_t{0};
  Result<double> seconds = base::ParseGoFloat(text);
  if (!seconds.ok() || std::isnan(*seconds)) {
    return UnavailableError("metric " + std::string(kLowestTimestamp) + " of " + url() +
                            " has the value " + std::string(text));
  }
  if (std::abs(*seconds) >= kNoSampleSeconds) return INT64_MIN;
  return static_cast<int64_t>(*seconds * 1000);
}

Result<ConfigState> PrometheusClient::ConfigStateNow(const CallContext& context) {
  THANOS_ASSIGN_OR_RETURN(std::string body,
                          GetState(context, "/api/v1/status/runtimeinfo", options_.user_agent));
  ConfigState state;
  THANOS_ASSIGN_OR_RETURN(state.last_config_time, ConfigStateOf(body, &state.successful));
  return state;
}

Status PrometheusClient::Reload(const CallContext& context) {
  net::ClientRequest request = MakeRequest("/-/reload", {});
  request.method = "POST";
  request.response_bytes_max = kErrorBytesMax;
  THANOS_ASSIGN_OR_RETURN(net::ClientResponse response, http_->Do(context, request));
  if (response.status == 200) return OkStatus();
  return UnavailableError("reload request against " + net::UrlForMessages(request.url) +
                          " failed: got " + std::to_string(response.status) + ": " + response.body);
}

net::Values PrometheusClient::ParametersOf(const MetadataQuery& query) const {
  net::Values parameters;
  if (!query.matchers.empty()) parameters.Add("match[]", model::ToString(query.matchers));
  parameters.Add("start", SecondsText(query.min_ms));
  parameters.Add("end", SecondsText(query.max_ms));
  if (query.limit > 0) parameters.Add("limit", std::to_string(query.limit));
  return parameters;
}

Result<std::vector<Labels>> PrometheusClient::Series(const CallContext& context,
                                                     const MetadataQuery& query) {
  THANOS_ASSIGN_OR_RETURN(std::string body, GetApi(context, "/api/v1/series", ParametersOf(query)));
  if (body.empty()) return std::vector<Labels>();
  return SeriesOf(body);
}

Result<std::vector<std::string>> PrometheusClient::LabelNames(const CallContext& context,
                                                              const MetadataQuery& query) {
  THANOS_ASSIGN_OR_RETURN(std::string body, GetApi(context, "/api/v1/labels", ParametersOf(query)));
  if (body.empty()) return std::vector<std::string>();
  THANOS_ASSIGN_OR_RETURN(std::vector<std::string> names, TextsOf(body));
  SortUnique(&names);
  return names;
}

Result<std::vector<std::string>> PrometheusClient::LabelValues(const CallContext& context,
                                                               const std::string& name,
                                                               const MetadataQuery& query) {
  const std::string path = "/api/v1/label/" + net::PathEscape(name) + "/values";
  THANOS_ASSIGN_OR_RETURN(std::string body, GetApi(context, path, ParametersOf(query)));
  if (body.empty()) return std::vector<std::string>();
  THANOS_ASSIGN_OR_RETURN(std::vector<std::string> values, TextsOf(body));
  SortUnique(&values);
  return values;
}

Result<wire::RulesResponse> PrometheusClient::Rules(const CallContext& context,
                                                    wire::RulesType type) {
  net::Values parameters;
  if (type == wire::RulesType::kAlert) parameters.Add("type", "alert");
  if (type == wire::RulesType::kRecord) parameters.Add("type", "record");
  THANOS_ASSIGN_OR_RETURN(std::string body, GetApi(context, "/api/v1/rules", parameters));
  return RulesOf(body);
}

Result<wire::TargetsResponse> PrometheusClient::Targets(const CallContext& context,
                                                        wire::TargetsState state) {
  net::Values parameters;
  if (state == wire::TargetsState::kActive) parameters.Add("state", "active");
  if (state == wire::TargetsState::kDropped) parameters.Add("state", "dropped");
  THANOS_ASSIGN_OR_RETURN(std::string body, GetApi(context, "/api/v1/targets", parameters));
  return TargetsOf(body);
}

Result<wire::MetadataResponse> PrometheusClient::Metadata(const CallContext& context,
                                                          const std::string& metric,
                                                          int32_t limit) {
  net::Values parameters;
  if (!metric.empty()) parameters.Add("metric", metric);
  if (limit >= 0) parameters.Add("limit", std::to_string(limit));
  THANOS_ASSIGN_OR_RETURN(std::string body, GetApi(context, "/api/v1/metadata", parameters));
  return MetadataOf(body);
}

Result<wire::ExemplarsResponse> PrometheusClient::Exemplars(const CallContext& context,
                                                            const wire::ExemplarsRequest& request) {
  net::Values parameters;
  parameters.Add("query", request.query);
  parameters.Add("start", SecondsText(request.min_ms));
  parameters.Add("end", SecondsText(request.max_ms));
  THANOS_ASSIGN_OR_RETURN(std::string body, GetApi(context, "/api/v1/query_exemplars", parameters));
  return ExemplarsOf(body);
}

Result<wire::TsdbStatistics> PrometheusClient::TsdbStatistics(const CallContext& context,
                                                              int32_t limit) {
  net::Values parameters;
  if (limit > 0) parameters.Add("limit", std::to_string(limit));
  THANOS_ASSIGN_OR_RETURN(std::string body, GetApi(context, "/api/v1/status/tsdb", parameters));
  return TsdbStatisticsOf(body);
}

Result<std::unique_ptr<net::ClientStream>> PrometheusClient::RemoteRead(
    const CallContext& context, const wire::ReadQuery& query) {
  net::ClientRequest request = MakeRequest("/api/v1/read", {});
  request.method = "POST";
  request.headers.Add("Content-Encoding", "snappy");
  request.headers.Add("Content-Type", "application/x-stream-protobuf");
  request.headers.Add("X-Prometheus-Remote-Read-Version", "0.1.0");
  request.body = codec::SnappyCompress(wire::EncodeReadRequest(
      {{query}, {wire::ReadResponseType::kStreamedXorChunks, wire::ReadResponseType::kSamples}}));
  const Span span(context, "query_prometheus", SpanKind::kClient);
  Trace(span, context, &request);
  THANOS_ASSIGN_OR_RETURN(std::unique_ptr<net::ClientStream> stream, http_->Open(context, request));
  if (stream->status() / 100 == 2) return stream;
  Result<std::string> body = stream->ReadAll(kErrorBytesMax);
  return UnknownError("request failed with code " + std::to_string(stream->status()) + " " +
                      std::string(net::HttpStatusText(stream->status())) + "; msg " +
                      (body.ok() ? *body : std::string(body.status().message())));
}

}  // namespace thanos::promclient
