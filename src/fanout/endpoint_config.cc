#include "fanout/endpoint_config.h"

#include <algorithm>

#include "config/yaml.h"
#include "net/resolver.h"

namespace thanos::fanout {
namespace {

using config::YamlMap;
using config::YamlNode;

constexpr char kDefaultMinVersion[] = "1.3";

Status ReadTls(const YamlNode& node, ClientConfig* client) {
  YamlMap map(node, "tls_config");
  map.AllowUnknown();
  const auto boolean = [&](std::string_view key, std::optional<bool>* target) {
    const YamlNode* value = node.Find(key);
    if (value == nullptr || value->kind == YamlNode::Kind::kNull) return;
    map.Bool(key, &target->emplace(false));
  };
  const auto text = [&](std::string_view key, std::optional<std::string>* target) {
    const YamlNode* value = node.Find(key);
    if (value == nullptr || value->kind == YamlNode::Kind::kNull) return;
    map.Text(key, &target->emplace());
  };
  boolean("enabled", &client->enabled);
  boolean("insecure_skip_verify", &client->skip_verify);
  text("cert_file", &client->cert_file);
  text("key_file", &client->key_file);
  text("ca_file", &client->ca_file);
  text("min_version", &client->min_version);
  return map.Finish();
}

Status ReadClient(const YamlNode& node, ClientConfig* client) {
  YamlMap map(node, "client_config");
  map.AllowUnknown();
  map.Node("tls_config", [&](const YamlNode& tls) { return ReadTls(tls, client); });
  map.Text("server_name", &client->server_name);
  map.Text("compression", &client->compression);
  THANOS_RETURN_IF_ERROR(map.Finish());
  if (client->compression.empty()) client->compression = "none";
  if (client->compression != "none" && client->compression != "snappy") {
    return InvalidArgumentError("invalid compression: " + client->compression +
                                ", must be 'none' or 'snappy'");
  }
  return OkStatus();
}

Status ReadEndpoint(const YamlNode& node, const ClientSettings& global, EndpointSpec* spec) {
  ClientConfig client;
  std::string service_config;
  YamlMap map(node, "endpoint");
  map.AllowUnknown();
  map.Text("address", &spec->address);
  map.Bool("strict", &spec->strict);
  map.Bool("group", &spec->group);
  map.Text("service_config", &service_config);
  map.Node("client_config", [&](const YamlNode& value) { return ReadClient(value, &client); });
  THANOS_RETURN_IF_ERROR(map.Finish());
  spec->client = client.UsesGlobal() ? global : client.Resolve(global);
  if (!service_config.empty()) {
    if (!spec->group) {
      return InvalidArgumentError("service_config is only valid for endpoint groups");
    }
    auto policy = ParseServiceConfig(service_config);
    if (!policy.ok()) return policy.status().WithContext("service_config");
    spec->policy = *std::move(policy);
  }
  return CheckEndpoint(*spec);
}

Status ReadCodes(const YamlNode& node, std::vector<StatusCode>* codes) {
  codes->clear();
  for (const YamlNode& item : node.items) {
    bool known = false;
    for (int code = 1; code <= 16 && !known; ++code) {
      // "UNAVAILABLE" is how the JSON writes what messages call "Unavailable".
      std::string name(StatusCodeName(static_cast<StatusCode>(code)));
      std::string written = item.scalar;
      const auto plain = [](std::string* text) {
        std::erase(*text, '_');
        std::transform(text->begin(), text->end(), text->begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      };
      plain(&name);
      plain(&written);
      known = name == written;
      if (known) codes->push_back(static_cast<StatusCode>(code));
    }
    if (!known) return InvalidArgumentError("unknown status code " + item.scalar);
  }
  return OkStatus();
}

Status ReadRetryPolicy(const YamlNode& node, GroupPolicy* policy) {
  constexpr int64_t kAttemptsMax = 5;  // gRPC's own bound.
  int64_t attempts = policy->attempts_max;
  int64_t initial = policy->initial_backoff.count(), max = policy->max_backoff.count();
  YamlMap map(node, "retryPolicy");
  map.Int("maxAttempts", &attempts);
  map.GoDuration("initialBackoff", &initial);
  map.GoDuration("maxBackoff", &max);
  map.Float("backoffMultiplier", &policy->backoff_multiplier);
  map.Node("retryableStatusCodes",
           [&](const YamlNode& codes) { return ReadCodes(codes, &policy->retryable); });
  THANOS_RETURN_IF_ERROR(map.Finish());
  if (attempts < 2 || initial <= 0 || max <= 0 || !(policy->backoff_multiplier > 0)) {
    return InvalidArgumentError("retryPolicy: more than one attempt and positive times are needed");
  }
  policy->attempts_max = static_cast<int>(std::min(attempts, kAttemptsMax));
  policy->initial_backoff = std::chrono::nanoseconds(initial);
  policy->max_backoff = std::chrono::nanoseconds(max);
  return OkStatus();
}

// One entry that is for all methods.
Status ReadMethodConfig(const YamlNode& node, GroupPolicy* policy) {
  if (node.items.size() != 1) return InvalidArgumentError("methodConfig: one entry is taken");
  YamlMap map(node.items[0], "methodConfig");
  map.Node("name", [](const YamlNode& names) {
    const bool all = names.items.size() == 1 && names.items[0].fields.empty();
    return all ? OkStatus()
               : InvalidArgumentError("methodConfig: only name [{}], all methods, is taken");
  });
  map.Node("retryPolicy", [&](const YamlNode& retry) { return ReadRetryPolicy(retry, policy); });
  return map.Finish();
}

}  // namespace

bool ClientConfig::UsesGlobal() const {
  return !enabled && !skip_verify && !cert_file && !key_file && !ca_file && !min_version &&
         server_name.empty();
}

ClientSettings ClientConfig::Resolve(const ClientSettings& global) const {
  const bool any_of_tls = cert_file || key_file || ca_file || skip_verify;
  const ClientSettings fallback =
      enabled ? ClientSettings{.min_version = kDefaultMinVersion} : global;
  ClientSettings settings;
  settings.server_name = server_name;
  settings.compression = compression.empty() ? "none" : compression;
  settings.tls = enabled.value_or(any_of_tls || global.tls);
  if (!settings.tls) return settings;
  settings.skip_verify = skip_verify.value_or(fallback.skip_verify);
  settings.cert_file = cert_file.value_or(fallback.cert_file);
  settings.key_file = key_file.value_or(fallback.key_file);
  settings.ca_file = ca_file.value_or(fallback.ca_file);
  settings.min_version = min_version.value_or(fallback.min_version);
  if (settings.min_version.empty()) settings.min_version = kDefaultMinVersion;
  return settings;
}

Result<EndpointConfig> ParseEndpointConfig(std::string_view yaml, const ClientSettings& global) {
  EndpointConfig out;
  out.default_client = global;
  THANOS_ASSIGN_OR_RETURN(const YamlNode root, config::ParseYaml(yaml));
  YamlMap map(root, "endpoint config");
  map.AllowUnknown();
  map.Node("default_client_config", [&](const YamlNode& node) -> Status {
    ClientConfig client;
    THANOS_RETURN_IF_ERROR(ReadClient(node, &client));
    if (client.UsesGlobal()) return OkStatus();
    out.default_client = client.Resolve({.min_version = kDefaultMinVersion});
    out.default_client.compression = global.compression;
    return OkStatus();
  });
  map.Node("endpoints", [&](const YamlNode& list) -> Status {
    if (list.kind != YamlNode::Kind::kSequence && list.kind != YamlNode::Kind::kNull) {
      return InvalidArgumentError("endpoints is not a list");
    }
    for (const YamlNode& item : list.items) {
      EndpointSpec spec;
      if (Status status = ReadEndpoint(item, out.default_client, &spec); !status.ok()) {
        return status.WithContext("line " + std::to_string(item.line) + ": endpoint " +
                                  spec.address);
      }
      out.endpoints.push_back(std::move(spec));
    }
    return OkStatus();
  });
  THANOS_RETURN_IF_ERROR(map.Finish());
  return out;
}

Status CheckEndpoint(const EndpointSpec& spec) {
  if (net::IsDynamicAddress(spec.address)) {
    return spec.strict ? InvalidArgumentError(spec.address +
                                              " is a dynamically specified endpoint, only a static "
                                              "address can be strict")
                       : OkStatus();
  }
  // A prefix that is not known is left to the look-up, which names it.
  if (spec.address.find('+') != std::string::npos) return OkStatus();
  const auto parts = net::SplitHostPort(spec.address);
  if (parts.ok() && !parts->port.empty()) return OkStatus();
  return InvalidArgumentError(spec.address + " is not a host:port");
}

Result<GroupPolicy> ParseServiceConfig(std::string_view json) {
  GroupPolicy policy;
  THANOS_ASSIGN_OR_RETURN(const YamlNode root, config::ParseYaml(json));
  const auto round_robin = [](const std::string& name) {
    return name == "round_robin"
               ? OkStatus()
               : InvalidArgumentError("load balancing " + name + " is not built; use round_robin");
  };
  YamlMap map(root, "service config");
  map.Node("loadBalancingPolicy", [&](const YamlNode& node) { return round_robin(node.scalar); });
  map.Node("loadBalancingConfig", [&](const YamlNode& node) -> Status {
    // The first that is known counts.
    if (node.items.empty() || node.items[0].fields.empty()) return round_robin("without a name");
    return round_robin(node.items[0].fields[0].first);
  });
  map.Node("retryPolicy", [&](const YamlNode& node) { return ReadRetryPolicy(node, &policy); });
  map.Node("methodConfig", [&](const YamlNode& node) { return ReadMethodConfig(node, &policy); });
  THANOS_RETURN_IF_ERROR(map.Finish());
  return policy;
}

}  // namespace thanos::fanout
