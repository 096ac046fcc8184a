#include "block/chunk_merge.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "block/chunk_list_heap.h"
#include "chunk/aggregate.h"
#include "chunk/decode.h"
#include "chunk/downsampled.h"
#include "chunk/histogram_codec.h"
#include "chunk/histogram_writer.h"
#include "chunk/xor.h"
#include "codec/byte_reader.h"
#include "series/dedup.h"

namespace thanos::block {
namespace {

using chunk::Columns;

// Chunks still to come of one input, or of a merge that was pushed back.
using ChunkList = std::deque<MergeChunk>;

using ListHeap = ChunkListHeap<ChunkList>;

std::span<const std::byte> BytesOf(const MergeChunk& chunk) { return codec::AsBytes(chunk.data); }

// Samples of some chunks, one list per chunk. Merging works on columns whose histograms stand for
// samples here: `count` is the list, `sum` the place in it. Integer histograms stay integers so.
struct Decoded {
  std::vector<std::vector<model::IntHistogram>> integers;
  std::vector<std::vector<model::FloatHistogram>> floats;
  std::vector<Columns> columns;

  Status Add(const MergeChunk& chunk);
  template <typename Histogram>
  Status AddHistograms(const MergeChunk& chunk, std::vector<Histogram>* out);
};

template <typename Histogram>
Status Decoded::AddHistograms(const MergeChunk& chunk, std::vector<Histogram>* out) {
  THANOS_ASSIGN_OR_RETURN(
      auto reader, chunk::HistogramChunkReader<Histogram>::Open(chunk.encoding, BytesOf(chunk)));
  Columns& to = columns.back();
  const bool gauge = reader.header() == chunk::ResetHeader::kGauge;
  while (reader.Next()) {
    Histogram histogram;
    reader.Get(&histogram);
    model::FloatHistogram stand_in;
    if (histogram.is_stale()) {
      stand_in.hint = model::CounterResetHint::kUnknown;  // Staleness markers are of no kind.
    } else if (gauge) {
      stand_in.hint = model::CounterResetHint::kGauge;
    } else if (!out->empty()) {
      stand_in.hint = model::CounterResetHint::kNotReset;
    }
    stand_in.count = static_cast<double>(columns.size() - 1);
    stand_in.sum = static_cast<double>(out->size());
    to.histogram_t.push_back(reader.t());
    to.histograms.push_back(std::move(stand_in));
    out->push_back(std::move(histogram));
  }
  return reader.status();
}

Status Decoded::Add(const MergeChunk& chunk) {
  columns.emplace_back();
  integers.emplace_back();
  floats.emplace_back();
  switch (chunk.encoding) {
    case ChunkEncoding::kHistogram:
      THANOS_RETURN_IF_ERROR(AddHistograms(chunk, &integers.back()));
      break;
    case ChunkEncoding::kFloatHistogram:
      THANOS_RETURN_IF_ERROR(AddHistograms(chunk, &floats.back()));
      break;
    default:
      THANOS_RETURN_IF_ERROR(chunk::DecodeChunk(chunk.encoding, BytesOf(chunk), &columns.back()));
  }
  THANOS_RETURN_IF_ERROR(CheckAscending(columns.back().t));
  return CheckAscending(columns.back().histogram_t);
}

// Encodes samples in order of time: a chunk ends at 120 samples, where the kind of sample changes,
// and where a histogram does not fit.
class Encoder {
 public:
  explicit Encoder(const Decoded& decoded) : decoded_(decoded) {}

  Result<std::vector<MergeChunk>> Encode(const Columns& merged) {
    size_t f = 0, h = 0;
    while (f < merged.t.size() || h < merged.histogram_t.size()) {
      const bool is_float = h == merged.histogram_t.size() ||
                            (f < merged.t.size() && merged.t[f] < merged.histogram_t[h]);
      THANOS_RETURN_IF_ERROR(is_float ? AddFloat(merged.t[f], merged.v[f])
                                      : AddHistogram(merged.histogram_t[h], merged.histograms[h]));
      ++(is_float ? f : h);
    }
    End();
    return std::move(out_);
  }

 private:
  enum class Kind : uint8_t { kNone, kFloat, kInteger, kFloatHistogram };

  void BeginSample(Kind kind, int64_t t) {
    if (kind != kind_ || samples_ >= kMergedChunkSamples) {
      End();
      kind_ = kind;
    }
    if (samples_ == 0) min_ms_ = t;
  }
  void EndSample(int64_t t) {
    max_ms_ = t;
    ++samples_;
  }
  void Emit(ChunkEncoding encoding, std::string_view data) {
    out_.push_back({min_ms_, max_ms_, encoding, std::string(data)});
    samples_ = 0;
  }
  void End() {
    if (samples_ == 0) return;
    if (kind_ == Kind::kFloat) Emit(ChunkEncoding::kXor, codec::AsText(xor_.bytes()));
    if (kind_ == Kind::kInteger) Emit(ChunkEncoding::kHistogram, integer_.bytes());
    if (kind_ == Kind::kFloatHistogram) Emit(ChunkEncoding::kFloatHistogram, float_.bytes());
    // Fresh ones: nothing of a chunk before says what the next one's header is.
    xor_ = chunk::XorAppender();
    integer_ = {};
    float_ = {};
  }

