// What the web UI must know of the role that serves it: GET /api/v1/ui/config.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace thanos::ui {

/// What a role does not have stays empty.
struct UiConfig {
  std::string component;   // "query"; decides which pages the UI shows.
  std::string query_mode;  // "local" or "distributed".
  std::vector<std::string> engines;
  std::string default_engine;
  int64_t default_step_ms = 0, lookback_ms = 0;
  bool partial_response = false;  // The default of queries.
  std::vector<std::string> replica_labels, features;
  std::string tenant_header, default_tenant;  // "" of both: no tenants.
  std::string trace_url;                      // Of a trace; {traceID} stands for its id.
  bool admin_operations = false;              // Whether blocks may be marked, queries cancelled.
};

/// The JSON object; `path_prefix` is that of the request, `now_ms` lets the UI see a clock that is
/// wrong. Durations are seconds.
std::string ConfigJson(const UiConfig& config, const std::string& path_prefix, int64_t now_ms);

}  // namespace thanos::ui
