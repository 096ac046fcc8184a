#include "objstore/s3_client.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <random>

#include "base/await.h"
#include "base/time_text.h"
#include "codec/hash.h"

namespace thanos::objstore {
namespace {

using Milliseconds = std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr int kAttempts = 10;  // Of Go's client, where max_retries is 0.
constexpr Milliseconds kRetryAfterMax{60000};
constexpr std::chrono::seconds kDialTimeout{30};    // Go's net/http dials as long.
constexpr std::chrono::seconds kStallTimeout{120};  // Below 1 KiB/s all the while.
constexpr size_t kErrorBytesMax = 64 << 10;
constexpr std::string_view kFirstRegion = "us-east-1";

// A body that tells its own failures from those of the network.
class WatchedBody : public ByteSource {
 public:
  explicit WatchedBody(std::unique_ptr<ByteSource> inner) : inner_(std::move(inner)) {}
  Result<size_t> Read(std::span<std::byte> out) override {
    Result<size_t> got = inner_->Read(out);
    if (!got.ok()) failure_ = got.status();
    return got;
  }
  int64_t size() const override { return inner_->size(); }
  const Status& failure() const { return failure_; }

 private:
  std::unique_ptr<ByteSource> inner_;
  Status failure_;
};

bool OneOf(std::string_view text, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

bool MayPass(int status, std::string_view code) {
  return status == 408 || status == 429 || (status >= 499 && status <= 504 && status != 501) ||
         status == 520 ||
         OneOf(code, {"RequestError", "RequestTimeout", "Throttling", "ThrottlingException",
                      "RequestLimitExceeded", "RequestThrottled", "InternalError", "ExpiredToken",
                      "ExpiredTokenException", "SlowDown", "SlowDownRead", "SlowDownWrite"});
}

Milliseconds RetryAfter(const net::HttpHeaders& headers) {
  const std::string_view text = headers.Get("Retry-After");
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || seconds < 0) {
    return Milliseconds(0);  // A date: clocks may differ, our own wait does.
  }
  return std::min(Milliseconds(std::min<int64_t>(seconds, 3600) * 1000), kRetryAfterMax);
}

// Milliseconds since the epoch of "Fri, 24 May 2013 00:00:00 GMT"; -1 when it is something else.
int64_t HttpDateMs(std::string_view text) {
  std::tm time{};
  const std::string copy(text);
  const char* end = strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &time);
  return end == nullptr || *end != '\0' ? -1 : static_cast<int64_t>(timegm(&time)) * 1000;
}

bool IsAmazon(std::string_view host) {
  return host.starts_with("s3") &&
         (host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn"));
}

// Those that are used as they are given.
bool IsFixedAmazon(std::string_view host) {
  return host.find("fips") != std::string_view::npos || host.find("vpce") != std::string_view::npos;
}

bool PrefersVirtualHost(std::string_view host) {
  return IsAmazon(host) || host == "storage.googleapis.com" || host.ends_with("aliyuncs.com");
}

net::HttpClientOptions ConnectionOptions(const S3Config& config, std::string user_agent) {
  const HttpConfig& http = config.http;
  net::HttpClientOptions out;
  out.user_agent = std::move(user_agent);
  out.connect_timeout = kDialTimeout + std::chrono::nanoseconds(http.tls_handshake_timeout_ns);
  out.response_header_timeout = std::chrono::nanoseconds(http.response_header_timeout_ns);
  out.idle_timeout = std::chrono::nanoseconds(http.idle_conn_timeout_ns);
  out.stall_timeout = kStallTimeout;
  // There is one host only; 0 is no limit in Go, and so many are never idle at once.
  const auto limit = [](int64_t n) { return n <= 0 ? size_t{10000} : static_cast<size_t>(n); };
  out.connections_max = std::min(limit(http.max_idle_conns), limit(http.max_idle_conns_per_host));
  out.connections_per_host_max = static_cast<size_t>(std::max<int64_t>(http.max_conns_per_host, 0));
  out.tls = {http.tls.ca_file, http.tls.cert_file, http.tls.key_file, http.tls.server_name,
             http.insecure_skip_verify};
  return out;
}

}  // namespace

std::string RegionOfEndpoint(std::string_view endpoint) {
  std::string_view host = endpoint.substr(0, endpoint.rfind(':'));
  if (!IsAmazon(host)) return "";
  for (const std::string_view suffix : {".amazonaws.com.cn", ".amazonaws.com"}) {
    if (!host.ends_with(suffix)) continue;
    host.remove_suffix(suffix.size());
    break;
  }
  for (const std::string_view prefix :
       {"s3.dualstack.", "s3-fips.dualstack.", "s3-fips.", "s3-fips-", "s3.", "s3-"}) {
    if (host.starts_with(prefix)) {
      host.remove_prefix(prefix.size());
      return host == "external-1" || host == "accelerate" || host.find('.') != std::string::npos
                 ? ""
                 : std::string(host);
    }
  }
  return "";
}

S3Address AddressOf(const S3Config& config, std::string_view region) {
  S3Address out;
  out.scheme = config.insecure ? "http" : "https";
  std::string host = config.endpoint;
  if (host.ends_with(config.insecure ? ":80" : ":443")) host.resize(host.rfind(':'));
  const bool amazon = IsAmazon(host);
  if (amazon && !IsFixedAmazon(host)) {
    const bool china = region.starts_with("cn-");
    host = (config.disable_dualstack ? "s3." : "s3.dualstack.") + std::string(region) +
           ".amazonaws.com" + (china ? ".cn" : "");
  }
  const bool dotted = config.bucket.find('.') != std::string::npos;
  const bool virtual_host = config.bucket_lookup_type == "virtual-hosted" ||
                            (config.bucket_lookup_type == "auto" && PrefersVirtualHost(host) &&
                             (config.insecure || !dotted));
  out.host = virtual_host ? config.bucket + "." + host : host;
  out.path_prefix = virtual_host ? "" : "/" + config.bucket;
  return out;
}

Status StatusOfS3Error(int status, const S3Error& error, std::string_view what, bool head) {
  std::string text = std::string(what) + ": S3 answers " + std::to_string(status);
  if (!error.code.empty()) text += " " + error.code;
  if (!error.message.empty()) text += ": " + error.message;
  if (!error.request_id.empty()) text += " (request id " + error.request_id + ")";
  const std::string& code = error.code;
  // The answer to HEAD has no body to tell more.
  if (code == "NoSuchKey" || (status == 404 && head)) return NotFoundError(std::move(text));
  if (MayPass(status, code)) return UnavailableError(std::move(text));
  if (status == 401 || OneOf(code, {"SignatureDoesNotMatch", "InvalidAccessKeyId",
                                    "RequestTimeTooSkewed", "AuthorizationHeaderMalformed"})) {
    return Status(StatusCode::kUnauthenticated, std::move(text));
  }
  if (status == 403) return PermissionDeniedError(std::move(text));
  if (status == 412 || status == 409) return AbortedError(std::move(text));
  if (OneOf(code, {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "IncompleteBody"})) {
    return DataLossError(std::move(text));
  }
  if (status == 416) return Status(StatusCode::kOutOfRange, std::move(text));
  if (status == 501) return UnimplementedError(std::move(text));
  return FailedPreconditionError(std::move(text));
}

S3Client::S3Client(const S3Config& config, const S3BucketOptions& options)
    : config_(config),
      logger_(options.logger),
      attempts_(config.max_retries > 0
                    ? static_cast<int>(std::min<int64_t>(config.max_retries, 1000))
                    : kAttempts),
      first_backoff_(options.first_backoff),
      credentials_(MakeS3Credentials(config, options.logger)),
      region_(config.region.empty() ? RegionOfEndpoint(config.endpoint) : config.region) {}

Result<std::unique_ptr<S3Client>> S3Client::Make(const S3Config& config,
                                                 const S3BucketOptions& options) {
  std::unique_ptr<S3Client> out(new S3Client(config, options));
  const net::HttpClientOptions connection = ConnectionOptions(config, options.user_agent);
  THANOS_ASSIGN_OR_RETURN(out->small_, net::HttpClient::Make(connection));
  THANOS_ASSIGN_OR_RETURN(out->bulk_, net::HttpClient::Make(connection));
  if (options.registry != nullptr) {
    out->retries_ = options.registry->AddCounter(
        "thanos_objstore_bucket_request_retries_total",
        "Requests to the object store that were tried again.", {{"bucket", config.bucket}});
  }
  return out;
}

Result<net::ClientResponse> S3Client::Do(const CallContext& context, const S3Request& request,
                                         const std::string& what) {
  net::ClientResponse out;
  THANOS_ASSIGN_OR_RETURN(const auto stream, Retried(context, request, what, &out.body));
  out.status = stream->status();
  out.headers = stream->headers();
  return out;
}

Result<std::unique_ptr<net::ClientStream>> S3Client::Open(const CallContext& context,
                                                          const S3Request& request,
                                                          const std::string& what) {
  return Retried(context, request, what, nullptr);
}

Result<std::unique_ptr<net::ClientStream>> S3Client::Retried(const CallContext& context,
                                                             const S3Request& request,
                                                             const std::string& what,
                                                             std::string* body) {
  for (int attempt = 1;; ++attempt) {
    THANOS_ASSIGN_OR_RETURN(const std::string region, Region(context));
    Try got = Once(context, request, what, region);
    if (got.status.ok() && body != nullptr) {
      Result<std::string> all = got.stream->ReadAll(request.answer_bytes_max);
      if (all.ok()) *body = *std::move(all);
      got.status = all.status();
      if (all.ok() && request.accept_answer) got.status = request.accept_answer(*body);
      got.again = got.status.code() != StatusCode::kResourceExhausted;
      got.status = got.status.WithContext(what);
    }
    if (got.status.ok()) return std::move(got.stream);
    THANOS_RETURN_IF_ERROR(context.Check().WithContext(what));
    if (!got.again || attempt >= attempts_) return got.status;
    retries_.Add();
    THANOS_RETURN_IF_ERROR(Backoff(context, attempt, got.wait).WithContext(what));
  }
}

Status S3Client::Backoff(const CallContext& context, int attempt, Milliseconds at_least) const {
  thread_local std::minstd_rand random(std::random_device{}());
  // 400 ms, 800 ms, 1 s, 1 s, …
  const Milliseconds most =
      std::min(first_backoff_ * (1 << std::min(attempt - 1, 10)), first_backoff_ * 5 / 2);
  const Milliseconds own(1 + static_cast<int64_t>(random()) % most.count());
  const Milliseconds pause = std::max(own, at_least);
  if (SteadyClock::now() + pause >= context.deadline()) {
    return DeadlineExceededError("context deadline exceeded before the next try");
  }
  return base::SleepFor(context, pause);
}

S3Client::Try S3Client::Once(const CallContext& context, const S3Request& request,
                             const std::string& what, const std::string& region) {
  Try out;
  const auto credentials = credentials_->Get(context);
  if (!credentials.ok()) {
    out.status = credentials.status().WithContext(what);
    return out;
  }
  const S3Address address = AddressOf(config_, region);
  S3ToSign sign;
  sign.method = request.method;
  sign.host = address.host;
  if (!config_.http.tls.server_name.empty() && address.host.find(':') == std::string::npos) {
    sign.host += config_.insecure ? ":80" : ":443";  // As the client then sends it.
  }
  sign.path = address.path_prefix + "/" + request.key;
  sign.query = request.query;
  sign.headers = request.headers;
  sign.payload_hash = request.payload_hash;
  if (!request.open_body) {
    const auto digest = codec::Sha256(request.body);
    sign.payload_hash = codec::ToHex(digest);
  } else if (sign.payload_hash.empty()) {
    sign.payload_hash = kUnsignedPayload;
  }
  const S3Signature signature =
      SignV4(sign, *credentials, region, "s3", base::NowMs() + clock_skew_ms_.load());
  net::ClientRequest sent;
  sent.method = request.method;
  sent.url = address.scheme + "://" + address.host + signature.target;
  for (const NameValues* headers : {&request.headers, &signature.headers}) {
    for (const auto& [name, value] : *headers) sent.headers.Add(name, value);
  }
  sent.body = request.body;
  std::unique_ptr<WatchedBody> body;
  if (request.open_body) {
    auto opened = request.open_body();
    if (!opened.ok()) {
      out.status = opened.status().WithContext(what);
      return out;
    }
    body = std::make_unique<WatchedBody>(*std::move(opened));
    sent.body_source = body.get();
  }
  const auto start = SteadyClock::now();
  auto stream = (request.bulk ? bulk_ : small_)->Open(context, sent);
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - start).count();
  if (config_.trace) {
    Trace(sent, stream.ok() ? (*stream)->status() : 0, stream.status().message(), seconds);
  }
  if (stream.ok()) return Judge(*std::move(stream), request, what, *credentials);
  const StatusCode code = stream.status().code();
  out.status = stream.status().WithContext(what);
  const bool own_body = body != nullptr && !body->failure().ok();
  out.again = !own_body && (code == StatusCode::kUnavailable || code == StatusCode::kDataLoss);
  return out;
}