  Status AddFloat(int64_t t, double v) {
    BeginSample(Kind::kFloat, t);
    if (!xor_.Append(t, v)) return InternalError("a merged chunk is full");
    EndSample(t);
    return OkStatus();
  }

  Status AddHistogram(int64_t t, const model::FloatHistogram& stand_in) {
    const auto list = static_cast<size_t>(stand_in.count), at = static_cast<size_t>(stand_in.sum);
    if (!decoded_.integers[list].empty()) {
      model::IntHistogram histogram = decoded_.integers[list][at];
      histogram.hint = stand_in.hint;
      return Append(Kind::kInteger, t, histogram, &integer_);
    }
    model::FloatHistogram histogram = decoded_.floats[list][at];
    histogram.hint = stand_in.hint;
    return Append(Kind::kFloatHistogram, t, histogram, &float_);
  }

  template <typename Histogram>
  Status Append(Kind kind, int64_t t, const Histogram& histogram,
                chunk::HistogramChunkWriter<Histogram>* writer) {
    BeginSample(kind, t);
    std::string finished;
    THANOS_ASSIGN_OR_RETURN(const auto what, writer->Append(t, histogram, &finished));
    if (what == chunk::HistogramAppend::kNew && samples_ > 0) {
      Emit(chunk::HistogramChunkWriter<Histogram>::encoding(), finished);
      min_ms_ = t;
    }
    EndSample(t);
    return OkStatus();
  }

