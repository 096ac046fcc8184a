#include "downsampling/series_downsampler.h"

#include "chunk/decode.h"

namespace thanos::downsampling {
namespace {

Status CheckOrder(std::span<const InputChunk> chunks) {
  for (size_t i = 1; i < chunks.size(); ++i) {
    if (chunks[i - 1].max_ms >= chunks[i].min_ms) {
      return DataLossError(chunks[i].Place() + " overlaps " + chunks[i - 1].Place());
    }
  }
  return OkStatus();
}

}  // namespace

SeriesDownsampler::SeriesDownsampler(int64_t from_ms, int64_t to_ms)
    : from_ms_(from_ms),
      raw_(to_ms, &sink_),
      aggregates_(from_ms, to_ms, &sink_),
      converter_(from_ms, &converted_) {}

Status SeriesDownsampler::Run(std::span<const InputChunk> chunks,
                              std::span<const block::Interval> deleted) {
  sink_.Clear();
  raw_.Reset();
  converter_.Reset();
  THANOS_RETURN_IF_ERROR(CheckOrder(chunks));
  if (from_ms_ != 0) {
    if (!deleted.empty()) {
      return FailedPreconditionError("samples of downsampled data are marked as deleted");
    }
    return RunAggregates(chunks);
  }
  for (const InputChunk& chunk : chunks) THANOS_RETURN_IF_ERROR(raw_.Add(chunk, deleted));
  return raw_.Flush();
}

Status SeriesDownsampler::RunAggregates(std::span<const InputChunk> chunks) {
  inputs_.clear();
  converted_.Clear();
  converted_at_.clear();
  for (const InputChunk& chunk : chunks) {
    if (chunk.encoding == ChunkEncoding::kAggregate) {
      inputs_.push_back(chunk);
      continue;
    }
    auto count = chunk::SampleCount(chunk.encoding, chunk.data);
    if (!count.ok()) return count.status().WithContext(chunk.Place());
    if (*count == 0) continue;
    const size_t before = converted_.chunks().size();
    THANOS_RETURN_IF_ERROR(converter_.Add(chunk, {}));
    THANOS_RETURN_IF_ERROR(converter_.Flush());
    for (size_t i = before; i < converted_.chunks().size(); ++i) {
      converted_at_.push_back(inputs_.size());
      inputs_.emplace_back();
    }
  }
  const auto made = converted_.chunks();
  for (size_t i = 0; i < made.size(); ++i) {
    inputs_[converted_at_[i]] = {made[i].min_ms, made[i].max_ms, made[i].encoding, made[i].data};
  }
  return aggregates_.Run(inputs_);
}

size_t SeriesDownsampler::held_bytes() const {
  return sink_.held_bytes() + raw_.held_bytes() + aggregates_.held_bytes() +
         converted_.held_bytes() + converter_.held_bytes();
}

}  // namespace thanos::downsampling