S3Client::Try S3Client::Judge(std::unique_ptr<net::ClientStream> stream, const S3Request& request,
                              const std::string& what, const S3Credentials& credentials) {
  Try out;
  const int status = stream->status();
  if (status >= 200 && status < 300) {
    out.stream = std::move(stream);
    return out;
  }
  const auto body = stream->ReadAll(kErrorBytesMax);
  S3Error error = ParseS3Error(body.ok() ? *body : "");
  if (const std::string_view named = stream->headers().Get("x-amz-bucket-region"); !named.empty()) {
    error.region = named;
  }
  if (error.request_id.empty()) error.request_id = stream->headers().Get("x-amz-request-id");
  out.status = StatusOfS3Error(status, error, what, request.method == "HEAD");
  out.again = MayPass(status, error.code);
  out.wait = RetryAfter(stream->headers());
  if (error.code == "ExpiredToken" || error.code == "ExpiredTokenException") {
    credentials_->Refused(credentials);
  }
  const bool other_place =
      status == 301 || status == 307 || status == 400 || error.code == "InvalidRegion";
  if (other_place && config_.region.empty() && !error.region.empty()) {
    std::lock_guard lock(mutex_);
    out.again = region_ != error.region;
    region_ = error.region;
  }
  if (error.code == "RequestTimeTooSkewed") {
    const int64_t theirs = HttpDateMs(stream->headers().Get("Date"));
    const int64_t skew = theirs - base::NowMs();
    out.again = theirs >= 0 && std::abs(skew - clock_skew_ms_.exchange(skew)) > 60000;
  }
  return out;
}

