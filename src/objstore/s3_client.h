// Requests to S3: addresses, regions, signatures, retries, and what answers mean.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/log.h"
#include "net/http_client.h"
#include "objstore/bucket_config.h"
#include "objstore/s3.h"
#include "objstore/s3_credentials.h"

namespace thanos::objstore {

struct S3Request {
  std::string method = "GET";
  std::string key;  // "" is the bucket itself.
  NameValues query;
  NameValues headers;
  std::string body;  // Small; hashed here.
  /// A new reader of the body for each try, instead of `body`.
  std::function<Result<std::unique_ptr<ByteSource>>()> open_body;
  std::string payload_hash;  // Of such a body; "" signs none, which TLS allows.
  bool bulk = false;         // Contents of objects: they have connections of their own.
  size_t answer_bytes_max = 16 << 20;
  /// Looks at a whole answer, for Do; what it refuses is asked for again.
  std::function<Status(const std::string& body)> accept_answer;
};

/// Where the bucket is asked: part of the public surface for tests.
struct S3Address {
  std::string scheme, host;  // As in the URL; the port only where it is not the scheme's own.
  std::string path_prefix;   // "/bucket" or "".
};
S3Address AddressOf(const S3Config& config, std::string_view region);
/// The region that an Amazon endpoint names; "" when it names none.
std::string RegionOfEndpoint(std::string_view endpoint);

/// The class of an error answer. `status` is HTTP's; NotFound only for a key that is absent.
Status StatusOfS3Error(int status, const S3Error& error, std::string_view what, bool head);

/// Thread-safe.
class S3Client {
 public:
  static Result<std::unique_ptr<S3Client>> Make(const S3Config& config,
                                                const S3BucketOptions& options);

  /// Tries again what may pass: transport errors, 408, 429, 5xx and the like, as often as
  /// max_retries allows, after a random wait or the server's Retry-After. `what` names the request
  /// in errors.
  Result<net::ClientResponse> Do(const CallContext& context, const S3Request& request,
                                 const std::string& what);
  /// The answer once its head is there; its body is not retried.
  Result<std::unique_ptr<net::ClientStream>> Open(const CallContext& context,
                                                  const S3Request& request,
                                                  const std::string& what);
  /// The wait before try `attempt` + 1 (from 1); ends early with the context.
  Status Backoff(const CallContext& context, int attempt, std::chrono::milliseconds at_least) const;
  int attempts() const { return attempts_; }
  const S3Config& config() const { return config_; }

 private:
  // What came of one try.
  struct Try {
    Status status;
    bool again = false;
    std::chrono::milliseconds wait{0};
    std::unique_ptr<net::ClientStream> stream;
  };
  S3Client(const S3Config& config, const S3BucketOptions& options);
  Result<std::unique_ptr<net::ClientStream>> Retried(const CallContext& context,
                                                     const S3Request& request,
                                                     const std::string& what, std::string* body);
  Try Once(const CallContext& context, const S3Request& request, const std::string& what,
           const std::string& region);
  Try Judge(std::unique_ptr<net::ClientStream> stream, const S3Request& request,
            const std::string& what, const S3Credentials& credentials);
  Result<std::string> Region(const CallContext& context);
  Result<std::string> DiscoverRegion(const CallContext& context);
  void LearnRegion(const std::string& region);
  void Trace(const net::ClientRequest& request, int status, std::string_view error,
             double seconds) const;

  const S3Config config_;
  const base::Logger logger_;
  const int attempts_;
  const std::chrono::milliseconds first_backoff_;
  std::unique_ptr<S3CredentialChain> credentials_;
  std::shared_ptr<net::HttpClient> small_, bulk_;
  metrics::Counter retries_;
  std::atomic<int64_t> clock_skew_ms_{0};  // The server's clock less ours, once it complained.
  std::mutex mutex_;
  std::string region_;  // Guarded by mutex_; "" until it is known.
};

}  // namespace thanos::objstore
