#include "chunk/aggregate.h"

#include "chunk/decode.h"
#include "codec/byte_reader.h"

namespace thanos::chunk {
namespace {

constexpr const char* kNames[5] = {"count", "sum", "min", "max", "counter"};

// Finding the next part needs no more than its length; only a part that is used must be readable.
Status CheckEncoding(const AggregatePart& part, size_t index) {
  const auto encoding = static_cast<uint8_t>(part.encoding);
  if (encoding <= static_cast<uint8_t>(ChunkEncoding::kFloatHistogramSt) &&
      (encoding != 0 || part.data.empty())) {
    return OkStatus();
  }
  return DataLossError(std::string("aggregate chunk, part ") + kNames[index] +
                       ": invalid chunk encoding " + std::to_string(encoding));
}

Result<AggregatePart> NextPart(codec::ByteReader& in, size_t index) {
  AggregatePart part;
  const uint64_t length = in.Uvarint();
  if (in.ok() && length == 0) return part;
  part.encoding = static_cast<ChunkEncoding>(in.U8());
  part.data = in.Bytes(length);
  THANOS_RETURN_IF_ERROR(in.Check(std::string("aggregate chunk, part ") + kNames[index]));
  return part;
}

}  // namespace

Result<AggregatePart> ReadAggregate(std::span<const std::byte> chunk, Aggr aggregate) {
  codec::ByteReader in(chunk);
  for (size_t i = 0; i < kAggregateOrder.size(); ++i) {
    THANOS_ASSIGN_OR_RETURN(const AggregatePart part, NextPart(in, i));
    if (kAggregateOrder[i] != aggregate) continue;
    THANOS_RETURN_IF_ERROR(CheckEncoding(part, i));
    return part;
  }
  return InvalidArgumentError("aggregate chunk: holds no raw samples");
}

Result<std::array<AggregatePart, 5>> SplitAggregates(std::span<const std::byte> chunk) {
  codec::ByteReader in(chunk);
  std::array<AggregatePart, 5> parts;
  for (size_t i = 0; i < parts.size(); ++i) {
    THANOS_ASSIGN_OR_RETURN(parts[i], NextPart(in, i));
    THANOS_RETURN_IF_ERROR(CheckEncoding(parts[i], i));
  }
  return parts;
}

void WriteAggregates(std::span<const AggregatePart, 5> parts, std::string* out) {
  codec::ByteWriter writer(out);
  for (const AggregatePart& part : parts) {
    writer.Uvarint(part.present() ? part.data.size() : 0);
    if (!part.present() || part.data.empty()) continue;
    writer.U8(static_cast<uint8_t>(part.encoding));
    writer.Bytes(part.data);
  }
}

Result<uint32_t> AggregateSampleCount(std::span<const std::byte> chunk) {
  THANOS_ASSIGN_OR_RETURN(const AggregatePart count, ReadAggregate(chunk, Aggr::kCount));
  if (!count.present()) return 0u;
  return SampleCount(count.encoding, count.data);
}

}  // namespace thanos::chunk
