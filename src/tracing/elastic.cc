#include "tracing/elastic.h"

#include "base/json_text.h"
#include "base/number_text.h"
#include "net/http_client.h"
#include "thanos/version.h"
#include "tracing/http_post.h"

namespace thanos::tracing {
namespace {

void Key(std::string_view key, std::string* out) {
  if (!out->ends_with('{')) *out += ',';
  base::AppendJsonString(key, out);
  *out += ':';
}

void Text(std::string_view key, std::string_view value, std::string* out) {
  Key(key, out);
  base::AppendJsonString(value, out);
}

void Number(std::string_view key, double value, std::string* out) {
  Key(key, out);
  base::AppendFloatF(value, out);
}

// Keys of tags may not hold these.
std::string TagKey(std::string key) {
  for (char& c : key) c = c == '.' || c == '*' || c == '"' ? '_' : c;
  return key;
}

void Tags(const SpanRecord& span, std::string* out) {
  Key("context", out);
  *out += "{\"tags\":{";
  for (const auto& [name, value] : span.attributes) {
    Key(TagKey(name), out);
    if (const auto* text = std::get_if<std::string>(&value)) {
      base::AppendJsonString(*text, out);
    } else if (const auto* flag = std::get_if<bool>(&value)) {
      *out += *flag ? "true" : "false";
    } else if (const auto* number = std::get_if<int64_t>(&value)) {
      *out += std::to_string(*number);
    } else {
      const double real = std::get<double>(value);
      if (real - real == 0) {
        base::AppendFloatF(real, out);
      } else {
        *out += "null";  // JSON knows no infinity.
      }
    }
  }
  *out += "}}";
}

// The first span of a process is a transaction, those below it are spans.
void Event(const SpanRecord& span, std::string* out) {
  const bool transaction = span.kind == SpanKind::kServer || !span.has_parent();
  *out += transaction ? "{\"transaction\":{" : "{\"span\":{";
  Text("id", HexText(span.ids.span.data(), span.ids.span.size()), out);
  Text("trace_id", HexText(span.ids.trace.data(), span.ids.trace.size()), out);
  if (span.has_parent()) Text("parent_id", HexText(span.parent.data(), span.parent.size()), out);
  Text("name", span.name.substr(0, 1024), out);
  Text("type", transaction ? "request" : span.kind == SpanKind::kClient ? "external" : "app", out);
  Number("duration", static_cast<double>(span.end_ns - span.start_ns) / 1e6, out);
  Number("timestamp", static_cast<double>(span.start_ns / 1000), out);
  Text("outcome", span.failed ? "failure" : "success", out);
  if (transaction) {
    Key("span_count", out);
    *out += "{\"started\":0}";
    if (span.failed) Text("result", span.error.substr(0, 1024), out);
  }
  Tags(span, out);
  *out += "}}\n";
}

class ElasticSender : public SpanSender {
 public:
  ElasticSender(const Config& config, std::shared_ptr<net::HttpClient> client)
      : config_(config),
        url_(net::JoinUrl(config.elastic.server_url, "/intake/v2/events")),
        client_(std::move(client)) {}

  Status Send(const CallContext& context, const std::vector<SpanRecord>& spans) override {
    net::ClientRequest request;
    request.url = url_;
    request.headers.Add("Content-Type", "application/x-ndjson");
    if (!config_.elastic.api_key.empty()) {
      request.headers.Add("Authorization", "ApiKey " + config_.elastic.api_key);
    }
    request.body = EncodeElastic(config_, spans);
    return PostSpans(*client_, context, std::move(request)).status();
  }

 private:
  const Config config_;
  const std::string url_;
  const std::shared_ptr<net::HttpClient> client_;
};

}  // namespace

std::string EncodeElastic(const Config& config, const std::vector<SpanRecord>& spans) {
  std::string out = "{\"metadata\":{\"service\":{";
  Text("name", config.service_name, &out);
  if (!config.elastic.service_version.empty()) {
    Text("version", config.elastic.service_version, &out);
  }
  if (!config.elastic.environment.empty()) Text("environment", config.elastic.environment, &out);
  Key("agent", &out);
  out += '{';
  Text("name", "thanos", &out);
  Text("version", kVersion, &out);
  out += "}}}}\n";
  for (const SpanRecord& span : spans) Event(span, &out);
  return out;
}

Result<std::unique_ptr<SpanSender>> MakeElasticSender(const Config& config) {
  net::HttpClientOptions options;
  if (config.elastic.api_key.empty()) options.bearer_token = config.elastic.secret_token;
  THANOS_ASSIGN_OR_RETURN(auto client, net::HttpClient::Make(std::move(options)));
  return std::unique_ptr<SpanSender>(std::make_unique<ElasticSender>(config, std::move(client)));
}

}  // namespace thanos::tracing
