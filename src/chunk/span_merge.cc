#include "chunk/span_merge.h"

namespace thanos::chunk {

std::vector<int32_t> BucketIndices(std::span<const model::HistogramSpan> spans) {
  std::vector<int32_t> out;
  int64_t index = 0;
  for (const auto& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length; ++i) out.push_back(static_cast<int32_t>(index++));
  }
  return out;
}

Spans SpansOf(std::span<const int32_t> indices) {
  Spans out;
  for (size_t i = 0; i < indices.size(); ++i) {
    if (i > 0 && indices[i] == indices[i - 1] + 1) {
      ++out.back().length;
    } else {
      out.push_back({i == 0 ? indices[0] : indices[i] - indices[i - 1] - 1, 1});
    }
  }
  return out;
}

}  // namespace thanos::chunk
