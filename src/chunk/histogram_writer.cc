#include "chunk/histogram_writer.h"

#include <utility>
#include <vector>

#include "chunk/histogram_codec.h"
#include "chunk/span_merge.h"
#include "chunk/xor.h"

namespace thanos::chunk {
namespace {

using model::CounterResetHint;

constexpr uint64_t kBucketsMax = 1 << 20;  // Of one side of a histogram that is to be written.

bool SameBits(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::bit_cast<uint64_t>(a[i]) != std::bit_cast<uint64_t>(b[i])) return false;
  }
  return true;
}

std::vector<int64_t> Absolute(std::span<const int64_t> deltas) {
  std::vector<int64_t> out;
  out.reserve(deltas.size());
  uint64_t count = 0;
  for (const int64_t delta : deltas) {
    count += static_cast<uint64_t>(delta);
    out.push_back(static_cast<int64_t>(count));
  }
  return out;
}
std::vector<double> Absolute(std::span<const double> counts) {
  return {counts.begin(), counts.end()};
}

std::vector<int64_t> FromAbsolute(std::vector<int64_t> counts) {
  uint64_t before = 0;
  for (int64_t& count : counts) {
    const auto now = static_cast<uint64_t>(count);
    count = static_cast<int64_t>(now - before);
    before = now;
  }
  return counts;
}
std::vector<double> FromAbsolute(std::vector<double> counts) { return counts; }

Status CheckSide(std::span<const model::HistogramSpan> spans, size_t buckets) {
  int64_t index = 0;
  uint64_t covered = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    if (i > 0 && spans[i].offset < 0) {
      return InvalidArgumentError("histogram: span " + std::to_string(i) +
                                  " has a negative offset");
    }
    index += int64_t{spans[i].offset} + spans[i].length;
    covered += spans[i].length;
    if (index > INT32_MAX || covered > kBucketsMax) {
      return InvalidArgumentError("histogram: too many buckets or a bucket index out of range");
    }
  }
  if (covered != buckets) {
    return InvalidArgumentError("histogram: spans cover " + std::to_string(covered) +
                                " buckets, there are " + std::to_string(buckets));
  }
  return OkStatus();
}

// Verdict on appending a histogram to a chunk.
struct Fit {
  bool append = false;
  ResetHeader header = ResetHeader::kUnknown;  // Of the next chunk, or derived after a cut.
  SideMerge positive, negative;
};

}  // namespace

// One chunk that grows: its bytes and the last sample.
template <typename Histogram>
struct HistogramChunkWriter<Histogram>::Chunk {
  using Bucket = std::conditional_t<kIsInteger<Histogram>, int64_t, double>;

  std::string data;
  BitWriter out{&data};
  uint32_t count = 0;
  ResetHeader header = ResetHeader::kUnknown;
  HistogramLayout layout;
  Histogram last;
  uint64_t t = 0, t_delta = 0;
  uint64_t total_delta = 0, zero_delta = 0;
  std::vector<uint64_t> positive_deltas, negative_deltas;
  XorValueWriter sum, total, zero;
  std::vector<XorValueWriter> positive_values, negative_values;

  Chunk() = default;
  Chunk(const Chunk&) = delete;

  void SetHeader(ResetHeader value) {
    header = value;
    data[2] = static_cast<char>(static_cast<uint8_t>(value) << 6);
  }

  void Append(int64_t new_t, const Histogram& h) {
    if (model::IsStaleNan(h.sum)) {
      Histogram empty;
      empty.sum = h.sum;
      AppendSample(static_cast<uint64_t>(new_t), empty, true);
    } else {
      AppendSample(static_cast<uint64_t>(new_t), h, false);
    }
  }

  void AppendSample(uint64_t new_t, const Histogram& h, bool stale) {
    if (count == 0) {
      Begin(new_t, h);
    } else {
      const uint64_t delta = new_t - t;
      WriteVarbitInt(out, static_cast<int64_t>(delta - t_delta));
      t_delta = delta;
      AppendFields(h, stale);
    }
    t = new_t;
    last = h;
    ++count;
    data[0] = static_cast<char>(count >> 8);
    data[1] = static_cast<char>(count & 0xff);
  }

