#include "downsampling/raw_downsampler.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "downsampling/histogram_arithmetic.h"

namespace thanos::downsampling {
namespace {

// What raw data is taken to be scraped at: chunks of a good size come out of it.
constexpr int64_t kRawResolutionMs = 60'000;

void DropStaleHistograms(chunk::Columns* columns) {
  size_t kept = 0;
  int64_t last = 0;
  for (size_t i = 0; i < columns->histogram_t.size(); ++i) {
    if (columns->histograms[i].is_stale() || columns->histogram_t[i] < last) continue;
    last = columns->histogram_t[i];
    columns->histogram_t[kept] = last;
    if (kept != i) columns->histograms[kept] = std::move(columns->histograms[i]);
    ++kept;
  }
  columns->histogram_t.resize(kept);
  columns->histograms.resize(kept);
}

bool IsFloat(ChunkEncoding encoding) {
  return encoding == ChunkEncoding::kXor || encoding == ChunkEncoding::kXor2;
}

// The samples must lie where the index says, or runs would not be in time order.
Status CheckTimes(std::span<const int64_t> t, const InputChunk& chunk) {
  if (t.empty() || (t.front() >= chunk.min_ms && t.back() <= chunk.max_ms)) return OkStatus();
  return DataLossError("samples of [" + std::to_string(t.front()) + ", " +
                       std::to_string(t.back()) + "] lie outside what the index says");
}

// The samples [begin, end) of a batch: so many as are meant for one chunk, and all further ones of
// the window that the last of them lies in.
size_t BatchEnd(const std::vector<int64_t>& t, size_t begin, size_t batch_size,
                int64_t resolution_ms) {
  size_t end = std::min(begin + batch_size, t.size());
  const int64_t window_end_ms = WindowEnd(t[end - 1], resolution_ms);
  while (end < t.size() && t[end] <= window_end_ms) ++end;
  return end;
}

size_t BatchSize(const std::vector<int64_t>& t, int64_t resolution_ms) {
  const int64_t chunks =
      TargetChunks(t.front(), t.back(), kRawResolutionMs, resolution_ms, t.size());
  return t.size() / static_cast<size_t>(chunks) + 1;
}

}  // namespace

Status RawDownsampler::Decode(const InputChunk& chunk, std::span<const block::Interval> deleted) {
  next_.Clear();
  THANOS_RETURN_IF_ERROR(chunk::DecodeChunk(chunk.encoding, chunk.data, &next_));
  next_.st.clear();
  next_.histogram_st.clear();
  DropStaleFloats(0, &next_.t, &next_.v);
  DropStaleHistograms(&next_);
  THANOS_RETURN_IF_ERROR(CheckTimes(next_.t, chunk));
  THANOS_RETURN_IF_ERROR(CheckTimes(next_.histogram_t, chunk));
  if (!deleted.empty()) block::DeleteSamples(deleted, &next_);
  return OkStatus();
}

// Encodings decide, as in Go: a chunk of stale markers alone parts the runs around it.
bool RawDownsampler::BeginsRun(ChunkEncoding encoding) const {
  const bool floats = IsFloat(encoding);
  if (floats || run_.histograms.empty()) return floats ? run_.t.empty() : !run_.t.empty();
  return !next_.histograms.empty() && !SameKind(run_.histograms.back(), next_.histograms.front());
}

// Floats, the common case, are decoded where they stay.
Status RawDownsampler::AddFloats(const InputChunk& chunk) {
  if (!run_.histograms.empty()) THANOS_RETURN_IF_ERROR(Flush());
  const size_t begin = run_.t.size();
  Status status = chunk::DecodeChunk(chunk.encoding, chunk.data, &run_);
  run_.st.clear();
  DropStaleFloats(begin, &run_.t, &run_.v);
  if (status.ok()) status = CheckTimes(std::span(run_.t).subspan(begin), chunk);
  return status.ok() ? status : status.WithContext(chunk.Place());
}

Status RawDownsampler::Add(const InputChunk& chunk, std::span<const block::Interval> deleted) {
  if (IsFloat(chunk.encoding) && deleted.empty()) return AddFloats(chunk);
  Status status = Decode(chunk, deleted);
  if (!status.ok()) return status.WithContext(chunk.Place());
  if (BeginsRun(chunk.encoding)) THANOS_RETURN_IF_ERROR(Flush());
  if (run_.empty()) {
    std::swap(run_, next_);
    return OkStatus();
  }
  run_.t.insert(run_.t.end(), next_.t.begin(), next_.t.end());
  run_.v.insert(run_.v.end(), next_.v.begin(), next_.v.end());
  run_.histogram_t.insert(run_.histogram_t.end(), next_.histogram_t.begin(),
                          next_.histogram_t.end());
  std::move(next_.histograms.begin(), next_.histograms.end(), std::back_inserter(run_.histograms));
  return OkStatus();
}

Status RawDownsampler::Flush() {
  Status status;
  if (!run_.t.empty()) status = FlushFloats();
  if (status.ok() && !run_.histograms.empty()) status = FlushHistograms();
  run_.Clear();
  return status;
}

Status RawDownsampler::FlushFloats() {
  const size_t batch_size = BatchSize(run_.t, resolution_ms_);
  for (size_t begin = 0; begin < run_.t.size();) {
    const size_t end = BatchEnd(run_.t, begin, batch_size, resolution_ms_);
    const double* v = run_.v.data();
    if (std::none_of(v + begin, v + end, [](double x) { return std::isnan(x); })) {
      THANOS_RETURN_IF_ERROR(FloatBatch(run_.t.data() + begin, v + begin, end - begin));
    } else {
      batch_t_.clear();
      batch_v_.clear();
      for (size_t i = begin; i < end; ++i) {
        if (std::isnan(v[i])) continue;
        batch_t_.push_back(run_.t[i]);
        batch_v_.push_back(v[i]);
      }
      if (!batch_t_.empty()) {
        THANOS_RETURN_IF_ERROR(FloatBatch(batch_t_.data(), batch_v_.data(), batch_t_.size()));
      }
    }
    begin = end;
  }
  return OkStatus();
}

Status RawDownsampler::FloatBatch(const int64_t* t, const double* v, size_t n) {
  FloatWindows& w = windows_;
  AggregateFloats(t, v, n, resolution_ms_, &w);
  const int64_t* times = w.times();
  THANOS_RETURN_IF_ERROR(sink_->SetFloats(Aggr::kCount, times, w.count.data(), w.size));
  THANOS_RETURN_IF_ERROR(sink_->SetFloats(Aggr::kSum, times, w.sum.data(), w.size));
  THANOS_RETURN_IF_ERROR(sink_->SetFloats(Aggr::kMin, times, w.min.data(), w.size));
  THANOS_RETURN_IF_ERROR(sink_->SetFloats(Aggr::kMax, times, w.max.data(), w.size));
  // The first and the last raw value let a reader see resets between chunks; a repeated time tells
  // the last one from a window.
  AddCounterEnds(t[0], v[0], v[n - 1], &w);
  THANOS_RETURN_IF_ERROR(
      sink_->SetFloats(Aggr::kCounter, w.t.data(), w.counter.data(), w.size + 2));
  sink_->Emit(w.first_ms(), w.last_ms(), w.size);
  return OkStatus();
}

Status RawDownsampler::FlushHistograms() {
  const size_t batch_size = BatchSize(run_.histogram_t, resolution_ms_);
  for (size_t begin = 0; begin < run_.histogram_t.size();) {
    const size_t end = BatchEnd(run_.histogram_t, begin, batch_size, resolution_ms_);
    THANOS_RETURN_IF_ERROR(HistogramBatchOf(begin, end));
    begin = end;
  }
  return OkStatus();
}

// Histograms whose sum is no number do not count; those after them move up.
Status RawDownsampler::HistogramBatchOf(size_t begin, size_t end) {
  size_t kept = begin;
  for (size_t i = begin; i < end; ++i) {
    if (std::isnan(run_.histograms[i].sum)) continue;
    if (kept != i) std::swap(run_.histograms[kept], run_.histograms[i]);
    run_.histogram_t[kept++] = run_.histogram_t[i];
  }
  if (kept == begin) return OkStatus();
  histogram_windows_.Clear();
  const HistogramBatch batch{std::span(run_.histogram_t).subspan(begin, kept - begin),
                             std::span(run_.histograms).subspan(begin, kept - begin)};
  AggregateHistograms(batch, resolution_ms_, HistogramParts::kAll, &histogram_windows_);
  return sink_->EmitHistograms(histogram_windows_);
}

size_t RawDownsampler::held_bytes() const {
  return run_.held_bytes() + next_.held_bytes() + 16 * batch_t_.capacity() + windows_.held_bytes();
}

}  // namespace thanos::downsampling
