#include "chunk/histogram_codec.h"

#include <cmath>

namespace thanos::chunk {
namespace {

constexpr int32_t kSchemaMin = -9;
constexpr int32_t kSchemaMax = 52;
// Thresholds that are powers of two travel as one byte.
constexpr int kThresholdBias = 243;
// Spans and bounds are handed out with every sample, so a few bytes of layout could be multiplied
// by the sample count: no real chunk comes near this many.
constexpr uint64_t kLayoutEntriesMax = 1 << 24;
constexpr double kBoundMax = 33554430;  // 1000 times the largest bound that travels as an integer.

Status Malformed(const char* what) {
  return DataLossError(std::string("histogram chunk: ") + what);
}

double ReadThreshold(BitReader& in) {
  const auto code = static_cast<int>(in.Bits(8));
  if (code == 0) return 0;
  if (code == 255) return std::bit_cast<double>(in.Bits(64));
  return std::ldexp(0.5, code - kThresholdBias);
}

void WriteThreshold(BitWriter& out, double threshold) {
  if (threshold == 0) return out.Bits(0, 8);
  int exponent = 0;
  const double fraction = std::frexp(threshold, &exponent);
  if (fraction == 0.5 && exponent >= -242 && exponent <= 11) {
    return out.Bits(static_cast<uint64_t>(exponent + kThresholdBias), 8);
  }
  out.Bits(255, 8);
  out.Bits(std::bit_cast<uint64_t>(threshold), 64);
}

Status ReadSpans(BitReader& in, std::vector<model::HistogramSpan>* spans) {
  const uint64_t count = ReadVarbitUint(in);
  // A span takes at least two bits: no count can ask for more memory than the chunk justifies.
  if (count > in.remaining_bits() / 2) return Malformed("more spans than fit its bytes");
  spans->clear();
  spans->reserve(count);
  int64_t index = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t length = ReadVarbitUint(in);
    const int64_t offset = ReadVarbitInt(in);
    if (length > INT32_MAX || offset < INT32_MIN || offset > INT32_MAX || (i > 0 && offset < 0)) {
      return Malformed("impossible span");
    }
    index += offset + static_cast<int64_t>(length);
    if (index > INT32_MAX) return Malformed("bucket index out of range");
    spans->push_back({static_cast<int32_t>(offset), static_cast<uint32_t>(length)});
  }
  return OkStatus();
}

void WriteSpans(BitWriter& out, std::span<const model::HistogramSpan> spans) {
  WriteVarbitUint(out, spans.size());
  for (const auto& span : spans) {
    WriteVarbitUint(out, span.length);
    WriteVarbitInt(out, span.offset);
  }
}

Status ReadBounds(BitReader& in, std::vector<double>* bounds) {
  const uint64_t count = ReadVarbitUint(in);
  if (count > in.remaining_bits()) return Malformed("more bounds than fit its bytes");
  bounds->clear();
  bounds->reserve(count);
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    const uint64_t code = ReadVarbitUint(in);
    bounds->push_back(code == 0 ? std::bit_cast<double>(in.Bits(64))
                                : static_cast<double>(code - 1) / 1000);
  }
  return OkStatus();
}

void WriteBounds(BitWriter& out, std::span<const double> bounds) {
  WriteVarbitUint(out, bounds.size());
  for (const double bound : bounds) {
    const double thousands = bound * 1000;
    if (thousands >= 0 && thousands <= kBoundMax) {
      const auto rounded = static_cast<uint64_t>(std::round(thousands));
      if (static_cast<double>(rounded) / 1000 == bound) {
        WriteVarbitUint(out, rounded + 1);
        continue;
      }
    }
    out.Bits(0, 1);
    out.Bits(std::bit_cast<uint64_t>(bound), 64);
  }
}

}  // namespace

uint64_t BucketCount(std::span<const model::HistogramSpan> spans) {
  uint64_t count = 0;
  for (const auto& span : spans) count += span.length;
  return count;
}

