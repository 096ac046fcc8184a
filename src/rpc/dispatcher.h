// From a method's path and a request's bytes to a service's method. What lies below it, gRPC or
// memory, only moves bytes. Internal to rpc.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/pinned_bytes.h"
#include "rpc/observer.h"
#include "rpc/service.h"

namespace thanos::rpc {

/// What the health service knows. Thread-safe.
class Health {
 public:
  void Set(bool serving);
  /// Not serving, for good: who watches is told so, then sent away.
  void Stop();
  bool serving() const;
  /// Blocks while the answer is still `known`; the new answer or why it gave up.
  Result<bool> AwaitChange(const CallContext& context, bool known);
  /// Bounds those who watch: each holds a thread. False when there are too many.
  bool Enter();
  void Leave() { watchers_.fetch_sub(1); }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool serving_ = false;   // Guarded by mutex_.
  bool stopping_ = false;  // Guarded by mutex_.
  std::atomic<int> watchers_{0};
};

/// One method. Exactly one of `unary`, `stream` is set.
struct ServedMethod {
  std::string service, name;
  CallType type = CallType::kUnary;
  bool urgent = false;    // Quick, and asked for when all else hangs: threads of its own.
  bool repeated = false;  // Each message of the caller is answered, until it ends its side.
  std::function<Result<base::PinnedBytes>(const CallContext&, std::string_view request)> unary;
  std::function<Result<std::unique_ptr<FrameStream>>(const CallContext&, std::string_view request)>
      stream;

  Method method() const { return {service, name, type}; }
};

/// Immutable after construction; thread-safe.
class Dispatcher {
 public:
  Dispatcher(Services services, std::shared_ptr<Health> health);
  /// kUnimplemented, with grpc-go's wording, when it is not served.
  Result<const ServedMethod*> Find(std::string_view path) const;

 private:
  void AddStore(std::shared_ptr<StoreService> store);
  void AddFederated(Services services);
  void AddQuery(std::shared_ptr<QueryService> query);
  void AddHealth(std::shared_ptr<Health> health);
  void AddReflection(const std::string& version);
  ServedMethod& Add(std::string service, std::string name, CallType type);
  std::map<std::string, ServedMethod, std::less<>> methods_;
};

}  // namespace thanos::rpc