  const Decoded& decoded_;
  std::vector<MergeChunk> out_;
  Kind kind_ = Kind::kNone;
  size_t samples_ = 0;
  int64_t min_ms_ = 0, max_ms_ = 0;
  chunk::XorAppender xor_;
  chunk::HistogramChunkWriter<model::IntHistogram> integer_;
  chunk::HistogramChunkWriter<model::FloatHistogram> float_;
};

std::vector<const Columns*> Pointers(const std::vector<Columns>& columns) {
  std::vector<const Columns*> out;
  for (const Columns& one : columns) out.push_back(&one);
  return out;
}

// `chunks` in the order in which the merge takes them.
Result<std::vector<MergeChunk>> MergeSamples(const std::vector<MergeChunk>& chunks,
                                             OverlapMerge merge) {
  Decoded decoded;
  for (const MergeChunk& chunk : chunks) THANOS_RETURN_IF_ERROR(decoded.Add(chunk));
  Columns merged;
  if (merge == OverlapMerge::kPenalty) {
    series::PenaltyMerge(Pointers(decoded.columns), series::CounterAdjust::kNone, &merged);
  } else {
    series::ChainMerge(Pointers(decoded.columns), &merged);
  }
  return Encoder(decoded).Encode(merged);
}

// One aggregate of all chunks, merged.
Status MergeAggregate(const std::vector<MergeChunk>& chunks, Aggr aggregate, Columns* merged) {
  std::vector<Columns> columns;
  for (const MergeChunk& chunk : chunks) {
    THANOS_ASSIGN_OR_RETURN(const chunk::AggregatePart part,
                            chunk::ReadAggregate(BytesOf(chunk), aggregate));
    columns.emplace_back();
    if (!part.present()) continue;
    if (part.encoding != ChunkEncoding::kXor) {
      return FailedPreconditionError("aggregates of native histograms cannot be merged yet");
    }
    const chunk::EncodedChunk encoded{part.encoding, part.data};
    THANOS_RETURN_IF_ERROR(aggregate == Aggr::kCounter
                               ? chunk::ReadCounter({&encoded, 1}, &columns.back())
                               : chunk::DecodeChunk(part.encoding, part.data, &columns.back()));
    // The counts say where chunks begin and end.
    if (aggregate == Aggr::kCount) THANOS_RETURN_IF_ERROR(CheckAscending(columns.back().t));
  }
  series::PenaltyMerge(Pointers(columns), series::CounterAdjust::kNone, merged);
  return OkStatus();
}

// Samples of [min_ms, max_ms] as one chunk, "" when there are none.
std::string EncodeRange(const Columns& samples, int64_t min_ms, int64_t max_ms, bool end_marker) {
  chunk::XorAppender appender;
  std::optional<std::pair<int64_t, double>> last;
  for (size_t i = 0; i < samples.t.size(); ++i) {
    if (samples.t[i] < min_ms || samples.t[i] > max_ms) continue;
    if (!appender.Append(samples.t[i], samples.v[i])) break;
    last = {samples.t[i], samples.v[i]};
  }
  if (!last) return "";
  if (end_marker && !appender.Append(last->first, last->second)) return "";
  return std::string(codec::AsText(appender.bytes()));
}

Result<std::vector<MergeChunk>> MergeAggregates(const std::vector<MergeChunk>& chunks) {
  Columns merged[5];
  for (size_t i = 0; i < 5; ++i) {
    THANOS_RETURN_IF_ERROR(MergeAggregate(chunks, chunk::kAggregateOrder[i], &merged[i]));
  }
  const Columns& count = merged[0];
  std::vector<MergeChunk> out;
  for (size_t begin = 0; begin < count.t.size(); begin += kMergedChunkSamples) {
    const size_t end = std::min(begin + kMergedChunkSamples, count.t.size());
    const int64_t min_ms = count.t[begin], max_ms = count.t[end - 1];
    std::string data[5];
    std::array<chunk::AggregatePart, 5> parts;
    for (size_t i = 0; i < 5; ++i) {
      data[i] = EncodeRange(merged[i], min_ms, max_ms, chunk::kAggregateOrder[i] == Aggr::kCounter);
      if (!data[i].empty()) parts[i] = {ChunkEncoding::kXor, codec::AsBytes(data[i])};
    }
    MergeChunk chunk{min_ms, max_ms, ChunkEncoding::kAggregate, ""};
    chunk::WriteAggregates(parts, &chunk.data);
    out.push_back(std::move(chunk));
  }
  return out;
}

// `overlapping` in order of their beginnings; `first` is the one that was taken first.
Result<std::vector<MergeChunk>> MergeOverlapping(MergeChunk first,
                                                 std::vector<MergeChunk> overlapping,
                                                 OverlapMerge merge) {
  const auto is_aggregate = [](const MergeChunk& chunk) {
    return chunk.encoding == ChunkEncoding::kAggregate;
  };
  const bool one_encoding =
      std::all_of(overlapping.begin(), overlapping.end(),
                  [&](const MergeChunk& chunk) { return chunk.encoding == first.encoding; });
  if (is_aggregate(first) || std::any_of(overlapping.begin(), overlapping.end(), is_aggregate)) {
    if (merge != OverlapMerge::kPenalty || !one_encoding) {
      return FailedPreconditionError(
          "overlapping chunks of downsampled data cannot be merged "
          "without penalty deduplication");
    }
    overlapping.push_back(std::move(first));
    return MergeAggregates(overlapping);
  }
  if (merge == OverlapMerge::kPenalty && one_encoding) {
    overlapping.insert(overlapping.begin(), std::move(first));
    return MergeSamples(overlapping, OverlapMerge::kPenalty);
  }
  overlapping.push_back(std::move(first));
  return MergeSamples(overlapping, OverlapMerge::kChain);
}

}  // namespace

Status CheckAscending(std::span<const int64_t> t_ms) {
  for (size_t i = 1; i < t_ms.size(); ++i) {
    if (t_ms[i] > t_ms[i - 1]) continue;
    return DataLossError("chunk: sample " + std::to_string(i) + " at " + std::to_string(t_ms[i]) +
                         " does not lie behind the one at " + std::to_string(t_ms[i - 1]));
  }
  return OkStatus();
}

Result<std::vector<MergeChunk>> MergeSeriesChunks(
    const std::vector<std::vector<MergeChunk>>& inputs, OverlapMerge merge) {
  ListHeap heap;
  for (const auto& input : inputs) heap.Push(ChunkList(input.begin(), input.end()));
  std::vector<MergeChunk> out;
  while (!heap.empty()) {
    MergeChunk current = heap.Take();
    std::vector<MergeChunk> overlapping;
    int64_t max_ms = current.max_ms;
    while (!heap.empty() && heap.top().min_ms <= max_ms) {
      MergeChunk next = heap.Take();
      const MergeChunk& before = overlapping.empty() ? current : overlapping.back();
      if (next.min_ms == before.min_ms && next.max_ms == before.max_ms &&
          next.data == before.data) {
        continue;
      }
      max_ms = std::max(max_ms, next.max_ms);
      overlapping.push_back(std::move(next));
    }
    if (overlapping.empty()) {
      out.push_back(std::move(current));
      continue;
    }
    THANOS_ASSIGN_OR_RETURN(std::vector<MergeChunk> merged,
                            MergeOverlapping(std::move(current), std::move(overlapping), merge));
    if (merged.empty()) continue;
    // The first is done; the rest may overlap what is still to come.
    ChunkList rest(std::make_move_iterator(merged.begin() + 1),
                   std::make_move_iterator(merged.end()));
    out.push_back(std::move(merged.front()));
    heap.Push(std::move(rest));
  }
  return out;
}

}  // namespace thanos::block
