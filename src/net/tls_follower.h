// Certificates that are rotated under a running server or client.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/log.h"
#include "net/file_follower.h"
#include "net/tls.h"
#include "thanos/status.h"

namespace thanos::net {

/// A context made of files that are followed: looked at, at most once a second, when the context is
/// asked for, on the asker's thread. New content that cannot be used is logged and the last good
/// one stays. Thread-safe.
class TlsFollower {
 public:
  /// The error names what cannot be used.
  static Result<std::shared_ptr<TlsFollower>> Server(TlsServerOptions options, base::Logger logger);
  static Result<std::shared_ptr<TlsFollower>> Client(TlsClientOptions options, base::Logger logger);
  std::shared_ptr<const TlsContext> Current();

 private:
  using Maker = std::function<Result<std::shared_ptr<const TlsContext>>()>;
  TlsFollower(std::vector<std::string> files, Maker make, base::Logger logger)
      : make_(std::move(make)), logger_(std::move(logger)), follower_(std::move(files)) {}
  static Result<std::shared_ptr<TlsFollower>> Open(std::vector<std::string> files, Maker make,
                                                   base::Logger logger);

  const Maker make_;
  const base::Logger logger_;
  std::mutex mutex_;
  FileFollower follower_;  // Guarded by mutex_, as all below.
  std::shared_ptr<const TlsContext> current_;
  std::chrono::steady_clock::time_point looked_at_ = std::chrono::steady_clock::now();
};

}  // namespace thanos::net
