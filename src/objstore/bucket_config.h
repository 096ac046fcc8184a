// The YAML of --objstore.config: every provider's keys and checks, whether the provider is built or
// not. components/common §4.1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "thanos/status.h"

namespace thanos::objstore {

struct TlsConfig {
  std::string ca_file, cert_file, key_file, server_name;
  bool insecure_skip_verify = false;
};

/// Durations in nanoseconds.
struct HttpConfig {
  int64_t idle_conn_timeout_ns = 90'000'000'000;
  int64_t response_header_timeout_ns = 120'000'000'000;
  int64_t tls_handshake_timeout_ns = 10'000'000'000;
  int64_t expect_continue_timeout_ns = 1'000'000'000;
  bool insecure_skip_verify = false;
  bool disable_compression = false;
  int64_t max_idle_conns = 100, max_idle_conns_per_host = 100, max_conns_per_host = 0;
  TlsConfig tls;
  /// Keys that were written and change nothing: the client neither waits for "100 Continue" nor
  /// asks for compression; of the two insecure_skip_verify the outer one counts, as in Go.
  std::vector<std::string> without_effect;
};

struct S3Config {
  std::string bucket, endpoint, region, access_key, secret_key, session_token, sts_endpoint;
  bool disable_dualstack = false, aws_sdk_auth = false, insecure = false;
  bool signature_version2 = false, send_content_md5 = true, disable_multipart = false;
  bool trace = false;
  std::vector<std::pair<std::string, std::string>> put_user_metadata;
  std::string list_objects_version, bucket_lookup_type = "auto";
  uint64_t part_size = 64 << 20;
  int64_t max_retries = 0;
  std::string sse_type, sse_kms_key_id, sse_encryption_key;
  std::vector<std::pair<std::string, std::string>> sse_kms_encryption_context;
  HttpConfig http;
};

struct BucketConfig {
  std::string type;       // Upper case: "S3", "FILESYSTEM", …
  std::string prefix;     // As written; slashes at its ends mean nothing.
  std::string directory;  // FILESYSTEM.
  S3Config s3;            // S3.
};

/// kInvalidArgument in Go's words, with the line where a key is unknown, repeated or of a wrong
/// type.
Result<BucketConfig> ParseBucketConfig(std::string_view yaml);

}  // namespace thanos::objstore