Status ReadHistogramLayout(BitReader& in, HistogramLayout* layout) {
  layout->zero_threshold = ReadThreshold(in);
  const int64_t schema = ReadVarbitInt(in);
  if (!in.ok()) return Malformed("cut short in its layout");
  if (schema != model::kCustomBucketsSchema && (schema < kSchemaMin || schema > kSchemaMax)) {
    return DataLossError("histogram chunk: unknown schema " + std::to_string(schema));
  }
  layout->schema = static_cast<int32_t>(schema);
  THANOS_RETURN_IF_ERROR(ReadSpans(in, &layout->positive));
  THANOS_RETURN_IF_ERROR(ReadSpans(in, &layout->negative));
  layout->custom_values.clear();
  if (schema == model::kCustomBucketsSchema) {
    THANOS_RETURN_IF_ERROR(ReadBounds(in, &layout->custom_values));
  }
  return in.ok() ? OkStatus() : Malformed("cut short in its layout");
}

void WriteHistogramLayout(BitWriter& out, const HistogramLayout& layout) {
  WriteThreshold(out, layout.zero_threshold);
  WriteVarbitInt(out, layout.schema);
  WriteSpans(out, layout.positive);
  WriteSpans(out, layout.negative);
  if (layout.schema == model::kCustomBucketsSchema) WriteBounds(out, layout.custom_values);
}

template <typename Histogram>
HistogramChunkReader<Histogram>::HistogramChunkReader(ChunkEncoding encoding,
                                                      std::span<const std::byte> data)
    : in_(data, 3),
      has_start_times_(encoding == ChunkEncoding::kHistogramSt ||
                       encoding == ChunkEncoding::kFloatHistogramSt) {}

template <typename Histogram>
Result<HistogramChunkReader<Histogram>> HistogramChunkReader<Histogram>::Open(
    ChunkEncoding encoding, std::span<const std::byte> data) {
  if (data.size() < 3) return Malformed("shorter than its header");
  HistogramChunkReader reader(encoding, data);
  const uint32_t first = codec::LoadBe16(data.data());
  const auto third = std::to_integer<uint32_t>(data[2]);
  if (reader.has_start_times_) {
    reader.count_ = first & 0x3fff;
    reader.header_ = static_cast<ResetHeader>(first >> 14);
    reader.first_start_known_ = third >> 7;
    reader.start_changes_on_ = third & 0x7f;
  } else {
    reader.count_ = first;
    reader.header_ = static_cast<ResetHeader>(third >> 6);
  }
  if (reader.count_ == 0) return reader;
  THANOS_RETURN_IF_ERROR(ReadHistogramLayout(reader.in_, &reader.layout_));
  const HistogramLayout& layout = reader.layout_;
  const uint64_t entries =
      layout.positive.size() + layout.negative.size() + layout.custom_values.size();
  if (entries * reader.count_ > kLayoutEntriesMax) return Malformed("absurdly large layout");
  return reader;
}

template <typename Histogram>
bool HistogramChunkReader<Histogram>::Next() {
  if (!status_.ok() || read_ >= count_) return false;
  read_ == 0 ? ReadFirst() : ReadNext();
  if (!in_.ok()) {
    status_ = DataLossError("histogram chunk: malformed at sample " + std::to_string(read_) +
                            " of " + std::to_string(count_));
    return false;
  }
  ++read_;
  return true;
}

// Memory for buckets is taken once a sample is to hold them: each needs at least a bit.
template <typename Histogram>
bool HistogramChunkReader<Histogram>::MakeBuckets() {
  if (have_buckets_) return true;
  const uint64_t positive = BucketCount(layout_.positive);
  const uint64_t negative = BucketCount(layout_.negative);
  if (positive > in_.remaining_bits() || negative > in_.remaining_bits() - positive) {
    in_.Fail();
    return false;
  }
  positive_.resize(positive);
  negative_.resize(negative);
  have_buckets_ = true;
  return true;
}

