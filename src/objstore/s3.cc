#include "objstore/s3.h"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include "codec/hash.h"
#include "config/flags.h"
#include "net/http_types.h"
#include "objstore/byte_sources.h"
#include "objstore/s3_source.h"
#include "objstore/s3_upload.h"

namespace thanos::objstore {
namespace {

constexpr size_t kCustomerKeyBytes = 32;

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

// Metadata that is a header of its own; all else is prefixed. As Go's client decides.
bool IsHeaderOfItsOwn(std::string_view name) {
  constexpr std::string_view kNames[] = {"content-encoding",
                                         "content-disposition",
                                         "content-language",
                                         "content-type",
                                         "cache-control",
                                         "expires",
                                         "x-amz-acl",
                                         "x-amz-website-redirect-location",
                                         "x-amz-object-lock-mode",
                                         "x-amz-metadata-directive",
                                         "x-amz-object-lock-retain-until-date",
                                         "x-amz-replication-status"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames) ||
         name.starts_with("x-amz-meta-") || name.starts_with("x-amz-grant-") ||
         name.starts_with("x-amz-server-side-encryption");
}

Result<NameValues> CustomerKeyHeaders(const S3Config& config) {
  if (config.insecure) {
    return InvalidArgumentError("sse_config.type SSE-C needs TLS: insecure must be false");
  }
  THANOS_ASSIGN_OR_RETURN(const std::string key, config::ReadFileText(config.sse_encryption_key));
  if (key.size() != kCustomerKeyBytes) {
    return InvalidArgumentError("encryption_key " + config.sse_encryption_key + " has " +
                                std::to_string(key.size()) + " bytes instead of 32");
  }
  const auto md5 = codec::Md5(key);
  const std::string prefix = "x-amz-server-side-encryption-customer-";
  return NameValues{
      {prefix + "algorithm", "AES256"},
      {prefix + "key", Base64Of(key)},
      {prefix + "key-MD5", Base64Of({reinterpret_cast<const char*>(md5.data()), md5.size()})}};
}

Result<S3ObjectHeaders> HeadersOf(const S3Config& config) {
  S3ObjectHeaders out;
  const std::string sse = "x-amz-server-side-encryption";
  if (config.sse_type == "SSE-S3") {
    out.put = {{sse, "AES256"}};
  } else if (config.sse_type == "SSE-KMS") {
    auto context = nlohmann::json::object();
    for (const auto& [name, value] : config.sse_kms_encryption_context) context[name] = value;
    out.put = {{sse, "aws:kms"},
               {sse + "-aws-kms-key-id", config.sse_kms_key_id},
               {sse + "-context", Base64Of(context.dump())}};
  } else if (config.sse_type == "SSE-C") {
    THANOS_ASSIGN_OR_RETURN(out.part, CustomerKeyHeaders(config));
    out.put = out.part;
  }
  for (const auto& [name, value] : config.put_user_metadata) {
    const std::string lower = Lower(name);
    const bool own = lower == "x-amz-storage-class" || IsHeaderOfItsOwn(lower);
    out.put.emplace_back(own ? lower : "x-amz-meta-" + lower, value);
  }
  return out;
}

// Milliseconds since the epoch of a Last-Modified; 0 when it cannot be read.
int64_t ModifiedMs(std::string_view text) {
  std::tm time{};
  const std::string copy(text);
  if (strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &time) == nullptr) return 0;
  return static_cast<int64_t>(timegm(&time)) * 1000;
}

class S3Bucket : public Bucket {
 public:
  S3Bucket(std::shared_ptr<S3Client> client, S3ObjectHeaders headers, bool etags_are_md5,
           base::Logger logger)
      : client_(std::move(client)),
        headers_(std::move(headers)),
        etags_are_md5_(etags_are_md5),
        uploader_(client_, headers_, std::move(logger)) {}

  std::string name() const override { return client_->config().bucket; }
  Capabilities capabilities() const override {
    return {.copy = true, .listing_has_attributes = true};
  }

  Result<ObjectAttributes> Attributes(const CallContext& context, std::string_view name) override {
    S3Request request;
    request.method = "HEAD";
    request.key = name;
    request.headers = headers_.part;
    const std::string what = "attributes of " + std::string(name);
    THANOS_ASSIGN_OR_RETURN(const net::ClientResponse answer, client_->Do(context, request, what));
    const std::string_view length = answer.headers.Get("Content-Length");
    ObjectAttributes out;
    const auto [end, error] =
        std::from_chars(length.data(), length.data() + length.size(), out.size);
    if (length.empty() || error != std::errc() || end != length.data() + length.size() ||
        out.size < 0) {
      return DataLossError(what + ": answer has no size");
    }
    out.modified_ms = ModifiedMs(answer.headers.Get("Last-Modified"));
    return out;
  }

  Status Iterate(const CallContext& context, const ListOptions& options,
                 const ObjectVisitor& visitor) override;

  Result<std::unique_ptr<ByteSource>> Open(const CallContext& context, std::string_view name,
                                           ByteRange range) override {
    if (range.offset < 0) {
      return Status(StatusCode::kOutOfRange, "object " + std::string(name) + ": range begins at " +
                                                 std::to_string(range.offset));
    }
    if (range.length == 0) return OpenNothing(context, name, range.offset);
    auto source =
        OpenS3Source(context, client_, headers_.part, std::string(name), range, etags_are_md5_);
    if (source.status().code() != StatusCode::kOutOfRange) return source;
    // S3 refuses a range that begins at the very end, and every range of an empty object.
    return OpenNothing(context, name, range.offset);
  }

  Status Upload(const CallContext& context, std::string_view name, ByteSource& content,
                const PutOptions& options) override {
    return uploader_.Upload(context, std::string(name), content, options);
  }

