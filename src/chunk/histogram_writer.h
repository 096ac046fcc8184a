// Writing native histograms: encoding 2 for integer, 3 for float ones, with Prometheus' rules when
// a histogram fits the open chunk, when the chunk is rewritten and when a new one begins.
// Rules: formats/tsdb-block §6.7.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "model/histogram.h"
#include "thanos/chunk.h"
#include "thanos/status.h"

namespace thanos::chunk {

struct SideMerge;

/// What became of an append.
enum class HistogramAppend : uint8_t {
  kSame,     // The open chunk grew.
  kRecoded,  // The open chunk was rewritten with the union of both bucket layouts, and grew.
  kNew,      // The open chunk is finished; the sample begins a new one.
};

/// Makes the chunks of one series. Histogram is model::IntHistogram or model::FloatHistogram.
///   HistogramChunkWriter<model::IntHistogram> writer;
///   THANOS_ASSIGN_OR_RETURN(auto what, writer.Append(t, histogram, &finished));
///   if (what == HistogramAppend::kNew) Emit(finished);
///   ... Emit(writer.Cut());
/// One thread.
template <typename Histogram>
class HistogramChunkWriter {
 public:
  HistogramChunkWriter();
  ~HistogramChunkWriter();
  HistogramChunkWriter(HistogramChunkWriter&&) noexcept;
  HistogramChunkWriter& operator=(HistogramChunkWriter&&) noexcept;

  static constexpr ChunkEncoding encoding();

  /// Times are the caller's business. kInvalidArgument when buckets and spans do not agree; nothing
  /// is appended then. After kNew, *finished holds the chunk that ended. A full chunk (65,535
  /// samples) ends as well.
  Result<HistogramAppend> Append(int64_t t, const Histogram& histogram, std::string* finished);

  /// Ends the open chunk (by size or time) and returns it, "" when it is empty. The next sample's
  /// reset header is still derived from the last one.
  std::string Cut();

  /// States in the open chunk's header that its first sample goes on from the one before it; for
  /// callers that know. Gauges and explicit resets stay as they are.
  void SetNotReset();

  /// The open chunk; valid until the next call. Empty when it has no samples.
  std::string_view bytes() const;
  uint32_t sample_count() const;

  /// Writes a chunk of encoding 5 or 6 (2 or 3) anew: the same samples, layout and reset header
  /// without start timestamps. kDataLoss when malformed.
  /// With `keep`: only samples of the times it accepts; "" when none are left.
  static Result<std::string> Rewrite(ChunkEncoding encoding, std::span<const std::byte> data,
                                     const std::function<bool(int64_t t_ms)>& keep = nullptr);

 private:
  struct Chunk;
  void BeginChunk(int64_t t, const Histogram& histogram);
  Result<HistogramAppend> Widen(int64_t t, const Histogram& histogram, const SideMerge& positive,
                                const SideMerge& negative);
  std::unique_ptr<Chunk> open_;
  std::unique_ptr<Chunk> previous_;  // Of a Cut: reference for the reset header.
};

template <>
constexpr ChunkEncoding HistogramChunkWriter<model::IntHistogram>::encoding() {
  return ChunkEncoding::kHistogram;
}
template <>
constexpr ChunkEncoding HistogramChunkWriter<model::FloatHistogram>::encoding() {
  return ChunkEncoding::kFloatHistogram;
}

extern template class HistogramChunkWriter<model::IntHistogram>;
extern template class HistogramChunkWriter<model::FloatHistogram>;

}  // namespace thanos::chunk
