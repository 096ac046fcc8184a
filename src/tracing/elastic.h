// Elastic APM's intake: one JSON object a line.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tracing/exporter.h"

namespace thanos::tracing {

std::string EncodeElastic(const Config& config, const std::vector<SpanRecord>& spans);
Result<std::unique_ptr<SpanSender>> MakeElasticSender(const Config& config);

}  // namespace thanos::tracing
