#include <map>

#include "api/query_handlers.h"
#include "base/json_text.h"
#include "base/time_text.h"

namespace thanos::api {

net::HttpResponse HandleStores(const QueryApiState& state) {
  std::map<std::string, std::string> by_component;
  for (const auto& endpoint : state.endpoints()) {
    const auto now = endpoint->state();
    // A strict endpoint that never answered is asked all the same: it is shown, with its error.
    if (!now->ever_reached && !endpoint->strict()) continue;
    const SourceInfo info = endpoint->Info();
    const std::string component = now->ever_reached ? now->info.component : "unknown-store-api";
    std::string& list = by_component[component];
    list += list.empty() ? "{\"name\":" : ",{\"name\":";
    base::AppendJsonString(endpoint->address(), &list, true);
    list += ",\"lastCheck\":\"";
    list += now->last_check_ms == 0 ? base::FormatRfc3339Nano(-62135596800, 0)
                                    : base::FormatRfc3339Nano(now->last_check_ms / 1000,
                                                              now->last_check_ms % 1000 * 1000000);
    list += "\",\"lastError\":";
    if (now->last_error.empty()) {
      list += "null";
    } else {
      base::AppendJsonString(now->last_error, &list, true);
    }
    list += ",\"labelSets\":[";
    for (const Labels& labels : info.label_sets) {
      if (list.back() != '[') list += ',';
      promapi::AppendLabelsJson(labels, &list);
    }
    list += "],\"minTime\":" + std::to_string(info.min_ms) +
            ",\"maxTime\":" + std::to_string(info.max_ms) + "}";
  }
  std::string data = "{";
  for (const auto& [component, list] : by_component) {
    if (data.size() > 1) data += ',';
    base::AppendJsonString(component, &data, true);
    data += ":[" + list + "]";
  }
  return Success(data + "}", {});
}

}  // namespace thanos::api
