// Whether a counter of histograms was reset between two samples.
#pragma once

#include "model/histogram.h"

namespace thanos::model {

/// The hint decides where it is kReset or kNotReset; otherwise counts, resolution, zero bucket and
/// buckets are compared. Gauges are looked at as counters are.
bool DetectsReset(const FloatHistogram& current, const FloatHistogram& previous);

}  // namespace thanos::model