  Status Delete(const CallContext& context, std::string_view name) override {
    S3Request request;
    request.method = "DELETE";
    request.key = name;
    const auto answer = client_->Do(context, request, "delete " + std::string(name));
    return answer.status().code() == StatusCode::kNotFound ? OkStatus() : answer.status();
  }

  Status Copy(const CallContext& context, std::string_view from, std::string_view to) override;

 private:
  Result<std::unique_ptr<ByteSource>> OpenNothing(const CallContext& context, std::string_view name,
                                                  int64_t offset) {
    THANOS_ASSIGN_OR_RETURN(const ObjectAttributes attributes, Attributes(context, name));
    if (offset > attributes.size) {
      return Status(StatusCode::kOutOfRange, "object " + std::string(name) + ": range begins at " +
                                                 std::to_string(offset) + ", behind the end at " +
                                                 std::to_string(attributes.size));
    }
    return MemorySource("");
  }
  Result<S3Page> Page(const CallContext& context, const ListOptions& options,
                      const std::string& next);

  const std::shared_ptr<S3Client> client_;
  const S3ObjectHeaders headers_;
  const bool etags_are_md5_;
  S3Uploader uploader_;
};

Result<S3Page> S3Bucket::Page(const CallContext& context, const ListOptions& options,
                              const std::string& next) {
  const bool version1 = client_->config().list_objects_version == "v1";
  S3Request request;
  request.query = {{"prefix", options.prefix}, {"max-keys", "1000"}, {"encoding-type", "url"}};
  if (!options.recursive) request.query.emplace_back("delimiter", "/");
  if (version1) {
    const std::string& marker = next.empty() ? options.start_after : next;
    if (!marker.empty()) request.query.emplace_back("marker", marker);
  } else {
    request.query.emplace_back("list-type", "2");
    if (!next.empty()) {
      request.query.emplace_back("continuation-token", next);
    } else if (!options.start_after.empty()) {
      request.query.emplace_back("start-after", options.start_after);
    }
  }
  S3Page page;
  // What is no listing may be a passing fault of something between.
  request.accept_answer = [&page, version1](const std::string& body) {
    auto parsed = ParseS3Page(body, version1);
    if (parsed.ok()) page = *std::move(parsed);
    return parsed.status();
  };
  const std::string what = "list " + (options.prefix.empty() ? "bucket " + name() : options.prefix);
  THANOS_RETURN_IF_ERROR(client_->Do(context, request, what).status());
  return page;
}

Status S3Bucket::Iterate(const CallContext& context, const ListOptions& options,
                         const ObjectVisitor& visitor) {
  ListOptions wanted = options;
  if (!wanted.prefix.empty() && !wanted.prefix.ends_with('/')) wanted.prefix += '/';
  std::string next, last = wanted.start_after;
  for (;;) {
    THANOS_ASSIGN_OR_RETURN(const S3Page page, Page(context, wanted, next));
    for (const S3ListedObject& entry : page.entries) {
      if (!entry.name.starts_with(wanted.prefix)) {
        return DataLossError("list " + wanted.prefix + ": \"" + entry.name + "\" is not below it");
      }
      // Markers of directories, that consoles make, are no objects of ours.
      if (!entry.is_prefix && entry.name.ends_with('/')) continue;
      if (entry.name == last || entry.name <= wanted.start_after) continue;
      if (entry.name < last) {
        return DataLossError("list " + wanted.prefix + ": \"" + entry.name + "\" comes after \"" +
                             last + "\"");
      }
      THANOS_RETURN_IF_ERROR(context.Check());
      THANOS_RETURN_IF_ERROR(visitor({entry.name, entry.attributes, !entry.is_prefix}));
      last = entry.name;
    }
    if (!page.truncated) return OkStatus();
    if (page.next == next) return DataLossError("list " + wanted.prefix + ": pages do not end");
    next = page.next;
  }
}

Status S3Bucket::Copy(const CallContext& context, std::string_view from, std::string_view to) {
  S3Request request;
  request.method = "PUT";
  request.key = to;
  request.headers = headers_.put;
  request.headers.emplace_back(
      "x-amz-copy-source",
      "/" + AwsEscape(client_->config().bucket + "/" + std::string(from), true));
  for (const auto& [name, value] : headers_.part) {
    request.headers.emplace_back("x-amz-copy-source-" + name.substr(6), value);
  }
  const std::string what = "copy " + std::string(from) + " to " + std::string(to);
  THANOS_ASSIGN_OR_RETURN(const net::ClientResponse answer, client_->Do(context, request, what));
  S3Error error;
  THANOS_RETURN_IF_ERROR(
      ParseLateResult(answer.body, "CopyObjectResult", &error).WithContext(what));
  return error.code.empty() ? OkStatus() : StatusOfS3Error(answer.status, error, what, false);
}

}  // namespace

Result<std::unique_ptr<Bucket>> OpenS3Bucket(const S3Config& config, S3BucketOptions options) {
  if (config.signature_version2) {
    return UnimplementedError("signature_version2 is not built: AWS signature version 4 only");
  }
  if (config.bucket.empty()) return InvalidArgumentError("no s3 bucket in config file");
  THANOS_ASSIGN_OR_RETURN(S3ObjectHeaders headers, HeadersOf(config));
  THANOS_ASSIGN_OR_RETURN(std::shared_ptr<S3Client> client, S3Client::Make(config, options));
  return std::unique_ptr<Bucket>(std::make_unique<S3Bucket>(
      std::move(client), std::move(headers), options.etags_are_md5, std::move(options.logger)));
}

}  // namespace thanos::objstore
