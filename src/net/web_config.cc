#include "net/web_config.h"

#include <algorithm>
#include <array>

#include "config/yaml.h"
#include "net/http_types.h"

namespace thanos::net {
namespace {

using config::YamlMap;
using config::YamlNode;

Status FailAt(const YamlNode& node, const std::string& why) {
  return InvalidArgumentError("line " + std::to_string(node.line) + ": " + why);
}

std::string FileAt(const std::string& path, const std::string& directory) {
  if (path.empty() || path.starts_with('/')) return path;
  return directory + "/" + path;
}

Result<ClientAuth> ParseClientAuth(const std::string& text) {
  if (text.empty() || text == "NoClientCert") return ClientAuth::kNone;
  if (text == "RequestClientCert") return ClientAuth::kRequest;
  if (text == "RequireAnyClientCert" || text == "RequireClientCert") return ClientAuth::kRequireAny;
  if (text == "VerifyClientCertIfGiven") return ClientAuth::kVerifyIfGiven;
  if (text == "RequireAndVerifyClientCert") return ClientAuth::kRequireAndVerify;
  return InvalidArgumentError("invalid ClientAuth: " + text);
}

// The file wins where both are given, as in the original.
Status TakeOneOf(const YamlNode& node, const std::string& name, const std::string& directory,
                 bool required, PemSource* source) {
  source->file = FileAt(source->file, directory);
  if (!source->file.empty()) source->pem.clear();
  if (required && !source->given()) {
    return FailAt(node, "missing one of " + name + " or " + name + "_file");
  }
  return OkStatus();
}

Result<std::optional<TlsServerOptions>> ReadTls(const YamlNode& node,
                                                const std::string& directory) {
  TlsServerOptions tls;
  tls.protocol = "http/1.1";
  std::string auth, lowest = "TLS12", highest = "TLS13";
  YamlMap map(node, "tls_server_config");
  map.Text("cert", &tls.cert.pem).Text("cert_file", &tls.cert.file);
  map.Text("key", &tls.key.pem).Text("key_file", &tls.key.file);
  map.Text("client_ca", &tls.client_ca.pem).Text("client_ca_file", &tls.client_ca.file);
  map.Text("client_auth_type", &auth).Texts("client_allowed_sans", &tls.client_allowed_sans);
  map.Texts("cipher_suites", &tls.ciphers).Texts("curve_preferences", &tls.curves);
  map.Text("min_version", &lowest).Text("max_version", &highest);
  map.Bool("prefer_server_cipher_suites", &tls.prefer_server_ciphers);
  THANOS_RETURN_IF_ERROR(map.Finish());
  const bool any = tls.cert.given() || tls.key.given() || tls.client_ca.given() || !auth.empty();
  if (!any) return std::optional<TlsServerOptions>();  // The section may stand there empty.
  THANOS_RETURN_IF_ERROR(TakeOneOf(node, "cert", directory, true, &tls.cert));
  THANOS_RETURN_IF_ERROR(TakeOneOf(node, "key", directory, true, &tls.key));
  THANOS_RETURN_IF_ERROR(TakeOneOf(node, "client_ca", directory, false, &tls.client_ca));
  const auto at_line = [&](const Status& status) {
    return FailAt(node, "tls_server_config: " + std::string(status.message()));
  };
  Result<ClientAuth> client_auth = ParseClientAuth(auth);
  if (!client_auth.ok()) return at_line(client_auth.status());
  tls.client_auth = *client_auth;
  Result<int> min_version = ParseTlsVersion(lowest), max_version = ParseTlsVersion(highest);
  if (!min_version.ok()) return at_line(min_version.status());
  if (!max_version.ok()) return at_line(max_version.status());
  tls.min_version = *min_version;
  tls.max_version = *max_version;
  if (tls.client_ca.given() && tls.client_auth == ClientAuth::kNone) {
    return FailAt(node, "client CAs have been configured without a client_auth_type");
  }
  return std::optional<TlsServerOptions>(std::move(tls));
}

Status CheckHeader(const YamlNode& node, const std::string& name, const std::string& value) {
  const auto one_of = [&](std::initializer_list<std::string_view> allowed) {
    return std::find(allowed.begin(), allowed.end(), value) != allowed.end()
               ? OkStatus()
               : FailAt(node, "invalid value for header " + name + ": " + value);
  };
  if (value.find_first_of("\r\n") != std::string::npos) {
    return FailAt(node, "header " + name + " has a line break in it");
  }
  if (EqualsIgnoringCase(name, "X-Frame-Options")) return one_of({"deny", "sameorigin", ""});
  if (EqualsIgnoringCase(name, "X-Content-Type-Options")) return one_of({"nosniff", ""});
  for (const std::string_view known :
       {"Content-Security-Policy", "X-XSS-Protection", "Strict-Transport-Security"}) {
    if (EqualsIgnoringCase(name, known)) return OkStatus();
  }
  return FailAt(node, "HTTP header \"" + name + "\" can not be configured");
}

Status ReadHttp(const YamlNode& node, WebConfig* config) {
  bool http2 = true;  // We answer HTTP/1.1 in either case, as a server may.
  YamlMap map(node, "http_server_config");
  map.Bool("http2", &http2);
  map.TextMap("headers", &config->headers);
  THANOS_RETURN_IF_ERROR(map.Finish());
  for (const auto& [name, value] : config->headers) {
    THANOS_RETURN_IF_ERROR(CheckHeader(*node.Find("headers"), name, value));
  }
  std::erase_if(config->headers, [](const auto& header) { return header.second.empty(); });
  return OkStatus();
}

Status ReadUsers(const YamlNode& node, WebConfig* config) {
  if (node.kind != YamlNode::Kind::kMap) return FailAt(node, "basic_auth_users: is not a map");
  for (const auto& [name, value] : node.fields) {
    // The hash is not shown: a password may stand in its place.
    if (value.kind != YamlNode::Kind::kScalar || !IsBcryptHash(value.scalar)) {
      return FailAt(value, "basic_auth_users: " + name + ": is not a bcrypt hash");
    }
    config->users[name] = value.scalar;
  }
  return OkStatus();
}

}  // namespace

bool IsBcryptHash(std::string_view text) {
  constexpr size_t kHashSize = 60;
  if (text.size() != kHashSize || text[0] != '$' || text[1] != '2' || text[3] != '$' ||
      text[6] != '$') {
    return false;
  }
  if (text[2] != 'a' && text[2] != 'b' && text[2] != 'y') return false;
  const auto digit = [&](size_t at) { return text[at] >= '0' && text[at] <= '9'; };
  if (!digit(4) || !digit(5)) return false;
  const int cost = (text[4] - '0') * 10 + (text[5] - '0');
  if (cost < 4 || cost > 31) return false;
  return std::all_of(text.begin() + 7, text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '/';
  });
}

Result<WebConfig> ParseWebConfig(std::string_view text, const std::string& directory) {
  THANOS_ASSIGN_OR_RETURN(const YamlNode root, config::ParseYaml(text));
  WebConfig config;
  YamlMap map(root, "web configuration");
  map.Node("tls_server_config", [&](const YamlNode& node) -> Status {
    THANOS_ASSIGN_OR_RETURN(config.tls, ReadTls(node, directory));
    return OkStatus();
  });
  map.Node("http_server_config", [&](const YamlNode& node) { return ReadHttp(node, &config); });
  map.Node("basic_auth_users", [&](const YamlNode& node) { return ReadUsers(node, &config); });
  map.Node("rate_limit", [&](const YamlNode& node) {
    YamlMap limit(node, "rate_limit");
    limit.GoDuration("interval", &config.rate_interval_ns).Int("burst", &config.rate_burst);
    THANOS_RETURN_IF_ERROR(limit.Finish());
    if (config.rate_interval_ns < 0 || config.rate_burst < 0) {
      return FailAt(node, "rate_limit: must not be negative");
    }
    return OkStatus();
  });
  THANOS_RETURN_IF_ERROR(map.Finish());
  return config;
}

}  // namespace thanos::net
