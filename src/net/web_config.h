// The web configuration file of Prometheus' exporter-toolkit (--http.config): TLS, headers, users,
// rate limit.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/tls.h"
#include "thanos/status.h"

namespace thanos::net {

struct WebConfig {
  std::optional<TlsServerOptions> tls;
  /// Added to every answer, in the file's order.
  std::vector<std::pair<std::string, std::string>> headers;
  std::map<std::string, std::string> users;  // Name to bcrypt hash.
  int64_t rate_interval_ns = 0;              // One request is let in per interval; 0 is no limit.
  int64_t rate_burst = 0;
};

/// Strict: unknown keys, headers, versions, ciphers and hashes that are none are errors with the
/// line. Relative paths of files start at `directory`. Reads no other file.
Result<WebConfig> ParseWebConfig(std::string_view text, const std::string& directory);

/// "$2a$10$…" of 60 characters: a bcrypt hash.
bool IsBcryptHash(std::string_view text);

}  // namespace thanos::net
