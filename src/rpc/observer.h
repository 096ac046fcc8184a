// A hook for metrics of servers and clients.
#pragma once

#include <string_view>

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
};

}  // namespace thanos::rpc
