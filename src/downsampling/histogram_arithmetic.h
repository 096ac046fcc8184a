// Sums and differences of native histograms, with the layouts of spans and buckets that Prometheus'
// library gives them: an empty bucket stays, so that chunks made of them are the same to the byte.
// Private to the room.
#pragma once

#include <cstdint>
#include <vector>

#include "model/histogram.h"

namespace thanos::downsampling {

/// Adds (sign 1) or takes away (sign -1) `b`, of the same schema and custom bounds. Zero buckets of
/// different width are widened until they agree. Hints meet: a gauge makes a gauge.
void Accumulate(const model::FloatHistogram& b, double sign, model::FloatHistogram* a);

/// `from` at a schema that is lower than its own. The hint is lost, as in Go.
void CopyToSchema(const model::FloatHistogram& from, int32_t schema, model::FloatHistogram* to);

/// Same kind of buckets and, for custom ones, the same bounds.
bool SameKind(const model::FloatHistogram& a, const model::FloatHistogram& b);

}  // namespace thanos::downsampling
