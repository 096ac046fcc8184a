// OpenTelemetry's protocol: ExportTraceServiceRequest over HTTP or gRPC.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tracing/exporter.h"

namespace thanos::tracing {

/// The request's bytes. `resource` are the attributes of this process.
std::string EncodeOtlp(const TextPairs& resource, const std::vector<SpanRecord>& spans);
/// kInvalidArgument when the collector's answer says that it took only a part.
Status CheckOtlpAnswer(std::string_view answer);

/// kInvalidArgument when the TLS files cannot be used.
Result<std::unique_ptr<SpanSender>> MakeOtlpHttpSender(const OtlpConfig& config,
                                                       TextPairs resource);
Result<std::unique_ptr<SpanSender>> MakeOtlpGrpcSender(const OtlpConfig& config,
                                                       TextPairs resource);

}  // namespace thanos::tracing