  void Begin(uint64_t new_t, const Histogram& h) {
    data.assign(3, '\0');
    layout = {h.schema, h.zero_threshold, h.positive_spans, h.negative_spans, h.custom_values};
    WriteHistogramLayout(out, layout);
    WriteVarbitInt(out, static_cast<int64_t>(new_t));
    if constexpr (kIsInteger<Histogram>) {
      WriteVarbitUint(out, h.count);
      WriteVarbitUint(out, h.zero_count);
      WriteFirst(sum, h.sum);
      positive_deltas.resize(h.positive_buckets.size());
      negative_deltas.resize(h.negative_buckets.size());
      for (const int64_t bucket : h.positive_buckets) WriteVarbitInt(out, bucket);
      for (const int64_t bucket : h.negative_buckets) WriteVarbitInt(out, bucket);
    } else {
      WriteFirst(total, h.count);
      WriteFirst(zero, h.zero_count);
      WriteFirst(sum, h.sum);
      positive_values.resize(h.positive_buckets.size());
      negative_values.resize(h.negative_buckets.size());
      for (size_t i = 0; i < positive_values.size(); ++i) {
        WriteFirst(positive_values[i], h.positive_buckets[i]);
      }
      for (size_t i = 0; i < negative_values.size(); ++i) {
        WriteFirst(negative_values[i], h.negative_buckets[i]);
      }
    }
  }

  void WriteFirst(XorValueWriter& writer, double value) {
    writer.bits = std::bit_cast<uint64_t>(value);
    out.Bits(writer.bits, 64);
  }

  void AppendFields(const Histogram& h, bool stale) {
    if constexpr (kIsInteger<Histogram>) {
      WriteDod(h.count - last.count, &total_delta, stale);
      WriteDod(h.zero_count - last.zero_count, &zero_delta, stale);
      sum.Write(out, h.sum);
      if (stale) return;
      WriteBuckets(h.positive_buckets, last.positive_buckets, positive_deltas);
      WriteBuckets(h.negative_buckets, last.negative_buckets, negative_deltas);
    } else {
      total.Write(out, h.count);
      zero.Write(out, h.zero_count);
      sum.Write(out, h.sum);
      if (stale) return;
      for (size_t i = 0; i < h.positive_buckets.size(); ++i) {
        positive_values[i].Write(out, h.positive_buckets[i]);
      }
      for (size_t i = 0; i < h.negative_buckets.size(); ++i) {
        negative_values[i].Write(out, h.negative_buckets[i]);
      }
    }
  }

  void WriteDod(uint64_t delta, uint64_t* before, bool stale) {
    WriteVarbitInt(out, stale ? 0 : static_cast<int64_t>(delta - *before));
    *before = delta;
  }

  void WriteBuckets(std::span<const int64_t> now, std::span<const int64_t> before,
                    std::span<uint64_t> deltas) {
    for (size_t i = 0; i < now.size(); ++i) {
      WriteDod(static_cast<uint64_t>(now[i]) - static_cast<uint64_t>(before[i]), &deltas[i], false);
    }
  }

  Fit CounterFit(const Histogram& h) const;
  Fit GaugeFit(const Histogram& h) const;
  void MergeLayouts(const Histogram& h, bool counter, Fit* fit) const;
};

template <typename Histogram>
void HistogramChunkWriter<Histogram>::Chunk::MergeLayouts(const Histogram& h, bool counter,
                                                          Fit* fit) const {
  const auto side = [counter](const Spans& a_spans, std::span<const Bucket> a, const Spans& b_spans,
                              std::span<const Bucket> b) {
    const auto a_counts = Absolute(a);
    const auto b_counts = Absolute(b);
    return MergeSides<Bucket>(BucketIndices(a_spans), a_counts, BucketIndices(b_spans), b_counts,
                              counter);
  };
  fit->positive =
      side(layout.positive, last.positive_buckets, h.positive_spans, h.positive_buckets);
  fit->negative =
      side(layout.negative, last.negative_buckets, h.negative_spans, h.negative_buckets);
}

