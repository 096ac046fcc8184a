// --endpoint.sd-config: which endpoints there are and how each is connected to. components/query
// §5.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thanos/status.h"

namespace thanos::fanout {

/// How a connection is made, worked out of all that may say so.
struct ClientSettings {
  bool tls = false;
  bool skip_verify = false;
  std::string cert_file, key_file, ca_file, min_version, server_name;
  std::string compression = "none";  // Or "snappy".
  friend bool operator==(const ClientSettings&, const ClientSettings&) = default;
};

/// A client_config block as written: what is absent is taken from elsewhere.
struct ClientConfig {
  std::optional<bool> enabled, skip_verify;
  std::optional<std::string> cert_file, key_file, ca_file, min_version;
  std::string server_name, compression;

  /// True when nothing about TLS is written.
  bool UsesGlobal() const;
  /// With `global` for what is absent, by Go's rules: an explicit `enabled` takes built-in defaults
  /// for the rest, otherwise any file or skip_verify switches TLS on.
  ClientSettings Resolve(const ClientSettings& global) const;
};

/// How calls to a group are spread and repeated: always round robin.
struct GroupPolicy {
  int attempts_max = 3;
  std::chrono::nanoseconds initial_backoff = std::chrono::milliseconds(100);
  std::chrono::nanoseconds max_backoff = std::chrono::seconds(120);
  double backoff_multiplier = 2;
  std::vector<StatusCode> retryable = {StatusCode::kUnavailable};
  friend bool operator==(const GroupPolicy&, const GroupPolicy&) = default;
};

struct EndpointSpec {
  std::string address;  // "host:port" or with a DNS prefix.
  bool strict = false;  // Asked even when its Info fails.
  bool group = false;   // One endpoint, whose calls are spread over all addresses.
  ClientSettings client;
  GroupPolicy policy;
  friend bool operator==(const EndpointSpec&, const EndpointSpec&) = default;
};

struct EndpointConfig {
  ClientSettings default_client;  // Of endpoints that are found by name, too.
  std::vector<EndpointSpec> endpoints;
};

/// Reads the YAML. `global` is what the command line says of connections. Unknown keys are left
/// out; kInvalidArgument names the endpoint and the line of what cannot be.
Result<EndpointConfig> ParseEndpointConfig(std::string_view yaml, const ClientSettings& global);

/// kInvalidArgument for a strict endpoint that is found by name, and for a plain one without a
/// port.
Status CheckEndpoint(const EndpointSpec& spec);

/// A gRPC service config in JSON: loadBalancingPolicy (or loadBalancingConfig) round_robin and a
/// retryPolicy, on its own or in one methodConfig for all methods. Anything else is refused by
/// name.
Result<GroupPolicy> ParseServiceConfig(std::string_view json);

}  // namespace thanos::fanout
