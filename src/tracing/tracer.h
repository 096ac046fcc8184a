// Spans that record, and those that only hand ids on.
#pragma once

#include <memory>

#include "tracing/record.h"
#include "tracing/sampler.h"

namespace thanos::tracing {

/// `sink` gets each finished span. Spans keep what they need alive.
std::shared_ptr<Tracer> MakeTracer(const SamplerConfig& sampler, std::shared_ptr<SpanSink> sink);

}  // namespace thanos::tracing
