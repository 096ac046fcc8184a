#include "downsampling/aggregate_downsampler.h"

#include <algorithm>
#include <limits>

#include "chunk/downsampled.h"
#include "downsampling/histogram_arithmetic.h"

namespace thanos::downsampling {
namespace {

// Places in chunk::kAggregateOrder.
enum Part : size_t { kCount, kSum, kMin, kMax, kCounter };

bool IsHistogram(ChunkEncoding encoding) {
  return encoding == ChunkEncoding::kHistogram || encoding == ChunkEncoding::kFloatHistogram ||
         encoding == ChunkEncoding::kHistogramSt || encoding == ChunkEncoding::kFloatHistogramSt;
}

// Appends the samples of a part, without stale markers and steps back.
Status AppendFloats(const chunk::AggregatePart& part, chunk::Columns* out) {
  const size_t begin = out->t.size();
  THANOS_RETURN_IF_ERROR(chunk::DecodeChunk(part.encoding, part.data, out));
  if (!out->histogram_t.empty()) return DataLossError("holds histograms beside floats");
  DropStaleFloats(begin, &out->t, &out->v);
  // Inside a chunk times ascend now.
  if (begin > 0 && begin < out->t.size() && out->t[begin] < out->t[begin - 1]) {
    return DataLossError("times of chunks step back");
  }
  return OkStatus();
}

}  // namespace

Result<AggregateDownsampler::Chunk> AggregateDownsampler::Open(const InputChunk& input) const {
  Chunk chunk;
  chunk.input = &input;
  THANOS_ASSIGN_OR_RETURN(chunk.parts, chunk::SplitAggregates(input.data));
  if (chunk.parts[kCount].present()) {
    THANOS_ASSIGN_OR_RETURN(
        chunk.samples, chunk::SampleCount(chunk.parts[kCount].encoding, chunk.parts[kCount].data));
  }
  chunk.histogram = IsHistogram(chunk.parts[kCounter].encoding);
  if (!chunk.histogram) return chunk;
  chunk::Columns counter;
  THANOS_RETURN_IF_ERROR(
      chunk::DecodeChunk(chunk.parts[kCounter].encoding, chunk.parts[kCounter].data, &counter));
  if (counter.histograms.empty() || !chunk.parts[kSum].present()) {
    return DataLossError("a counter or a sum of histograms is missing");
  }
  chunk.first = std::move(counter.histograms.front());
  return chunk;
}

Status AggregateDownsampler::Run(std::span<const InputChunk> chunks) {
  chunks_.clear();
  for (const InputChunk& input : chunks) {
    auto chunk = Open(input);
    if (!chunk.ok()) return chunk.status().WithContext(input.Place());
    chunks_.push_back(std::move(*chunk));
  }
  const auto same = [](const Chunk& a, const Chunk& b) {
    return a.histogram == b.histogram && (!a.histogram || SameKind(a.first, b.first));
  };
  for (size_t begin = 0; begin < chunks_.size();) {
    size_t end = begin + 1;
    while (end < chunks_.size() && same(chunks_[end - 1], chunks_[end])) ++end;
    THANOS_RETURN_IF_ERROR(Group(std::span(chunks_).subspan(begin, end - begin)));
    begin = end;
  }
  return OkStatus();
}

// Chunks of one kind.
Status AggregateDownsampler::Group(std::span<const Chunk> chunks) {
  uint64_t samples = 0;
  for (const Chunk& chunk : chunks) samples += chunk.samples;
  const int64_t target = TargetChunks(chunks.front().input->min_ms, chunks.back().input->max_ms,
                                      from_ms_, to_ms_, samples);
  const size_t batch_size = std::max<size_t>(chunks.size() / static_cast<size_t>(target), 1);
  for (size_t begin = 0; begin < chunks.size(); begin += batch_size) {
    const auto batch = chunks.subspan(begin, std::min(batch_size, chunks.size() - begin));
    const Status status = batch[0].histogram ? HistogramBatchOf(batch) : FloatBatch(batch);
    if (!status.ok()) return status.WithContext("from " + batch[0].input->Place());
  }
  return OkStatus();
}

void AggregateDownsampler::Cover(int64_t first_ms, int64_t last_ms) {
  min_ms_ = std::min(min_ms_, first_ms);
  max_ms_ = std::max(max_ms_, last_ms);
}

Status AggregateDownsampler::DecodeFloats(std::span<const Chunk> chunks, size_t part) {
  columns_.Clear();
  for (const Chunk& chunk : chunks) {
    if (!chunk.parts[part].present()) continue;
    THANOS_RETURN_IF_ERROR(AppendFloats(chunk.parts[part], &columns_));
  }
  return OkStatus();
}

Status AggregateDownsampler::FloatPart(std::span<const Chunk> chunks, size_t part) {
  THANOS_RETURN_IF_ERROR(DecodeFloats(chunks, part));
  FloatWindows& w = windows_;
  w.size = 0;
  const size_t n = columns_.t.size();
  if (n == 0) return OkStatus();
  const int64_t* t = columns_.t.data();
  const double* v = columns_.v.data();
  const std::vector<double>* values = &w.sum;  // Counts add up as sums do.
  if (part == kMin) {
    AggregateFloats<WindowColumns::kMin>(t, v, n, to_ms_, &w);
    values = &w.min;
  } else if (part == kMax) {
    AggregateFloats<WindowColumns::kMax>(t, v, n, to_ms_, &w);
    values = &w.max;
  } else {
    AggregateFloats<WindowColumns::kSum>(t, v, n, to_ms_, &w);
  }
  Cover(w.first_ms(), w.last_ms());
  return sink_->SetFloats(chunk::kAggregateOrder[part], w.times(), values->data(), w.size);
}

Status AggregateDownsampler::CounterPart(std::span<const Chunk> chunks) {
  std::vector<chunk::EncodedChunk> parts;
  for (const Chunk& chunk : chunks) {
    const chunk::AggregatePart& part = chunk.parts[kCounter];
    if (part.present()) parts.push_back({part.encoding, part.data});
  }
  columns_.Clear();
  double last_raw = 0;
  THANOS_RETURN_IF_ERROR(chunk::ReadCounter(parts, &columns_, &last_raw));
  DropStaleFloats(0, &columns_.t, &columns_.v);
  if (columns_.t.empty()) return OkStatus();
  FloatWindows& w = windows_;
  AggregateFloats<WindowColumns::kCounter>(columns_.t.data(), columns_.v.data(), columns_.t.size(),
                                           to_ms_, &w);
  Cover(w.first_ms(), w.last_ms());
  AddCounterEnds(columns_.t.front(), columns_.v.front(), last_raw, &w);
  return sink_->SetFloats(Aggr::kCounter, w.t.data(), w.counter.data(), w.size + 2);
}

Status AggregateDownsampler::FloatBatch(std::span<const Chunk> chunks) {
  min_ms_ = std::numeric_limits<int64_t>::max();
  max_ms_ = std::numeric_limits<int64_t>::min();
  uint64_t samples = 0;
  for (const size_t part : {kCount, kSum, kMin, kMax}) {
    const Status status = FloatPart(chunks, part);
    if (!status.ok()) return status.WithContext("part " + std::to_string(part));
    if (part == kCount) samples = windows_.size;
  }
  const Status status = CounterPart(chunks);
  if (!status.ok()) return status.WithContext("counter");
  // Chunks may hold nothing at all.
  if (min_ms_ <= max_ms_) sink_->Emit(min_ms_, max_ms_, samples);
  return OkStatus();
}

Status AggregateDownsampler::HistogramPart(std::span<const Chunk> chunks, size_t part) {
  columns_.Clear();
  for (const Chunk& chunk : chunks) {
    if (!chunk.parts[part].present()) continue;
    THANOS_RETURN_IF_ERROR(
        chunk::DecodeChunk(chunk.parts[part].encoding, chunk.parts[part].data, &columns_));
  }
  if (!columns_.t.empty()) return DataLossError("holds floats beside histograms");
  size_t kept = 0;
  int64_t last = 0;
  for (size_t i = 0; i < columns_.histogram_t.size(); ++i) {
    if (columns_.histograms[i].is_stale() || columns_.histogram_t[i] < 0) continue;
    if (columns_.histogram_t[i] < last) return DataLossError("times of chunks step back");
    last = columns_.histogram_t[i];
    columns_.histogram_t[kept] = last;
    if (kept != i) std::swap(columns_.histograms[kept], columns_.histograms[i]);
    ++kept;
  }
  if (kept == 0) return DataLossError("holds no histograms");
  for (size_t i = 1; i < kept; ++i) {
    if (!SameKind(columns_.histograms[0], columns_.histograms[i])) {
      return DataLossError("kinds of histograms are mixed");
    }
  }
  const HistogramBatch batch{std::span(columns_.histogram_t).first(kept),
                             std::span(columns_.histograms).first(kept)};
  AggregateHistograms(batch, to_ms_,
                      part == kSum ? HistogramParts::kSumOnly : HistogramParts::kCounterOnly,
                      &histogram_windows_);
  return OkStatus();
}

Status AggregateDownsampler::HistogramBatchOf(std::span<const Chunk> chunks) {
  histogram_windows_.Clear();
  for (const size_t part : {kCounter, kSum}) {
    const Status status = HistogramPart(chunks, part);
    if (!status.ok()) return status.WithContext(part == kSum ? "sum" : "counter");
  }
  const Status status = DecodeFloats(chunks, kCount);
  if (!status.ok()) return status.WithContext("count");
  if (!columns_.t.empty()) {
    AggregateFloats<WindowColumns::kSum>(columns_.t.data(), columns_.v.data(), columns_.t.size(),
                                         to_ms_, &windows_);
    histogram_windows_.count_t.assign(windows_.times(), windows_.times() + windows_.size);
    histogram_windows_.count.assign(windows_.sum.data(), windows_.sum.data() + windows_.size);
  }
  return sink_->EmitHistograms(histogram_windows_);
}

size_t AggregateDownsampler::held_bytes() const {
  return chunks_.capacity() * sizeof(Chunk) + columns_.held_bytes() + windows_.held_bytes();
}

}  // namespace thanos::downsampling
