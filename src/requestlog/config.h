// --request.logging-config: which requests are logged, and how.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "thanos/status.h"

namespace thanos::requestlog {

struct ProtocolConfig {
  bool log_start = false, log_end = false;
  base::LogLevel level = base::LogLevel::kError;  // Lines below it are dropped.
  /// "path:port" or "/service/method": only these, exactly. Empty: all.
  std::vector<std::string> allowed;

  bool Allows(std::string_view name) const;
};

struct Config {
  ProtocolConfig http, grpc;
};

/// kInvalidArgument names line and key. An empty text logs nothing.
Result<Config> ParseConfig(std::string_view yaml);

}  // namespace thanos::requestlog
