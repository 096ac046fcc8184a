#include "chunk/downsampled.h"

#include <cmath>

namespace thanos::chunk {
namespace {

class CounterJoiner {
 public:
  explicit CounterJoiner(Columns* out) : out_(out) {}

  void Add(const Columns& chunk, bool first_chunk) {
    // A later chunk is entered behind the last time: what lies before was seen already.
    bool seeking = !first_chunk;
    const int64_t seek_t = last_t_;
    for (size_t i = 0; i < chunk.t.size(); ++i) {
      if (seeking && chunk.t[i] <= seek_t) continue;
      seeking = false;
      AddFloat(chunk.t[i], chunk.v[i]);
    }
    for (size_t i = 0; i < chunk.histogram_t.size(); ++i) {
      if (!first_chunk && chunk.histogram_t[i] <= seek_t) continue;
      out_->histogram_t.push_back(chunk.histogram_t[i]);
      out_->histograms.push_back(chunk.histograms[i]);
      last_t_ = chunk.histogram_t[i];
    }
  }

  bool begun() const { return begun_; }
  double last_raw() const { return last_v_; }

 private:
  void AddFloat(int64_t t, double v) {
    if (std::isnan(v)) return;
    if (!begun_) {
      begun_ = true;
      total_ = v;
    } else if (t > last_t_) {
      total_ += v >= last_v_ ? v - last_v_ : v;
    } else {
      if (t == last_t_) last_v_ = v;  // The marker: the true last raw value.
      return;
    }
    last_t_ = t;
    last_v_ = v;
    out_->t.push_back(t);
    out_->v.push_back(total_);
  }

  Columns* out_;
  bool begun_ = false;
  int64_t last_t_ = 0;
  double last_v_ = 0, total_ = 0;
};

void Divide(double by, model::FloatHistogram* histogram) {
  histogram->zero_count /= by;
  histogram->count /= by;
  histogram->sum /= by;
  for (double& bucket : histogram->positive_buckets) bucket /= by;
  for (double& bucket : histogram->negative_buckets) bucket /= by;
}

}  // namespace

Status ReadCounter(std::span<const EncodedChunk> chunks, Columns* out, double* last_raw) {
  CounterJoiner joiner(out);
  Columns columns;
  for (size_t i = 0; i < chunks.size(); ++i) {
    columns.Clear();
    const Status status = DecodeChunk(chunks[i].encoding, chunks[i].data, &columns);
    joiner.Add(columns, i == 0);
    if (!status.ok()) return status.WithContext("counter chunk " + std::to_string(i));
  }
  if (last_raw != nullptr && joiner.begun()) *last_raw = joiner.last_raw();
  return OkStatus();
}

Status ReadAverage(const EncodedChunk& count, const EncodedChunk& sum, Columns* out) {
  Columns counts, sums;
  THANOS_RETURN_IF_ERROR(
      DecodeChunk(count.encoding, count.data, &counts).WithContext("count chunk"));
  THANOS_RETURN_IF_ERROR(DecodeChunk(sum.encoding, sum.data, &sums).WithContext("sum chunk"));
  const auto& times = sums.t.empty() ? sums.histogram_t : sums.t;
  if (!counts.histogram_t.empty() || counts.t != times) {
    return DataLossError("sum and count timestamps not aligned");
  }
  for (size_t i = 0; i < sums.t.size(); ++i) {
    out->t.push_back(sums.t[i]);
    out->v.push_back(sums.v[i] / counts.v[i]);
  }
  for (size_t i = 0; i < sums.histogram_t.size(); ++i) {
    Divide(counts.v[i], &sums.histograms[i]);
    out->histogram_t.push_back(sums.histogram_t[i]);
    out->histograms.push_back(std::move(sums.histograms[i]));
  }
  return OkStatus();
}

}  // namespace thanos::chunk