template <typename Histogram>
void HistogramChunkReader<Histogram>::ReadFirst() {
  t_ = static_cast<uint64_t>(ReadVarbitInt(in_));
  if constexpr (kIsInteger<Histogram>) {
    total_.value = ReadVarbitUint(in_);
    zero_.value = ReadVarbitUint(in_);
  } else {
    total_.real.bits = in_.Bits(64);
    zero_.real.bits = in_.Bits(64);
  }
  sum_.bits = in_.Bits(64);
  if (!model::IsStaleNan(sum_.value()) && MakeBuckets()) {
    ReadBuckets(positive_, true);
    ReadBuckets(negative_, true);
  }
  if (has_start_times_ && first_start_known_) start_ = t_ - static_cast<uint64_t>(in_.Varint());
}

template <typename Histogram>
void HistogramChunkReader<Histogram>::ReadBuckets(std::vector<Field>& buckets, bool first) {
  for (Field& bucket : buckets) {
    if constexpr (kIsInteger<Histogram>) {
      const auto read = static_cast<uint64_t>(ReadVarbitInt(in_));
      if (first) {
        bucket.value = read;
      } else {
        bucket.delta += read;
        bucket.value += bucket.delta;
      }
    } else if (first) {
      bucket.real.bits = in_.Bits(64);
    } else {
      bucket.real.Read(in_);
    }
    if (!in_.ok()) return;
  }
}

template <typename Histogram>
void HistogramChunkReader<Histogram>::ReadNext() {
  const uint64_t before = t_;
  t_delta_ += static_cast<uint64_t>(ReadVarbitInt(in_));
  t_ += t_delta_;
  if constexpr (kIsInteger<Histogram>) {
    for (Field* field : {&total_, &zero_}) {
      field->delta += static_cast<uint64_t>(ReadVarbitInt(in_));
      field->value += field->delta;
    }
  } else {
    total_.real.Read(in_);
    zero_.real.Read(in_);
  }
  sum_.Read(in_);
  if (!model::IsStaleNan(sum_.value()) && MakeBuckets()) {
    ReadBuckets(positive_, false);
    ReadBuckets(negative_, false);
  }
  if (has_start_times_) ReadStartTime(before);
}

// A difference to the time of the sample before; from the second on, the change of it.
template <typename Histogram>
void HistogramChunkReader<Histogram>::ReadStartTime(uint64_t before) {
  if (start_changes_on_ == 0 || read_ < start_changes_on_) return;
  const auto read = static_cast<uint64_t>(ReadVarbitInt(in_));
  start_delta_ = read_ == start_changes_on_ ? read : start_delta_ + read;
  start_ = before - start_delta_;
}

template <typename Histogram>
void HistogramChunkReader<Histogram>::CopyBuckets(const std::vector<Field>& from,
                                                  std::vector<Bucket>* to) const {
  to->clear();
  to->reserve(from.size());
  for (const Field& field : from) {
    if constexpr (kIsInteger<Histogram>) {
      to->push_back(static_cast<int64_t>(field.value));
    } else {
      to->push_back(field.real.value());
    }
  }
}

template <typename Histogram>
void HistogramChunkReader<Histogram>::Get(Histogram* out) const {
  out->sum = sum_.value();
  if (model::IsStaleNan(out->sum)) {
    const double sum = out->sum;
    *out = Histogram();
    out->sum = sum;
    return;
  }
  out->hint = header_ == ResetHeader::kGauge ? model::CounterResetHint::kGauge
              : read_ > 1                    ? model::CounterResetHint::kNotReset
                                             : model::CounterResetHint::kUnknown;
  out->schema = layout_.schema;
  out->zero_threshold = layout_.zero_threshold;
  if constexpr (kIsInteger<Histogram>) {
    out->zero_count = zero_.value;
    out->count = total_.value;
  } else {
    out->zero_count = zero_.real.value();
    out->count = total_.real.value();
  }
  out->positive_spans = layout_.positive;
  out->negative_spans = layout_.negative;
  out->custom_values = layout_.custom_values;
  CopyBuckets(positive_, &out->positive_buckets);
  CopyBuckets(negative_, &out->negative_buckets);
}

template class HistogramChunkReader<model::IntHistogram>;
template class HistogramChunkReader<model::FloatHistogram>;

}  // namespace thanos::chunk
