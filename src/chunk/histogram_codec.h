// What the chunks of native histograms (encodings 2, 3, 5, 6) have in common. Private to the room.
// Format: formats/tsdb-block §6.3 to §6.5 and §6.8.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "chunk/bit_reader.h"
#include "chunk/bit_writer.h"
#include "model/histogram.h"
#include "thanos/chunk.h"
#include "thanos/status.h"

namespace thanos::chunk {

/// The upper two bits of the flag byte.
enum class ResetHeader : uint8_t { kUnknown = 0, kNotReset = 1, kReset = 2, kGauge = 3 };

/// Schema, bounds and spans: what all samples of a chunk share.
struct HistogramLayout {
  int32_t schema = 0;
  double zero_threshold = 0;
  std::vector<model::HistogramSpan> positive, negative;
  std::vector<double> custom_values;
};

/// Integer chunks hold deltas of buckets as integers, float chunks absolute counts as floats.
template <typename Histogram>
inline constexpr bool kIsInteger = std::is_same_v<Histogram, model::IntHistogram>;

/// kDataLoss when cut short, when the schema is unknown or the spans do not fit an int32.
Status ReadHistogramLayout(BitReader& in, HistogramLayout* layout);
void WriteHistogramLayout(BitWriter& out, const HistogramLayout& layout);

/// Number of buckets that the spans cover.
uint64_t BucketCount(std::span<const model::HistogramSpan> spans);

/// Reads one chunk sample by sample. Borrows the bytes. One thread.
template <typename Histogram>
class HistogramChunkReader {
 public:
  using Bucket = std::conditional_t<kIsInteger<Histogram>, int64_t, double>;

  /// `encoding` must fit Histogram. kDataLoss when the header or the layout is malformed.
  static Result<HistogramChunkReader> Open(ChunkEncoding encoding, std::span<const std::byte> data);

  uint32_t sample_count() const { return count_; }
  ResetHeader header() const { return header_; }
  const HistogramLayout& layout() const { return layout_; }
  /// False at the end or when malformed; status() tells.
  bool Next();
  const Status& status() const { return status_; }

  int64_t t() const { return static_cast<int64_t>(t_); }
  bool has_start_times() const { return first_start_known_ || start_changes_on_ != 0; }
  /// Start timestamp, 0 when unknown.
  int64_t st() const { return static_cast<int64_t>(start_); }
  /// As stored: a stale sample is empty but for its sum.
  void Get(Histogram* out) const;

 private:
  struct Field {
    uint64_t value = 0, delta = 0;  // Integers: arithmetic wraps.
    XorValueReader real;            // Floats.
  };
  HistogramChunkReader(ChunkEncoding encoding, std::span<const std::byte> data);
  void ReadFirst();
  void ReadNext();
  void ReadBuckets(std::vector<Field>& buckets, bool first);
  bool MakeBuckets();
  void ReadStartTime(uint64_t before);
  void CopyBuckets(const std::vector<Field>& from, std::vector<Bucket>* to) const;

  BitReader in_;
  bool has_start_times_;
  uint32_t count_ = 0, read_ = 0;
  ResetHeader header_ = ResetHeader::kUnknown;
  bool first_start_known_ = false;
  uint32_t start_changes_on_ = 0;
  HistogramLayout layout_;
  uint64_t t_ = 0, t_delta_ = 0;
  uint64_t start_ = 0, start_delta_ = 0;
  Field total_, zero_;
  XorValueReader sum_;
  std::vector<Field> positive_, negative_;
  bool have_buckets_ = false;
  Status status_;
};

extern template class HistogramChunkReader<model::IntHistogram>;
extern template class HistogramChunkReader<model::FloatHistogram>;

}  // namespace thanos::chunk
