// Rules, alerts, targets, metadata, exemplars and TSDB statistics as the HTTP API shows them: the
// JSON of the `data` key, keys in the reference's order. protocols/http-api §4.3, §4.4.
#pragma once

#include <string>

#include "wire/federation_messages.h"

namespace thanos::api {

std::string RulesJson(const wire::RulesResponse& rules);
/// The alerts of all rules, flat; null when there are none.
std::string AlertsJson(const wire::RulesResponse& rules);
std::string TargetsJson(const wire::TargetsResponse& targets);
std::string MetadataJson(const wire::MetadataResponse& metadata);
std::string ExemplarsJson(const wire::ExemplarsResponse& exemplars);
/// Lists are cut to `limit` entries.
std::string TsdbStatisticsJson(const wire::TsdbStatistics& statistics, size_t limit);

}  // namespace thanos::api
