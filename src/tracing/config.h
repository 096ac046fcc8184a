// --tracing.config: what is recorded and where it goes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "thanos/status.h"
#include "tracing/sampler.h"

namespace thanos::tracing {

using TextPairs = std::vector<std::pair<std::string, std::string>>;

/// Paths of PEM files; "" where not given.
struct TlsFiles {
  std::string ca_file, cert_file, key_file, server_name;
  bool insecure_skip_verify = false;
};

/// Times 0 keep the defaults of the code that uses them.
struct RetryConfig {
  bool enabled = true;
  int64_t initial_interval_ns = 5'000'000'000;
  int64_t max_interval_ns = 30'000'000'000;
  int64_t max_elapsed_ns = 60'000'000'000;
};

struct OtlpConfig {
  bool grpc = false;     // Else HTTP.
  std::string endpoint;  // "host:port"
  std::string url_path;  // HTTP only.
  bool insecure = false;
  bool gzip = false;
  TextPairs headers;
  TlsFiles tls;
};

struct JaegerConfig {
  std::string collector_url;  // HTTP; "" sends to the agent.
  std::string user, password;
  std::string agent_host;
  int agent_port = 0;
};

struct ElasticConfig {
  std::string server_url, secret_token, api_key;
  std::string service_version, environment;
};

struct Config {
  /// kNone: ids are made and handed on, nothing is sent; `note` says why.
  enum class Destination : uint8_t { kNone, kOtlp, kJaeger, kElastic };
  Destination destination = Destination::kNone;
  std::string type;  // As written: "OTLP".
  std::string service_name;
  TextPairs resource;  // Attributes besides the service's name.
  SamplerConfig sampler;
  OtlpConfig otlp;
  JaegerConfig jaeger;
  ElasticConfig elastic;
  RetryConfig retry;
  int64_t send_timeout_ns = 10'000'000'000;
  int64_t flush_interval_ns = 5'000'000'000;
  size_t queue_spans_max = 2048;
  std::vector<std::string> notes;  // What the configuration asks for and does not get: logged.
};

/// kInvalidArgument names line and key. Unknown keys and types are errors.
Result<Config> ParseConfig(std::string_view yaml);

}  // namespace thanos::tracing
