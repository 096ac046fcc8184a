#include "ui/ui_config.h"

#include <nlohmann/json.hpp>

#include "thanos/version.h"

namespace thanos::ui {
namespace {

using Json = nlohmann::ordered_json;

Json Seconds(int64_t ms) {
  if (ms % 1000 == 0) return ms / 1000;
  return static_cast<double>(ms) / 1000;
}

}  // namespace

std::string ConfigJson(const UiConfig& config, const std::string& path_prefix, int64_t now_ms) {
  const Json json = {{"component", config.component},
                     {"version", kVersion},
                     {"pathPrefix", path_prefix},
                     {"queryMode", config.query_mode},
                     {"engines", config.engines},
                     {"defaultEngine", config.default_engine},
                     {"defaultStep", Seconds(config.default_step_ms)},
                     {"lookbackDelta", Seconds(config.lookback_ms)},
                     {"partialResponseDefault", config.partial_response},
                     {"replicaLabels", config.replica_labels},
                     {"tenant",
                      {{"enabled", !config.tenant_header.empty()},
                       {"header", config.tenant_header},
                       {"default", config.default_tenant}}},
                     {"traceUrlTemplate", config.trace_url},
                     {"adminOperations", config.admin_operations},
                     {"features", config.features},
                     {"serverTimeMs", now_ms}};
  // Flags are what somebody typed: bytes that are no UTF-8 must not end the process.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace thanos::ui
