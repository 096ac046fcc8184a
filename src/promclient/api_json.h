// Answers of the Prometheus HTTP API, read into our types. Each function takes a whole body; one
// whose status is not "success", or that is no such answer, is kInternal. Internal to promclient.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "thanos/labels.h"
#include "thanos/status.h"
#include "wire/federation_messages.h"

namespace thanos::promclient {

Result<std::string> ConfigOf(std::string_view body);
Result<std::string> VersionOf(std::string_view body);
Result<std::map<std::string, std::string>> FlagsOf(std::string_view body);
/// lastConfigTime, and whether the last attempt was successful.
Result<std::string> ConfigStateOf(std::string_view body, bool* successful);
Result<std::vector<Labels>> SeriesOf(std::string_view body);
Result<std::vector<std::string>> TextsOf(std::string_view body);
Result<wire::RulesResponse> RulesOf(std::string_view body);
Result<wire::TargetsResponse> TargetsOf(std::string_view body);
Result<wire::MetadataResponse> MetadataOf(std::string_view body);
Result<wire::ExemplarsResponse> ExemplarsOf(std::string_view body);
Result<wire::TsdbStatistics> TsdbStatisticsOf(std::string_view body);

}  // namespace thanos::promclient
