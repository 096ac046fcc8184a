#include "objstore/bucket_config.h"

#include <gtest/gtest.h>

#include "base/time_text.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::objstore {
namespace {

using nlohmann::json;

json MapOf(const std::vector<std::pair<std::string, std::string>>& pairs) {
  json out = json::object();
  for (const auto& [name, value] : pairs) out[name] = value;
  return out;
}

json Duration(int64_t ns) { return base::FormatPromDuration(ns / 1000000); }

json Normalised(const S3Config& s3) {
  const HttpConfig& http = s3.http;
  const TlsConfig& tls = http.tls;
  return {{"access_key", s3.access_key},
          {"aws_sdk_auth", s3.aws_sdk_auth},
          {"bucket", s3.bucket},
          {"bucket_lookup_type", s3.bucket_lookup_type},
          {"disable_dualstack", s3.disable_dualstack},
          {"disable_multipart", s3.disable_multipart},
          {"endpoint", s3.endpoint},
          {"insecure", s3.insecure},
          {"list_objects_version", s3.list_objects_version},
          {"max_retries", s3.max_retries},
          {"part_size", s3.part_size},
          {"put_user_metadata", MapOf(s3.put_user_metadata)},
          {"region", s3.region},
          {"secret_key", s3.secret_key},
          {"send_content_md5", s3.send_content_md5},
          {"session_token", s3.session_token},
          {"signature_version2", s3.signature_version2},
          {"sse_config",
           {{"encryption_key", s3.sse_encryption_key},
            {"kms_encryption_context", MapOf(s3.sse_kms_encryption_context)},
            {"kms_key_id", s3.sse_kms_key_id},
            {"type", s3.sse_type}}},
          {"sts_endpoint", s3.sts_endpoint},
          {"trace", {{"enable", s3.trace}}},
          {"http_config",
           {{"disable_compression", http.disable_compression},
            {"expect_continue_timeout", Duration(http.expect_continue_timeout_ns)},
            {"idle_conn_timeout", Duration(http.idle_conn_timeout_ns)},
            {"insecure_skip_verify", http.insecure_skip_verify},
            {"max_conns_per_host", http.max_conns_per_host},
            {"max_idle_conns", http.max_idle_conns},
            {"max_idle_conns_per_host", http.max_idle_conns_per_host},
            {"response_header_timeout", Duration(http.response_header_timeout_ns)},
            {"tls_config",
             {{"ca_file", tls.ca_file},
              {"cert_file", tls.cert_file},
              {"insecure_skip_verify", tls.insecure_skip_verify},
              {"key_file", tls.key_file},
              {"server_name", tls.server_name}}},
            {"tls_handshake_timeout", Duration(http.tls_handshake_timeout_ns)}}}};
}

TEST(BucketConfigVectors, AreReadAndRefusedAsThere) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/objstore_yaml.jsonl");
  for (const json& row :
       testing::ReadJsonLines(testing::SharedPath("conformance/vectors/objstore_yaml.jsonl"))) {
    SCOPED_TRACE(row["id"].get<std::string>() + " " + row["yaml"].dump());
    const auto config = ParseBucketConfig(testing::TextOf(row["yaml"]));
    ASSERT_EQ(config.ok(), row["ok"].get<bool>()) << config.status().ToString();
    if (!config.ok()) {
      EXPECT_EQ(config.status().code(), StatusCode::kInvalidArgument);
      const std::string error_class = row["error_class"];
      const std::string text(config.status().message());
      if (error_class == "unknown-key") {
        EXPECT_THAT(text, ::testing::HasSubstr("not found"));
      }
      if (error_class == "duplicate-key") {
        EXPECT_THAT(text, ::testing::HasSubstr("already set"));
      }
      if (error_class == "wrong-type") {
        EXPECT_THAT(text, ::testing::HasSubstr("cannot unmarshal"));
      }
      continue;
    }
    const json& want = row["normalized"];
    EXPECT_EQ(config->type, want["type"].get<std::string>());
    EXPECT_EQ(config->prefix, want["prefix"].get<std::string>());
    if (config->type == "S3") {
      json expected = want["config"];
      // There the default map is shared: what one load put in shows in all later ones of the run.
      if (testing::TextOf(row["yaml"]).find("put_user_metadata") == std::string::npos) {
        expected["put_user_metadata"] = json::object();
      }
      EXPECT_EQ(json::diff(Normalised(config->s3), expected), json::array());
    }
    if (config->type == "FILESYSTEM") {
      EXPECT_EQ(config->directory, want["config"]["directory"].get<std::string>());
    }
  }
}

}  // namespace
}  // namespace thanos::objstore
