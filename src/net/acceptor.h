// Listening that survives: one accept loop for HTTP and gRPC, with a spare descriptor.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/log.h"
#include "thanos/status.h"

namespace thanos::net {

/// Accepts connections on a thread of its own. When descriptors run out, the spare one is given up
/// to accept and close the newcomer, so that the queue of the kernel drains, clients see a refusal
/// instead of silence, and the loop goes on as soon as descriptors are free again. Thread-safe.
class Acceptor {
 public:
  /// Takes the descriptor, which is non-blocking and close-on-exec. Runs on the acceptor's thread.
  using OnConnection = std::function<void(int fd, const std::string& peer)>;

  /// "host:port", ":port" (all addresses, v6 and v4), port 0 for any. kInvalidArgument for text
  /// that is no address, kUnavailable when it cannot be bound; both name it.
  static Result<std::unique_ptr<Acceptor>> Listen(const std::string& address, base::Logger logger);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;

  /// Once.
  void Start(OnConnection on_connection);
  /// Closes the listening socket and joins. Idempotent.
  void Stop();

  int port() const { return port_; }
  const std::string& address() const { return address_; }
  /// Connections turned away for want of descriptors.
  uint64_t refused() const { return refused_.load(); }

 private:
  Acceptor(int listen_fd, int wake_fd, base::Logger logger);
  void Run();
  /// False when the loop had better pause.
  bool AcceptOne();
  void RefuseOne(int error_number);

  const int listen_fd_;
  const int wake_fd_;
  int spare_fd_;
  const base::Logger logger_;
  int port_ = 0;
  std::string address_;
  OnConnection on_connection_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> refused_{0};
  int64_t last_logged_ms_ = INT64_MIN / 2;
  std::thread thread_;
};

}  // namespace thanos::net
