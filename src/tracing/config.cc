#include "tracing/config.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/number_text.h"
#include "config/yaml.h"

namespace thanos::tracing {
namespace {

using config::YamlMap;
using config::YamlNode;
using Kind = SamplerConfig::Kind;

std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

std::string Environment(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : fallback;
}

Status ReadTls(const YamlNode& node, TlsFiles* tls) {
  YamlMap map(node, "tls_config");
  map.Text("ca_file", &tls->ca_file)
      .Text("cert_file", &tls->cert_file)
      .Text("key_file", &tls->key_file)
      .Text("server_name", &tls->server_name)
      .Bool("insecure_skip_verify", &tls->insecure_skip_verify);
  THANOS_RETURN_IF_ERROR(map.Finish());
  if (tls->cert_file.empty() != tls->key_file.empty()) {
    return InvalidArgumentError("line " + std::to_string(node.line) +
                                ": tls_config: cert_file and key_file belong together");
  }
  return OkStatus();
}

// Zeroes keep the defaults, as they do in OpenTelemetry.
Status ReadRetry(const YamlNode& node, RetryConfig* retry) {
  int64_t initial = 0, longest = 0, elapsed = 0;
  YamlMap map(node, "retry_config");
  map.Bool("retry_enabled", &retry->enabled)
      .GoDuration("retry_initial_interval", &initial)
      .GoDuration("retry_max_interval", &longest)
      .GoDuration("retry_max_elapsed_time", &elapsed);
  THANOS_RETURN_IF_ERROR(map.Finish());
  if (initial > 0) retry->initial_interval_ns = initial;
  if (longest > 0) retry->max_interval_ns = longest;
  if (elapsed > 0) retry->max_elapsed_ns = elapsed;
  return OkStatus();
}

Status ReadOtlpSampler(std::string type, const std::string& param, SamplerConfig* sampler) {
  type = Lower(std::move(type));
  sampler->parent_based = true;
  if (type.starts_with("parentbased")) {
    type.erase(0, 11);
  } else if (type == "alwayssample" || type == "neversample" || type == "traceidratiobased") {
    sampler->parent_based = false;
  }
  if (type == "alwayssample") {
    sampler->kind = Kind::kAlways;
  } else if (type == "neversample") {
    sampler->kind = Kind::kNever;
  } else if (type == "traceidratiobased") {
    const auto ratio = base::ParseGoFloat(param);
    if (!ratio.ok() || std::isnan(*ratio)) {
      return InvalidArgumentError("sampler_param: \"" + param + "\" is not a ratio");
    }
    sampler->param = *ratio;
  }
  return OkStatus();  // Anything else is the parent's decision, else all.
}

// "http://host:4318" too, though only host and port are asked for.
void CutScheme(OtlpConfig* otlp) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!otlp->endpoint.starts_with(scheme)) continue;
    otlp->insecure = scheme == "http://";
    otlp->endpoint.erase(0, scheme.size());
  }
  while (otlp->endpoint.ends_with('/')) otlp->endpoint.pop_back();
}

Status ReadOtlp(const YamlNode& node, Config* out) {
  OtlpConfig& otlp = out->otlp;
  std::string client, compression, sampler_type, sampler_param;
  int64_t timeout = 0, reconnection = 0;
  YamlMap map(node, "config");
  map.Text("client_type", &client)
      .Text("service_name", &out->service_name)
      .TextMap("resource_attributes", &out->resource)
      .GoDuration("reconnection_period", &reconnection)
      .Text("compression", &compression)
      .Bool("insecure", &otlp.insecure)
      .Text("endpoint", &otlp.endpoint)
      .Text("url_path", &otlp.url_path)
      .GoDuration("timeout", &timeout)
      .TextMap("headers", &otlp.headers)
      .Text("sampler_type", &sampler_type)
      .Text("sampler_param", &sampler_param)
      .Node("retry_config", [out](const YamlNode& retry) { return ReadRetry(retry, &out->retry); })
      .Node("tls_config", [&otlp](const YamlNode& tls) { return ReadTls(tls, &otlp.tls); });
  THANOS_RETURN_IF_ERROR(map.Finish());
  if (client != "http" && client != "grpc") {
    return InvalidArgumentError("otlp: invalid client type \"" + client +
                                "\". Only 'http' and 'grpc' are accepted.");
  }
  THANOS_RETURN_IF_ERROR(ReadOtlpSampler(sampler_type, sampler_param, &out->sampler));
  out->destination = Config::Destination::kOtlp;
  otlp.grpc = client == "grpc";
  otlp.gzip = compression == "gzip";
  if (!compression.empty() && compression != "gzip" && compression != "none") {
    out->notes.push_back("compression \"" + compression + "\" is not known: none is used");
  }
  if (reconnection != 0) {
    out->notes.push_back("reconnection_period has no effect: the connection is kept up by gRPC");
  }
  CutScheme(&otlp);
  if (otlp.endpoint.empty()) otlp.endpoint = otlp.grpc ? "localhost:4317" : "localhost:4318";
  if (otlp.url_path.empty()) otlp.url_path = "/v1/traces";
  if (!otlp.url_path.starts_with('/')) otlp.url_path.insert(0, "/");
  if (timeout > 0) out->send_timeout_ns = timeout;
  return OkStatus();
}

