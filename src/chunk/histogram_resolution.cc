#include "chunk/histogram_resolution.h"

#include <vector>

namespace thanos::chunk {
namespace {

// Bucket i of a schema falls into ((i - 1) >> difference) + 1 of a lower one.
void ReduceSide(int32_t difference, std::vector<model::HistogramSpan>* spans,
                std::vector<double>* buckets) {
  std::vector<model::HistogramSpan> out_spans;
  std::vector<double> out;
  int64_t index = 0;
  int64_t last = 0;
  size_t at = 0;
  for (const auto& span : *spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length && at < buckets->size(); ++i, ++index, ++at) {
      const int64_t target = ((index - 1) >> difference) + 1;
      if (!out.empty() && target == last) {
        out.back() += (*buckets)[at];
        continue;
      }
      if (!out.empty() && target == last + 1) {
        ++out_spans.back().length;
      } else {
        const int64_t gap = out.empty() ? target : target - last - 1;
        out_spans.push_back({static_cast<int32_t>(gap), 1});
      }
      out.push_back((*buckets)[at]);
      last = target;
    }
  }
  *spans = std::move(out_spans);
  *buckets = std::move(out);
}

}  // namespace

void ReduceResolution(int32_t schema, model::FloatHistogram* histogram) {
  const int32_t difference = histogram->schema - schema;
  ReduceSide(difference, &histogram->positive_spans, &histogram->positive_buckets);
  ReduceSide(difference, &histogram->negative_spans, &histogram->negative_buckets);
  histogram->schema = schema;
}

}  // namespace thanos::chunk
