// What the web configuration asks of every connection and request, followed as the file changes.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "net/file_follower.h"
#include "net/http_types.h"
#include "net/web_config.h"
#include "thanos/status.h"

namespace thanos::net {

/// Thread-safe. The file and what it names are looked at once a second, on a thread of its own. A
/// new content that cannot be used is logged and the last good one stays; whether there is TLS at
/// all is decided at the start, and a change of that is such a content.
class WebGuard {
 public:
  enum class Verdict : uint8_t {
    kPass,
    kUnauthorized,
    kTooMany,  // Over the rate limit.
    kAsk       // A password that is not known yet: call Verify, which is slow.
  };
  using Headers = std::vector<std::pair<std::string, std::string>>;

  /// kInvalidArgument names the file, and the line where there is one.
  static Result<std::unique_ptr<WebGuard>> Open(const std::string& path, base::Logger logger);
  ~WebGuard() { watch_.reset(); }

  bool has_tls() const { return has_tls_; }
  /// For the next connection; null without TLS.
  std::shared_ptr<const TlsContext> tls() const;
  /// Added to every answer.
  std::shared_ptr<const Headers> headers() const;
  /// Whether a request with this Authorization header may pass. Quick: a table of passwords seen.
  Verdict Check(std::string_view authorization);
  /// Computes bcrypt: about 50 ms at the usual cost, so never on an I/O thread. One at a time is
  /// the caller's to see to.
  bool Verify(std::string_view authorization);

 private:
  using Digest = std::array<uint8_t, 32>;
  struct DigestHash {
    size_t operator()(const Digest& digest) const;
  };
  struct State {
    WebConfig config;
    std::shared_ptr<const TlsContext> tls;
    std::shared_ptr<const Headers> headers;
  };
  /// A bounded set with random eviction. Guarded by the guard's mutex.
  class Known {
   public:
    bool Has(const Digest& digest) const { return index_.contains(digest); }
    void Add(const Digest& digest, std::minstd_rand* random);

   private:
    static constexpr size_t kMax = 100;
    std::unordered_map<Digest, size_t, DigestHash> index_;
    std::vector<Digest> entries_;
  };

  WebGuard(std::string path, base::Logger logger);
  Result<std::shared_ptr<const State>> Load(FileFollower* follower) const;
  void Refresh();
  std::shared_ptr<const State> state() const;
  bool TakeToken(const WebConfig& config);
  Digest DigestOf(std::string_view user, std::string_view hash, std::string_view password) const;

  const std::string path_;
  const base::Logger logger_;
  const std::string salt_;  // So that digests in memory say nothing about passwords.
  bool has_tls_ = false;
  FileFollower follower_;  // The watching thread only.
  mutable std::mutex mutex_;
  std::shared_ptr<const State> state_;  // Guarded by mutex_, as all below.
  Known good_, bad_;                    // Apart, so that guessing does not drive out the good.
  std::minstd_rand random_{std::random_device{}()};
  double tokens_ = 0;
  std::chrono::steady_clock::time_point tokens_at_ = std::chrono::steady_clock::now();
  std::unique_ptr<base::PeriodicTask> watch_;
};

/// User and password of "Basic <base64>"; false when it is none.
bool ParseBasicAuth(std::string_view header, std::string* user, std::string* password);

}  // namespace thanos::net