std::string Trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return std::string(text);
}

// "a=b,c=${VARIABLE:fallback}"; what has no '=' is left out.
TextPairs ParseTags(std::string_view text) {
  TextPairs tags;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view pair = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    std::string value = Trimmed(pair.substr(equals + 1));
    if (value.starts_with("${") && value.ends_with('}')) {
      const std::string inner = value.substr(2, value.size() - 3);
      const size_t colon = std::min(inner.find(':'), inner.size());
      const std::string fallback = inner.substr(std::min(colon + 1, inner.size()));
      value = Environment(inner.substr(0, colon).c_str(), fallback.c_str());
    }
    tags.emplace_back(Trimmed(pair.substr(0, equals)), std::move(value));
  }
  return tags;
}

struct JaegerSampler {
  std::string type;
  double param = 0, initial_rate = 0;
  bool local_parent = false, remote_parent = false;
};

void TakeJaegerSampler(const JaegerSampler& in, Config* out) {
  SamplerConfig& sampler = out->sampler;
  sampler.parent_based = true;
  sampler.decides_for_sampled_remote = in.remote_parent;
  if (in.type == "const") {
    sampler.kind = std::round(std::clamp(in.param, 0.0, 1.0)) == 1 ? Kind::kAlways : Kind::kNever;
  } else if (in.type == "probabilistic") {
    sampler.kind = Kind::kRatio;
    sampler.param = in.param;
  } else if (in.type == "remote") {
    sampler.kind = Kind::kRatio;
    sampler.param = in.initial_rate > 0 ? in.initial_rate : 0.001;
    out->notes.push_back(
        "sampler_type remote: strategies are not fetched; initial_sampler_rate (0.001 when it is "
        "not set) of the traces are recorded");
  } else {
    sampler.kind = Kind::kRateLimit;
    sampler.param = std::round(in.param);
    if (sampler.param <= 0) {
      out->notes.push_back(
          "sampler_param allows no trace a second: only what callers record or X-Thanos-Force-"
          "Tracing asks for is recorded");
    }
    if (in.local_parent) {
      out->notes.push_back("local_parent_sampled has no effect with a limit of traces a second");
    }
  }
}

Status ReadJaeger(const YamlNode& node, Config* out) {
  JaegerConfig& jaeger = out->jaeger;
  JaegerSampler sampler;
  bool disabled = false, rpc_metrics = false, late_binding = false, log_spans = false;
  bool no_reconnecting = false, wide_ids = false;
  std::string tags, manager, server;
  int64_t port = 0, operations_max = 0, refresh = 0, queue = 0, flush = 0, reconnect = 0;
  YamlMap map(node, "config");
  map.Text("service_name", &out->service_name)
      .Bool("disabled", &disabled)
      .Bool("rpc_metrics", &rpc_metrics)
      .Text("tags", &tags)
      .Text("sampler_type", &sampler.type)
      .Float("sampler_param", &sampler.param)
      .Text("sampler_manager_host_port", &manager)
      .Int("sampler_max_operations", &operations_max)
      .GoDuration("sampler_refresh_interval", &refresh)
      .Node("sampler_parent_config",
            [&sampler](const YamlNode& parent) {
              YamlMap inner(parent, "sampler_parent_config");
              inner.Bool("local_parent_sampled", &sampler.local_parent)
                  .Bool("remote_parent_sampled", &sampler.remote_parent);
              return inner.Finish();
            })
      .Text("sampling_server_url", &server)
      .Bool("operation_name_late_binding", &late_binding)
      .Float("initial_sampler_rate", &sampler.initial_rate)
      .Int("reporter_max_queue_size", &queue)
      .GoDuration("reporter_flush_interval", &flush)
      .Bool("reporter_log_spans", &log_spans)
      .Bool("reporter_disable_attempt_reconnecting", &no_reconnecting)
      .GoDuration("reporter_attempt_reconnect_interval", &reconnect)
      .Text("endpoint", &jaeger.collector_url)
      .Text("user", &jaeger.user)
      .Text("password", &jaeger.password)
      .Text("agent_host", &jaeger.agent_host)
      .Int("agent_port", &port)
      .Bool("traceid_128bit", &wide_ids);
  THANOS_RETURN_IF_ERROR(map.Finish());
  if (port < 0 || port > 65535 || queue < 0 || flush < 0) {
    return InvalidArgumentError(
        "config: agent_port, reporter_max_queue_size or "
        "reporter_flush_interval is out of range");
  }
  if (jaeger.agent_host.empty() || port == 0) {
    jaeger.agent_host = Environment("OTEL_EXPORTER_JAEGER_AGENT_HOST", "localhost");
    port = std::atoi(Environment("OTEL_EXPORTER_JAEGER_AGENT_PORT", "6831").c_str());
  }
  jaeger.agent_port = static_cast<int>(port);
  if (queue > 0) out->queue_spans_max = static_cast<size_t>(queue);
  if (flush > 0) out->flush_interval_ns = flush;
  out->resource = ParseTags(tags);
  TakeJaegerSampler(sampler, out);
  out->destination = Config::Destination::kJaeger;
  if (disabled) {
    out->destination = Config::Destination::kNone;
    out->notes = {"disabled is set: no spans are recorded"};
  }
  return OkStatus();
}

