// Jaeger's own protocol: batches in Thrift, to a collector over HTTP or to an agent over UDP.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tracing/exporter.h"
#include "tracing/thrift_writer.h"

namespace thanos::tracing {

/// A Batch; for the agent (compact) as the call emitBatch.
std::string EncodeJaeger(ThriftEncoding encoding, const std::string& service, const TextPairs& tags,
                         std::span<const SpanRecord> spans);

/// kInvalidArgument or kUnavailable when there is no way to send at all.
Result<std::unique_ptr<SpanSender>> MakeJaegerSender(const Config& config);

}  // namespace thanos::tracing
