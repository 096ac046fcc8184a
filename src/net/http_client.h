// An HTTP client: pooled connections, deadlines, cancellation, streamed bodies with back-pressure.
// Errors name the URL (without user info and query).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "net/http_types.h"
#include "thanos/bucket.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::net {

/// Paths of PEM files; "" where not given. `server_name` is verified and sent instead of the URL's
/// host; such requests go without a proxy.
struct ClientTls {
  std::string ca_file, cert_file, key_file, server_name;
  bool insecure_skip_verify = false;
};

struct HttpClientOptions {
  std::string user_agent = "Thanos/0.1.0";
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(5);
  /// From the request sent to the first byte of the answer; 0 is none.
  std::chrono::nanoseconds response_header_timeout{0};
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(90);
  size_t connections_max = 100;         // Kept open when idle.
  size_t connections_per_host_max = 0;  // At once; 0 is no limit. More requests wait.
  std::string basic_user, basic_password;
  std::string bearer_token;
  /// Read anew for each request, so that they may be rotated; a line break at the end is cut off.
  std::string basic_password_file, bearer_token_file;
  std::string proxy_url;  // "" takes http_proxy and the like; "none" uses no proxy.
  ClientTls tls;
  bool accept_compression = false;  // Asks for gzip and unpacks it.
  /// A transfer slower than 1 KiB/s for this long is given up, the wait for the answer included;
  /// 0 is never. For object storage; not for peers that compute for minutes.
  std::chrono::seconds stall_timeout{0};
};

struct ClientRequest {
  std::string method = "GET";
  std::string url;
  HttpHeaders headers;
  std::string body;
  /// Read on the calling thread while the request is sent, instead of `body`. Its size must be
  /// known, unless `chunked_upload`.
  ByteSource* body_source = nullptr;
  bool chunked_upload = false;
  /// Of the whole body in Do(); more is kResourceExhausted.
  size_t response_bytes_max = 64 << 20;
};

struct ClientResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;
};

/// An answer whose body is read as it comes: 64 to 1024 KiB are read ahead. One thread at a time.
/// The destructor gives up the rest of the body; it waits for nothing.
class ClientStream : public ByteSource {
 public:
  virtual int status() const = 0;
  virtual const HttpHeaders& headers() const = 0;
  // Read() from ByteSource: kDataLoss when the body ends short of its announced length.
  /// The rest of the body, e.g. an error page. More than `bytes_max` is kResourceExhausted.
  virtual Result<std::string> ReadAll(size_t bytes_max) = 0;
};

/// Thread-safe. One thread of its own drives all transfers.
class HttpClient {
 public:
  static Result<std::shared_ptr<HttpClient>> Make(HttpClientOptions options);
  ~HttpClient();

  /// The whole answer, whatever its status. kUnavailable for what may work when tried again,
  /// kDeadlineExceeded, kCancelled.
  Result<ClientResponse> Do(const CallContext& context, const ClientRequest& request);
  /// Returns once the headers are there. The context holds for the body too.
  Result<std::unique_ptr<ClientStream>> Open(const CallContext& context,
                                             const ClientRequest& request);

 private:
  struct Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// scheme://host[:port]/path without user info, query and fragment: for messages.
std::string UrlForMessages(std::string_view url);
/// Joins a base URL's path and `path` with exactly one slash between them; keeps the base's query.
std::string JoinUrl(std::string_view base, std::string_view path);

}  // namespace thanos::net