// The table of formats/tsdb-block §6.7; the first line that applies decides.
template <typename Histogram>
Fit HistogramChunkWriter<Histogram>::Chunk::CounterFit(const Histogram& h) const {
  // Float chunks know a reset or nothing; integer ones state what else is known.
  constexpr ResetHeader kNotReset =
      kIsInteger<Histogram> ? ResetHeader::kNotReset : ResetHeader::kUnknown;
  Fit fit;
  fit.header = kNotReset;
  if (header == ResetHeader::kGauge) return fit;
  fit.header = ResetHeader::kReset;
  if (h.hint == CounterResetHint::kReset) return fit;
  if (h.is_stale()) {
    fit.header = kNotReset;
    fit.append = true;
    return fit;
  }
  fit.header = ResetHeader::kUnknown;
  if (last.is_stale()) return fit;
  fit.header = ResetHeader::kReset;
  if (h.count < last.count) return fit;
  fit.header = ResetHeader::kUnknown;
  if (h.schema != layout.schema || h.zero_threshold != layout.zero_threshold) return fit;
  fit.header = ResetHeader::kReset;
  if (h.schema == model::kCustomBucketsSchema && !SameBits(h.custom_values, layout.custom_values)) {
    return fit;
  }
  if (h.zero_count < last.zero_count) return fit;
  MergeLayouts(h, true, &fit);
  if (fit.positive.reset || fit.negative.reset) return fit;
  fit.header = kNotReset;
  fit.append = true;
  return fit;
}

template <typename Histogram>
Fit HistogramChunkWriter<Histogram>::Chunk::GaugeFit(const Histogram& h) const {
  Fit fit;
  fit.header = ResetHeader::kGauge;
  if (header != ResetHeader::kGauge) return fit;
  if (h.is_stale()) {
    fit.append = true;
    return fit;
  }
  if (last.is_stale() || h.schema != layout.schema || h.zero_threshold != layout.zero_threshold) {
    return fit;
  }
  if (h.schema == model::kCustomBucketsSchema && !SameBits(h.custom_values, layout.custom_values)) {
    return fit;
  }
  MergeLayouts(h, false, &fit);
  fit.append = true;
  return fit;
}

namespace {

template <typename Bucket>
void WidenSide(const std::vector<int32_t>& united, const Spans& new_spans, Spans* spans,
               std::vector<Bucket>* buckets) {
  const auto counts = Absolute(std::span<const Bucket>(*buckets));
  *buckets = FromAbsolute(Rebase<Bucket>(BucketIndices(*spans), counts, united));
  *spans = new_spans;
}

// The layout after a merge: that of the chunk when it has all buckets, that of the histogram when
// it has, else the union in its shortest form. Gauges take the union on both sides at once.
Spans MergedSpans(const SideMerge& side, const Spans& chunk, const Spans& histogram,
                  bool chunk_grows, bool unite) {
  if (!chunk_grows) return chunk;
  return side.b_lacks || unite ? SpansOf(side.united) : histogram;
}

}  // namespace

template <typename Histogram>
HistogramChunkWriter<Histogram>::HistogramChunkWriter() : open_(std::make_unique<Chunk>()) {}
template <typename Histogram>
HistogramChunkWriter<Histogram>::~HistogramChunkWriter() = default;
template <typename Histogram>
HistogramChunkWriter<Histogram>::HistogramChunkWriter(HistogramChunkWriter&&) noexcept = default;
template <typename Histogram>
HistogramChunkWriter<Histogram>& HistogramChunkWriter<Histogram>::operator=(
    HistogramChunkWriter&&) noexcept = default;

template <typename Histogram>
std::string_view HistogramChunkWriter<Histogram>::bytes() const {
  return open_->data;
}

template <typename Histogram>
uint32_t HistogramChunkWriter<Histogram>::sample_count() const {
  return open_->count;
}

template <typename Histogram>
void HistogramChunkWriter<Histogram>::SetNotReset() {
  if (open_->count > 0 && open_->header == ResetHeader::kUnknown) {
    open_->SetHeader(ResetHeader::kNotReset);
  }
}

template <typename Histogram>
std::string HistogramChunkWriter<Histogram>::Cut() {
  if (open_->count == 0) return "";
  std::string out = std::move(open_->data);
  previous_ = std::move(open_);
  open_ = std::make_unique<Chunk>();
  return out;
}

// The caller cut the chunk before, or it is the first: what the one before says still decides the
// header.
template <typename Histogram>
void HistogramChunkWriter<Histogram>::BeginChunk(int64_t t, const Histogram& histogram) {
  ResetHeader header = ResetHeader::kUnknown;
  if (histogram.hint == CounterResetHint::kGauge) {
    header = ResetHeader::kGauge;
  } else if (histogram.hint == CounterResetHint::kReset) {
    header = ResetHeader::kReset;
  } else if (previous_) {
    header = previous_->CounterFit(histogram).header;
    if (!kIsInteger<Histogram> && header != ResetHeader::kReset) header = ResetHeader::kNotReset;
  }
  open_->Append(t, histogram);
  open_->SetHeader(header);
  previous_.reset();
}

