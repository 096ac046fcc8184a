// Hooks for metrics of servers and clients, and into calls of a server.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::rpc {

enum class CallType : uint8_t { kUnary, kServerStream };

/// "thanos.Store" and "Series".
struct Method {
  std::string_view service;
  std::string_view name;
  CallType type = CallType::kUnary;
};

/// Called on the transport's threads; must not block.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  virtual void Started(const Method& method) = 0;
  virtual void Ended(const Method& method, StatusCode code, double seconds) = 0;
  virtual void MessageSent(const Method& method) = 0;
  virtual void MessageReceived(const Method& method) = 0;
  /// A handler of a server threw; the call ended with kInternal.
  virtual void HandlerThrew() {}
};

/// A call as it comes in. Views hold while Begin() runs.
struct IncomingCall {
  Method method;
  std::string peer;  // "ipv4:127.0.0.1:4711"
  /// A field of the metadata by its name in lower case; "" when there is none.
  std::function<std::string_view(std::string_view)> metadata;
};

/// One call, as an interceptor accompanies it. Going away, its call is over.
class CallVisit {
 public:
  virtual ~CallVisit() = default;
  /// Once, when the call is over; on any thread.
  virtual void Ended(const Method& method, const Status& status, double seconds) = 0;
};

/// Steps into calls of a server before their handlers run: traces, request logs. Called on the
/// transport's threads; must not block.
class CallInterceptor {
 public:
  virtual ~CallInterceptor() = default;
  /// May replace the context that the handler gets. Null when it has no interest.
  virtual std::unique_ptr<CallVisit> Begin(const IncomingCall& call, CallContext* context) = 0;
};

}  // namespace thanos::rpc