Status ReadElastic(const YamlNode& node, Config* out) {
  ElasticConfig& elastic = out->elastic;
  double rate = 0;
  YamlMap map(node, "config");
  map.Text("service_name", &out->service_name)
      .Text("service_version", &elastic.service_version)
      .Text("service_environment", &elastic.environment)
      .Float("sample_rate", &rate);
  THANOS_RETURN_IF_ERROR(map.Finish());
  out->destination = Config::Destination::kElastic;
  out->sampler.kind = Kind::kRatio;
  out->sampler.param = rate;
  if (out->service_name.empty()) {
    out->service_name = Environment("ELASTIC_APM_SERVICE_NAME", "thanos");
  }
  elastic.server_url = Environment("ELASTIC_APM_SERVER_URL", "http://localhost:8200");
  elastic.secret_token = Environment("ELASTIC_APM_SECRET_TOKEN", "");
  elastic.api_key = Environment("ELASTIC_APM_API_KEY", "");
  return OkStatus();
}

Status ReadGoogle(const YamlNode& node, Config* out) {
  std::string project;
  uint64_t factor = 0;
  YamlMap map(node, "config");
  map.Text("service_name", &out->service_name)
      .Text("project_id", &project)
      .Uint("sample_factor", &factor);
  return map.Finish();
}

Status ReadLightstep(const YamlNode& node, Config* out) {
  std::string token, tags, scheme, host, ca_file;
  uint64_t port = 0;
  bool plaintext = false;
  YamlMap map(node, "config");
  map.Text("access_token", &token)
      .Text("tags", &tags)
      .Node("collector", [&](const YamlNode& collector) {
        YamlMap inner(collector, "collector");
        inner.Text("scheme", &scheme)
            .Text("host", &host)
            .Uint("port", &port)
            .Bool("plaintext", &plaintext)
            .Text("custom_ca_cert_file", &ca_file);
        return inner.Finish();
      });
  out->service_name.clear();
  return map.Finish();
}

// Started, so that a cluster with one of these comes up; said plainly, so that nobody waits.
Status ReadUndelivered(const YamlNode& node, Status (*read)(const YamlNode&, Config*),
                       Config* out) {
  THANOS_RETURN_IF_ERROR(read(node, out));
  out->sampler.kind = Kind::kNever;
  out->notes.push_back("spans are not delivered to " + out->type +
                       ": only the caller's trace id is handed on; use OTLP");
  return OkStatus();
}

}  // namespace

Result<Config> ParseConfig(std::string_view yaml) {
  THANOS_ASSIGN_OR_RETURN(const YamlNode root, config::ParseYaml(yaml));
  Config out;
  YamlNode inner;
  YamlMap map(root, "tracing configuration");
  map.Text("type", &out.type).Node("config", [&inner](const YamlNode& node) {
    inner = node;
    return OkStatus();
  });
  THANOS_RETURN_IF_ERROR(map.Finish());
  for (char& c : out.type) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  Status status;
  if (out.type == "OTLP") {
    status = ReadOtlp(inner, &out);
  } else if (out.type == "JAEGER") {
    status = ReadJaeger(inner, &out);
  } else if (out.type == "ELASTIC_APM") {
    status = ReadElastic(inner, &out);
  } else if (out.type == "GOOGLE_CLOUD" || out.type == "STACKDRIVER") {
    status = ReadUndelivered(inner, ReadGoogle, &out);
  } else if (out.type == "LIGHTSTEP") {
    status = ReadUndelivered(inner, ReadLightstep, &out);
  } else {
    return InvalidArgumentError("tracing with type \"" + out.type + "\" is not supported");
  }
  if (!status.ok()) return status;
  return out;
}

}  // namespace thanos::tracing