Result<std::string> S3Client::Region(const CallContext& context) {
  {
    std::lock_guard lock(mutex_);
    if (!region_.empty()) return region_;
  }
  THANOS_ASSIGN_OR_RETURN(std::string region, DiscoverRegion(context));
  LearnRegion(region);
  return region;
}

void S3Client::LearnRegion(const std::string& region) {
  std::lock_guard lock(mutex_);
  region_ = region;
}

// Asked in the first region; an answer that knows better says so.
Result<std::string> S3Client::DiscoverRegion(const CallContext& context) {
  S3Request request;
  request.query = {{"location", ""}};
  const std::string what = "look up the region of bucket " + config_.bucket;
  for (int attempt = 1;; ++attempt) {
    Try got = Once(context, request, what, std::string(kFirstRegion));
    {
      std::lock_guard lock(mutex_);
      if (!region_.empty()) return region_;  // Judge found it in the error.
    }
    if (got.status.ok()) {
      Result<std::string> body = got.stream->ReadAll(kErrorBytesMax);
      Result<std::string> region = body.ok() ? ParseLocation(*body) : body;
      if (region.ok()) return region;
      got.status = region.status().WithContext(what);
      got.again = true;
    }
    // Who may not ask may still use the bucket.
    if (got.status.code() == StatusCode::kPermissionDenied ||
        got.status.code() == StatusCode::kUnimplemented) {
      return std::string(kFirstRegion);
    }
    THANOS_RETURN_IF_ERROR(context.Check().WithContext(what));
    if (!got.again || attempt >= attempts_) return got.status;
    retries_.Add();
    THANOS_RETURN_IF_ERROR(Backoff(context, attempt, got.wait).WithContext(what));
  }
}

void S3Client::Trace(const net::ClientRequest& request, int status, std::string_view error,
                     double seconds) const {
  std::string headers;
  for (const auto& [name, value] : request.headers.fields()) {
    const bool secret = net::EqualsIgnoringCase(name, "Authorization") ||
                        net::EqualsIgnoringCase(name, "x-amz-security-token") ||
                        name.find("customer-key") != std::string::npos;
    headers += (headers.empty() ? "" : "; ") + name + ": " + (secret ? "**REDACTED**" : value);
  }
  logger_.Debug("S3 request",
                {{"method", request.method},
                 {"url", request.url},
                 {"status", status},
                 {"err", error},
                 {"duration", base::FormatGoDuration(static_cast<int64_t>(seconds * 1e9))},
                 {"headers", headers}});
}

}  // namespace thanos::objstore
