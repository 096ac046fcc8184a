#include "downsampling/histogram_windows.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "downsampling/float_windows.h"
#include "downsampling/histogram_arithmetic.h"
#include "model/histogram_resets.h"

namespace thanos::downsampling {
namespace {

using chunk::HistogramAppend;
using model::CounterResetHint;
using model::FloatHistogram;
using Writer = chunk::HistogramChunkWriter<FloatHistogram>;

// Running totals over a batch: the counter since its beginning, the sum of the window.
class HistogramTotals {
 public:
  explicit HistogramTotals(int32_t schema) : schema_(schema) {}

  void Add(const FloatHistogram& sample) {
    const FloatHistogram* reduced = &sample;
    if (sample.schema > schema_) {
      flip_ = !flip_;
      CopyToSchema(sample, schema_, &reduced_[flip_]);
      reduced = &reduced_[flip_];
    }
    if (previous_ == nullptr) {
      counter_ = *reduced;
    } else if (reduced->hint != CounterResetHint::kGauge &&
               model::DetectsReset(sample, *previous_)) {
      Accumulate(*reduced, 1, &counter_);
    } else {
      delta_ = *reduced;
      Accumulate(*previous_, -1, &delta_);
      Accumulate(delta_, 1, &counter_);
    }
    if (count_ == 0) {
      sum_ = *reduced;
    } else {
      Accumulate(*reduced, 1, &sum_);
    }
    // A counter would be found reset where a window sums up to less than the one before.
    sum_.hint = CounterResetHint::kGauge;
    previous_ = reduced;
    ++count_;
  }
  void BeginWindow() { count_ = 0; }
  void MakeGauge() { counter_.hint = CounterResetHint::kGauge; }

  double count() const { return static_cast<double>(count_); }
  const FloatHistogram& sum() const { return sum_; }
  const FloatHistogram& counter() const { return counter_; }

 private:
  const int32_t schema_;
  uint64_t count_ = 0;  // In the window.
  FloatHistogram sum_, counter_, delta_;
  FloatHistogram reduced_[2];  // The sample and the one before.
  bool flip_ = false;
  const FloatHistogram* previous_ = nullptr;
};

int32_t LowestSchema(std::span<const FloatHistogram> histograms) {
  int32_t schema = std::numeric_limits<int32_t>::max();
  for (const FloatHistogram& h : histograms) {
    if (!h.is_stale()) schema = std::min(schema, h.schema);
  }
  return schema;
}

// Appends windows [begin, end) that lie before `limit_ms` to one chunk. Where one of them does not
// fit, its time is returned and the chunk ends before it.
Result<std::optional<int64_t>> FillChunk(const HistogramColumn& column, size_t begin,
                                         int64_t limit_ms, std::string* out) {
  Writer writer;
  std::string finished;
  for (size_t i = begin; i < column.t.size() && column.t[i] < limit_ms; ++i) {
    THANOS_ASSIGN_OR_RETURN(const HistogramAppend what,
                            writer.Append(column.t[i], column.h[i], &finished));
    if (i == begin) writer.SetNotReset();
    if (what != HistogramAppend::kNew) continue;
    *out = std::move(finished);
    return std::optional<int64_t>(column.t[i]);
  }
  *out = writer.Cut();
  return std::optional<int64_t>();
}

size_t CountBefore(const std::vector<int64_t>& t, size_t begin, int64_t limit_ms) {
  size_t end = begin;
  while (end < t.size() && t[end] < limit_ms) ++end;
  return end;
}

}  // namespace

void HistogramColumn::Add(int64_t t_ms, const FloatHistogram& histogram) {
  if (h.size() <= t.size()) h.emplace_back();
  h[t.size()] = histogram;
  t.push_back(t_ms);
}

void HistogramWindows::Clear() {
  count_t.clear();
  count.clear();
  sum.Clear();
  counter.Clear();
}

void AggregateHistograms(const HistogramBatch& batch, int64_t resolution_ms, HistogramParts parts,
                         HistogramWindows* out) {
  HistogramTotals totals(LowestSchema(batch.h));
  const bool gauge = parts == HistogramParts::kAll && batch.h[0].hint == CounterResetHint::kGauge;
  size_t i = 0;
  while (i < batch.t.size()) {
    const int64_t end_ms = std::min(WindowEnd(batch.t[i], resolution_ms), batch.t.back());
    totals.BeginWindow();
    for (; i < batch.t.size() && batch.t[i] <= end_ms; ++i) totals.Add(batch.h[i]);
    if (gauge) totals.MakeGauge();
    if (parts != HistogramParts::kCounterOnly) out->sum.Add(end_ms, totals.sum());
    if (parts != HistogramParts::kSumOnly) out->counter.Add(end_ms, totals.counter());
    if (parts != HistogramParts::kAll) continue;
    out->count_t.push_back(end_ms);
    out->count.push_back(totals.count());
  }
}

// A sum and its counter end together, so that the parts of a chunk tell of the same windows.
Result<std::vector<HistogramChunkParts>> EncodeHistogramWindows(const HistogramWindows& windows) {
  std::vector<HistogramChunkParts> chunks;
  size_t count = 0, sum = 0, counter = 0;
  while (count < windows.count_t.size() || sum < windows.sum.t.size() ||
         counter < windows.counter.t.size()) {
    HistogramChunkParts chunk;
    int64_t limit_ms = std::numeric_limits<int64_t>::max();
    for (bool again = true; again;) {
      THANOS_ASSIGN_OR_RETURN(const auto counter_end,
                              FillChunk(windows.counter, counter, limit_ms, &chunk.counter));
      if (counter_end) limit_ms = *counter_end;
      THANOS_ASSIGN_OR_RETURN(const auto sum_end,
                              FillChunk(windows.sum, sum, limit_ms, &chunk.sum));
      again = sum_end.has_value();
      if (sum_end) limit_ms = *sum_end;
    }
    chunk.count_begin = count;
    chunk.count_end = CountBefore(windows.count_t, count, limit_ms);
    const size_t sum_end = CountBefore(windows.sum.t, sum, limit_ms);
    const size_t counter_end = CountBefore(windows.counter.t, counter, limit_ms);
    chunk.min_ms = std::numeric_limits<int64_t>::max();
    chunk.max_ms = std::numeric_limits<int64_t>::min();
    const auto cover = [&chunk](const std::vector<int64_t>& t, size_t begin, size_t end) {
      if (begin == end) return;
      chunk.min_ms = std::min(chunk.min_ms, t[begin]);
      chunk.max_ms = std::max(chunk.max_ms, t[end - 1]);
    };
    cover(windows.count_t, count, chunk.count_end);
    cover(windows.sum.t, sum, sum_end);
    cover(windows.counter.t, counter, counter_end);
    count = chunk.count_end;
    sum = sum_end;
    counter = counter_end;
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

}  // namespace thanos::downsampling
