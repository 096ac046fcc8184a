#include "downsampling/aggregate_sink.h"

#include "chunk/xor.h"
#include "codec/byte_reader.h"

namespace thanos::downsampling {
namespace {

size_t IndexOf(Aggr aggregate) {
  size_t index = 0;
  while (chunk::kAggregateOrder[index] != aggregate) ++index;
  return index;
}

}  // namespace

chunk::AggregatePart& AggregateSink::Part(Aggr aggregate) { return parts_[IndexOf(aggregate)]; }

std::vector<std::byte>& AggregateSink::PartBytes(Aggr aggregate) {
  return part_bytes_[IndexOf(aggregate)];
}

void AggregateSink::Clear() {
  parts_ = {};
  bytes_.clear();
  begins_.clear();
  chunks_.clear();
  samples_ = 0;
}

Status AggregateSink::SetFloats(Aggr aggregate, const int64_t* t, const double* v, size_t n) {
  if (n > chunk::kChunkSamplesMax) {
    return ResourceExhaustedError("downsampled chunk: " + std::to_string(n) +
                                  " samples are more than a chunk can hold");
  }
  std::vector<std::byte>& bytes = PartBytes(aggregate);
  if (bytes.size() < chunk::XorBytesMax(n)) bytes.resize(chunk::XorBytesMax(n));
  const size_t size = chunk::EncodeXor(t, v, n, bytes.data());
  Part(aggregate) = {ChunkEncoding::kXor, std::span(bytes).first(size)};
  return OkStatus();
}

void AggregateSink::Emit(int64_t min_ms, int64_t max_ms, uint64_t samples) {
  begins_.push_back(bytes_.size());
  chunk::WriteAggregates(parts_, &bytes_);
  chunks_.push_back({min_ms, max_ms, ChunkEncoding::kAggregate, {}});
  samples_ += samples;
  parts_ = {};
}

Status AggregateSink::EmitHistograms(const HistogramWindows& windows) {
  THANOS_ASSIGN_OR_RETURN(const auto chunks, EncodeHistogramWindows(windows));
  for (const HistogramChunkParts& chunk : chunks) {
    const size_t count = chunk.count_end - chunk.count_begin;
    THANOS_RETURN_IF_ERROR(SetFloats(Aggr::kCount, windows.count_t.data() + chunk.count_begin,
                                     windows.count.data() + chunk.count_begin, count));
    const auto set = [this](Aggr aggregate, const std::string& data) {
      if (data.empty()) return;
      Part(aggregate) = {ChunkEncoding::kFloatHistogram, codec::AsBytes(data)};
    };
    set(Aggr::kSum, chunk.sum);
    set(Aggr::kCounter, chunk.counter);
    Emit(chunk.min_ms, chunk.max_ms, count);
  }
  return OkStatus();
}

std::span<const block::NewChunk> AggregateSink::chunks() {
  const auto all = codec::AsBytes(bytes_);
  for (size_t i = 0; i < chunks_.size(); ++i) {
    const size_t end = i + 1 < begins_.size() ? begins_[i + 1] : all.size();
    chunks_[i].data = all.subspan(begins_[i], end - begins_[i]);
  }
  return chunks_;
}

size_t AggregateSink::held_bytes() const {
  size_t held = bytes_.capacity() + chunks_.capacity() * sizeof(block::NewChunk);
  for (const auto& part : part_bytes_) held += part.capacity();
  return held;
}

}  // namespace thanos::downsampling
