#include "net/http_client_config.h"

#include "config/yaml.h"

namespace thanos::net {
namespace {

using config::YamlMap;
using config::YamlNode;

Status ReadBasicAuth(const YamlNode& node, HttpClientOptions* options) {
  YamlMap map(node, "basic_auth");
  map.Text("username", &options->basic_user).Text("password", &options->basic_password);
  return map.Text("password_file", &options->basic_password_file).AllowUnknown().Finish();
}

Status ReadTls(const YamlNode& node, ClientTls* tls) {
  YamlMap map(node, "tls_config");
  map.Text("ca_file", &tls->ca_file).Text("cert_file", &tls->cert_file);
  map.Text("key_file", &tls->key_file).Text("server_name", &tls->server_name);
  return map.Bool("insecure_skip_verify", &tls->insecure_skip_verify).AllowUnknown().Finish();
}

// Times are nanoseconds; limits of a handshake are part of the time to connect here.
Status ReadTransport(const YamlNode& node, HttpClientOptions* options) {
  int64_t idle = options->idle_timeout.count(), header = options->response_header_timeout.count();
  int64_t dial = options->connect_timeout.count(), unused = 0;
  uint64_t kept = options->connections_max, per_host = options->connections_per_host_max;
  bool no_compression = !options->accept_compression;
  YamlMap map(node, "transport_config");
  map.Uint("max_idle_conns", &kept).Uint("max_conns_per_host", &per_host);
  map.Int("max_idle_conns_per_host", &unused).Int("idle_conn_timeout", &idle);
  map.Int("response_header_timeout", &header).Int("expect_continue_timeout", &unused);
  map.Bool("disable_compression", &no_compression).Int("tls_handshake_timeout", &unused);
  map.Int("dialer_timeout", &dial).AllowUnknown();
  THANOS_RETURN_IF_ERROR(map.Finish());
  if (idle < 0 || header < 0 || dial < 0) {
    return InvalidArgumentError("line " + std::to_string(node.line) +
                                ": transport_config: times must not be negative");
  }
  options->connections_max = kept;
  options->connections_per_host_max = per_host;
  options->idle_timeout = std::chrono::nanoseconds(idle);
  options->response_header_timeout = std::chrono::nanoseconds(header);
  if (dial > 0) options->connect_timeout = std::chrono::nanoseconds(dial);
  options->accept_compression = !no_compression;
  return OkStatus();
}

}  // namespace

Status ReadHttpClientConfig(std::string_view yaml, HttpClientOptions* options) {
  THANOS_ASSIGN_OR_RETURN(const YamlNode root, config::ParseYaml(yaml));
  YamlMap map(root, "HTTP client configuration");
  map.Node("basic_auth", [&](const YamlNode& node) { return ReadBasicAuth(node, options); });
  map.Text("bearer_token", &options->bearer_token);
  map.Text("bearer_token_file", &options->bearer_token_file);
  map.Text("proxy_url", &options->proxy_url);
  map.Node("tls_config", [&](const YamlNode& node) { return ReadTls(node, &options->tls); });
  map.Node("transport_config", [&](const YamlNode& node) { return ReadTransport(node, options); });
  return map.AllowUnknown().Finish();
}

}  // namespace thanos::net
