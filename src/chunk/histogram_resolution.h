// Lowering the resolution of exponential histograms.
#pragma once

#include <cstdint>

#include "model/histogram.h"

namespace thanos::chunk {

/// Merges buckets until the schema is `schema`, which is lower than the histogram's own.
void ReduceResolution(int32_t schema, model::FloatHistogram* histogram);

}  // namespace thanos::chunk
