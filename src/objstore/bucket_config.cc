#include "objstore/bucket_config.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "config/yaml.h"

namespace thanos::objstore {
namespace {

using config::YamlMap;
using config::YamlNode;

Status Invalid(std::string text) { return InvalidArgumentError(std::move(text)); }

Status ReadTls(const YamlNode& node, TlsConfig* tls) {
  YamlMap map(node, "tls_config");
  map.Text("ca_file", &tls->ca_file)
      .Text("cert_file", &tls->cert_file)
      .Text("key_file", &tls->key_file)
      .Text("server_name", &tls->server_name)
      .Bool("insecure_skip_verify", &tls->insecure_skip_verify);
  THANOS_RETURN_IF_ERROR(map.Finish());
  if (!tls->ca_file.empty() && !std::filesystem::exists(tls->ca_file)) {
    return Invalid("unable to load specified CA cert " + tls->ca_file + ": no such file");
  }
  return OkStatus();
}

Status ReadHttp(const YamlNode& node, HttpConfig* http) {
  YamlMap map(node, "http_config");
  map.Duration("idle_conn_timeout", &http->idle_conn_timeout_ns)
      .Duration("response_header_timeout", &http->response_header_timeout_ns)
      .Duration("tls_handshake_timeout", &http->tls_handshake_timeout_ns)
      .Duration("expect_continue_timeout", &http->expect_continue_timeout_ns)
      .Bool("insecure_skip_verify", &http->insecure_skip_verify)
      .Bool("disable_compression", &http->disable_compression)
      .Int("max_idle_conns", &http->max_idle_conns)
      .Int("max_idle_conns_per_host", &http->max_idle_conns_per_host)
      .Int("max_conns_per_host", &http->max_conns_per_host)
      .Node("tls_config", [http](const YamlNode& tls) {
        if (tls.Find("insecure_skip_verify") != nullptr) {
          http->without_effect.emplace_back("http_config.tls_config.insecure_skip_verify");
        }
        return ReadTls(tls, &http->tls);
      });
  for (const char* key : {"expect_continue_timeout", "disable_compression"}) {
    if (node.Find(key) != nullptr) {
      http->without_effect.push_back("http_config." + std::string(key));
    }
  }
  return map.Finish();
}

Status CheckS3Endpoint(const std::string& endpoint) {
  if (endpoint.empty()) return Invalid("no s3 endpoint in config file");
  if (endpoint.find('/') != std::string::npos) {
    return Invalid("initialize s3 client: Endpoint url cannot have fully qualified paths.");
  }
  const std::string host = endpoint.substr(0, endpoint.rfind(':'));
  if (host.empty()) {
    return Invalid("initialize s3 client: Endpoint: " + endpoint +
                   " does not follow ip address or domain name standards.");
  }
  return OkStatus();
}

Status CheckSse(const S3Config& s3) {
  if (s3.sse_type.empty() || s3.sse_type == "SSE-S3") return OkStatus();
  if (s3.sse_type == "SSE-KMS") {
    if (s3.sse_kms_key_id.empty()) {
      return Invalid("kms_key_id must be set if sse_config.type is set to 'SSE-KMS'");
    }
    return OkStatus();
  }
  if (s3.sse_type == "SSE-C") {
    if (s3.sse_encryption_key.empty()) {
      return Invalid("encryption_key must be set if sse_config.type is set to 'SSE-C'");
    }
    if (!std::filesystem::exists(s3.sse_encryption_key)) {
      return Invalid("open " + s3.sse_encryption_key + ": no such file or directory");
    }
    return OkStatus();
  }
  return Invalid("Initialize s3 client SSE Config: Unsupported type \"" + s3.sse_type +
                 "\" was provided. Supported types are SSE-S3, SSE-KMS, SSE-C");
}

Status CheckS3(const S3Config& s3) {
  if (s3.endpoint.empty()) return CheckS3Endpoint(s3.endpoint);
  if (s3.aws_sdk_auth && !s3.access_key.empty()) {
    return Invalid("aws_sdk_auth and access_key are mutually exclusive configurations");
  }
  if (s3.access_key.empty() != s3.secret_key.empty()) {
    return Invalid(s3.access_key.empty()
                       ? "no s3 access_key specified while secret_key is present in config file; "
                         "either both should be present in config or envvars/IAM should be used."
                       : "no s3 secret_key specified while access_key is present in config file; "
                         "either both should be present in config or envvars/IAM should be used.");
  }
  THANOS_RETURN_IF_ERROR(CheckS3Endpoint(s3.endpoint));
  if (!s3.list_objects_version.empty() && s3.list_objects_version != "v1" &&
      s3.list_objects_version != "v2") {
    return Invalid("Initialize s3 client list objects version: Unsupported version \"" +
                   s3.list_objects_version + "\" was provided. Supported values are v1, v2");
  }
  const std::string& lookup = s3.bucket_lookup_type;
  if (lookup != "auto" && lookup != "virtual-hosted" && lookup != "path") {
    return Invalid("unsupported bucket lookup type: " + lookup);
  }
  return CheckSse(s3);
}

Status ReadS3(const YamlNode& node, S3Config* s3) {
  YamlMap map(node, "config");
  map.Text("bucket", &s3->bucket)
      .Text("endpoint", &s3->endpoint)
      .Text("region", &s3->region)
      .Bool("disable_dualstack", &s3->disable_dualstack)
      .Bool("aws_sdk_auth", &s3->aws_sdk_auth)
      .Text("access_key", &s3->access_key)
      .Text("secret_key", &s3->secret_key)
      .Text("session_token", &s3->session_token)
      .Bool("insecure", &s3->insecure)
      .Bool("signature_version2", &s3->signature_version2)
      .TextMap("put_user_metadata", &s3->put_user_metadata)
      .Text("list_objects_version", &s3->list_objects_version)
      .Text("bucket_lookup_type", &s3->bucket_lookup_type)
      .Bool("send_content_md5", &s3->send_content_md5)
      .Bool("disable_multipart", &s3->disable_multipart)
      .Uint("part_size", &s3->part_size)
      .Text("sts_endpoint", &s3->sts_endpoint)
      .Int("max_retries", &s3->max_retries)
      .Node("http_config", [s3](const YamlNode& http) { return ReadHttp(http, &s3->http); })
      .Node("trace",
            [s3](const YamlNode& trace) {
              return YamlMap(trace, "trace").Bool("enable", &s3->trace).Finish();
            })
      .Node("sse_config", [s3](const YamlNode& sse) {
        YamlMap inner(sse, "sse_config");
        inner.Text("type", &s3->sse_type)
            .Text("kms_key_id", &s3->sse_kms_key_id)
            .TextMap("kms_encryption_context", &s3->sse_kms_encryption_context)
            .Text("encryption_key", &s3->sse_encryption_key);
        return inner.Finish();
      });
  THANOS_RETURN_IF_ERROR(map.Finish());
  return CheckS3(*s3);
}

// A provider that is not built: its keys are known, so that a bad file is told apart from one that
// only waits for its provider.
struct KnownProvider {
  std::string_view type;
  std::vector<std::string_view> texts, bools, numbers, durations, nodes;
};

const std::vector<KnownProvider>& KnownProviders() {
  static const std::vector<KnownProvider> kProviders = {
      {"GCS",
       {"bucket", "service_account"},
       {"use_grpc"},
       {"grpc_conn_pool_size", "chunk_size_bytes", "max_retries"},
       {},
       {"http_config"}},
      {"AZURE",
       {"storage_account", "storage_account_key", "storage_connection_string", "container",
        "endpoint", "user_assigned_id", "az_tenant_id", "client_id", "client_secret",
        "msi_resource"},
       {"storage_create_container"},
       {"max_retries"},
       {},
       {"reader_config", "pipeline_config", "http_config"}},
      {"SWIFT",
       {"auth_url", "username", "user_domain_name", "user_domain_id", "user_id", "password",
        "domain_id", "domain_name", "application_credential_id", "application_credential_name",
        "application_credential_secret", "project_id", "project_name", "project_domain_id",
        "project_domain_name", "region_name", "container_name",
        "large_object_segments_container_name"},
       {"use_dynamic_large_objects"},
       {"auth_version", "large_object_chunk_size", "retries"},
       {"connect_timeout", "timeout"},
       {"http_config"}},
      {"COS",
       {"bucket", "region", "app_id", "endpoint", "secret_key", "secret_id"},
       {},
       {"max_retries"},
       {},
       {"http_config"}},
      {"ALIYUNOSS", {"endpoint", "bucket", "access_key_id", "access_key_secret"}, {}, {}, {}, {}},
      {"BOS", {"bucket", "endpoint", "access_key", "secret_key"}, {}, {}, {}, {}},
      {"OCI",
       {"provider", "bucket", "compartment_ocid", "tenancy_ocid", "user_ocid", "region",
        "fingerprint", "privatekey", "passphrase"},
       {},
       {"part_size", "max_request_retries", "request_retry_interval"},
       {},
       {"http_config"}},
      {"OBS",
       {"bucket", "endpoint", "access_key", "secret_key"},
       {},
       {"max_retries"},
       {},
       {"http_config"}}};
  return kProviders;
}

using Texts = std::vector<std::pair<std::string, std::string>>;

std::string Get(const Texts& texts, std::string_view key) {
  for (const auto& [name, value] : texts) {
    if (name == key) return value;
  }
  return "";
}

Status CheckAzure(const Texts& t) {
  if (!Get(t, "storage_account_key").empty() && !Get(t, "storage_connection_string").empty()) {
    return Invalid("storage_account_key and storage_connection_string cannot both be set");
  }
  if (!Get(t, "storage_account_key").empty() && !Get(t, "user_assigned_id").empty()) {
    return Invalid("user_assigned_id cannot be set when using storage_account_key authentication");
  }
  std::string missing;
  if (Get(t, "storage_account").empty() && Get(t, "storage_connection_string").empty()) {
    missing = "storage_account_name is required but not configured";
  }
  if (Get(t, "container").empty())
    missing += (missing.empty() ? "" : ", ") + std::string("no container specified");
  if (!missing.empty()) return Invalid(missing);
  if (!Get(t, "msi_resource").empty() && Get(t, "storage_account_key").empty()) {
    return Invalid("msi_resource is deprecated and no credentials are configured");
  }
  return OkStatus();
}

Status CheckKnown(std::string_view type, const Texts& t) {
  const auto any_empty = [&](std::initializer_list<std::string_view> keys) {
    return std::any_of(keys.begin(), keys.end(), [&](auto key) { return Get(t, key).empty(); });
  };
  if (type == "AZURE") return CheckAzure(t);
  if (type == "COS") {
    const bool place = !Get(t, "endpoint").empty() || !any_empty({"bucket", "app_id", "region"});
    if (!place || any_empty({"secret_id", "secret_key"})) {
      return Invalid("validate cos configuration: insufficient cos configuration information");
    }
  }
  if (type == "ALIYUNOSS") {
    if (any_empty({"endpoint", "bucket"})) {
      return Invalid("aliyun oss endpoint or bucket is not present in config file");
    }
    if (any_empty({"access_key_id", "access_key_secret"})) {
      return Invalid("aliyun oss access_key_id or access_key_secret is not present in config file");
    }
    const size_t size = Get(t, "bucket").size();
    if (size < 3 || size > 63) {
      return Invalid("use aliyun oss bucket " + Get(t, "bucket") +
                     " failed: its name's length is not between 3 and 63");
    }
  }
  if (type == "BOS" && any_empty({"bucket", "endpoint", "access_key", "secret_key"})) {
    return Invalid("validating BOS configuration: insufficient BOS configuration information");
  }
  if (type == "OBS") {
    if (Get(t, "endpoint").empty())
      return Invalid("validate obs config err: no obs endpoint in config file");
    if (any_empty({"access_key", "secret_key"})) {
      return Invalid("validate obs config err: no obs secret_key and access_key specified");
    }
  }
  if (type == "GCS") {
    const std::string account = Get(t, "service_account");
    if (!account.empty()) {
      auto json = config::ParseYaml(account);  // JSON is YAML; only its shape is looked at here.
      if (!json.ok() || json->kind != YamlNode::Kind::kMap) {
        return Invalid("failed to create credentials from JSON: not a JSON object");
      }
    }
  }
  return OkStatus();
}

Status ReadKnown(const KnownProvider& provider, const YamlNode& node) {
  YamlMap map(node, "config");
  Texts texts;
  for (const std::string_view key : provider.texts) {
    std::string value;
    map.Text(key, &value);
    texts.emplace_back(key, value);
  }
  for (const std::string_view key : provider.bools) {
    bool ignored = false;
    map.Bool(key, &ignored);
  }
  for (const std::string_view key : provider.numbers) {
    int64_t ignored = 0;
    map.Int(key, &ignored);
  }
  for (const std::string_view key : provider.durations) {
    int64_t ignored = 0;
    map.Duration(key, &ignored);
  }
  for (const std::string_view key : provider.nodes) {
    map.Node(key, [key](const YamlNode& inner) {
      HttpConfig http;
      return key == "http_config" ? ReadHttp(inner, &http) : OkStatus();
    });
  }
  if (provider.type == "COS") map.AllowUnknown();  // As Go's loader does there.
  THANOS_RETURN_IF_ERROR(map.Finish());
  return CheckKnown(provider.type, texts);
}

Status ReadProvider(const YamlNode& settings, BucketConfig* out) {
  if (out->type == "FILESYSTEM") {
    YamlMap map(settings, "config");
    THANOS_RETURN_IF_ERROR(map.Text("directory", &out->directory).AllowUnknown().Finish());
    return out->directory.empty() ? Invalid("missing directory for filesystem bucket") : OkStatus();
  }
  if (out->type == "S3") return ReadS3(settings, &out->s3);
  for (const KnownProvider& provider : KnownProviders()) {
    if (provider.type == out->type) return ReadKnown(provider, settings);
  }
  return NotFoundError("");
}

}  // namespace

Result<BucketConfig> ParseBucketConfig(std::string_view yaml) {
  constexpr std::string_view kWhere = "parsing config YAML file";
  auto root = config::ParseYaml(yaml);
  if (!root.ok()) return root.status().WithContext(kWhere);
  BucketConfig out;
  std::string type;
  YamlNode settings;
  YamlMap map(*root, "bucket configuration");
  map.Text("type", &type).Text("prefix", &out.prefix).Node("config", [&](const YamlNode& node) {
    settings = node;
    return OkStatus();
  });
  if (Status status = map.Finish(); !status.ok()) return status.WithContext(kWhere);
  for (const char c : type) {
    out.type += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  const Status status = ReadProvider(settings, &out);
  if (status.code() == StatusCode::kNotFound) {
    return Invalid("bucket with type " + type + " is not supported");
  }
  if (!status.ok()) return status.WithContext("create " + out.type + " client");
  return out;
}

}  // namespace thanos::objstore