template <typename Histogram>
Result<HistogramAppend> HistogramChunkWriter<Histogram>::Append(int64_t t,
                                                                const Histogram& histogram,
                                                                std::string* finished) {
  if (!histogram.is_stale()) {
    THANOS_RETURN_IF_ERROR(CheckSide(histogram.positive_spans, histogram.positive_buckets.size()));
    THANOS_RETURN_IF_ERROR(CheckSide(histogram.negative_spans, histogram.negative_buckets.size()));
  }
  const bool full = open_->count == kChunkSamplesMax;
  if (full) *finished = Cut();
  if (open_->count == 0) {
    BeginChunk(t, histogram);
    return full ? HistogramAppend::kNew : HistogramAppend::kSame;
  }
  const bool gauge = histogram.hint == CounterResetHint::kGauge;
  const Fit fit = gauge ? open_->GaugeFit(histogram) : open_->CounterFit(histogram);
  if (fit.append) return Widen(t, histogram, fit.positive, fit.negative);
  *finished = std::move(open_->data);
  open_ = std::make_unique<Chunk>();
  open_->Append(t, histogram);
  open_->SetHeader(fit.header);
  return HistogramAppend::kNew;
}

// Appends a histogram after bringing it and the chunk to one layout, where they differ.
template <typename Histogram>
Result<HistogramAppend> HistogramChunkWriter<Histogram>::Widen(int64_t t,
                                                               const Histogram& histogram,
                                                               const SideMerge& positive,
                                                               const SideMerge& negative) {
  const bool chunk_grows = positive.a_lacks || negative.a_lacks;
  if (!chunk_grows && !positive.b_lacks && !negative.b_lacks) {
    open_->Append(t, histogram);
    return HistogramAppend::kSame;
  }
  const bool unite =
      histogram.hint == CounterResetHint::kGauge && (positive.b_lacks || negative.b_lacks);
  const Spans positive_spans =
      MergedSpans(positive, open_->layout.positive, histogram.positive_spans, chunk_grows, unite);
  const Spans negative_spans =
      MergedSpans(negative, open_->layout.negative, histogram.negative_spans, chunk_grows, unite);
  const auto widen = [&](Histogram* h) {
    WidenSide(positive.united, positive_spans, &h->positive_spans, &h->positive_buckets);
    WidenSide(negative.united, negative_spans, &h->negative_spans, &h->negative_buckets);
  };
  if (chunk_grows) {
    auto recoded = std::make_unique<Chunk>();
    THANOS_ASSIGN_OR_RETURN(auto reader, HistogramChunkReader<Histogram>::Open(
                                             encoding(), codec::AsBytes(open_->data)));
    for (Histogram old; reader.Next();) {
      reader.Get(&old);
      if (!old.is_stale()) widen(&old);
      recoded->Append(reader.t(), old);
    }
    THANOS_RETURN_IF_ERROR(reader.status());
    recoded->SetHeader(open_->header);
    open_ = std::move(recoded);
  }
  Histogram wide = histogram;
  widen(&wide);
  open_->Append(t, wide);
  return chunk_grows ? HistogramAppend::kRecoded : HistogramAppend::kSame;
}

template <typename Histogram>
Result<std::string> HistogramChunkWriter<Histogram>::Rewrite(
    ChunkEncoding encoding, std::span<const std::byte> data,
    const std::function<bool(int64_t)>& keep) {
  THANOS_ASSIGN_OR_RETURN(auto reader, HistogramChunkReader<Histogram>::Open(encoding, data));
  Chunk chunk;
  chunk.data.assign(3, '\0');
  for (Histogram histogram; reader.Next();) {
    if (keep && !keep(reader.t())) continue;
    reader.Get(&histogram);
    chunk.Append(reader.t(), histogram);
  }
  THANOS_RETURN_IF_ERROR(reader.status());
  if (keep && chunk.count == 0) return std::string();
  chunk.SetHeader(reader.header());
  return std::move(chunk.data);
}

template class HistogramChunkWriter<model::IntHistogram>;
template class HistogramChunkWriter<model::FloatHistogram>;

}  // namespace thanos::chunk
