#include "chunk/decode.h"

#include <algorithm>
#include <string>

#include "chunk/histogram_codec.h"
#include "chunk/histogram_resolution.h"
#include "chunk/xor2.h"
#include "chunk/xor_kernels.h"
#include "codec/byte_reader.h"

namespace thanos::chunk {
namespace {

// The finest schema that the engine knows; finer ones are valid and merged on reading.
constexpr int32_t kFinestSchema = 8;

Status DecodeXor(std::span<const std::byte> data, Columns* out) {
  const size_t count = codec::LoadBe16(data.data());
  // A sample takes two bits at least: a count cannot ask for memory that the bytes do not justify.
  const size_t room = std::min(count, 4 * data.size() + 2);
  const size_t before = out->t.size();
  out->t.resize(before + room);
  out->v.resize(before + room);
  const size_t read =
      DecodeXorSamples(reinterpret_cast<const uint8_t*>(data.data()), data.size(), room,
                       out->t.data() + before, out->v.data() + before, nullptr);
  if (read == count) return OkStatus();
  out->t.resize(before + read);
  out->v.resize(before + read);
  return DataLossError("XOR chunk: malformed at sample " + std::to_string(read) + " of " +
                       std::to_string(count));
}

void ToFloat(const model::IntHistogram& from, model::FloatHistogram* to) { *to = from.ToFloat(); }
void ToFloat(const model::FloatHistogram& from, model::FloatHistogram* to) { *to = from; }

template <typename Histogram>
Status DecodeHistograms(ChunkEncoding encoding, std::span<const std::byte> data, Columns* out) {
  THANOS_ASSIGN_OR_RETURN(auto reader, HistogramChunkReader<Histogram>::Open(encoding, data));
  Histogram histogram;
  while (reader.Next()) {
    reader.Get(&histogram);
    if (reader.has_start_times()) {
      out->histogram_st.resize(out->histogram_t.size());
      out->histogram_st.push_back(reader.st());
    }
    out->histogram_t.push_back(reader.t());
    ToFloat(histogram, &out->histograms.emplace_back());
    if (histogram.schema > kFinestSchema) {
      ReduceResolution(kFinestSchema, &out->histograms.back());
    }
  }
  return reader.status();
}

Status UnknownEncoding(ChunkEncoding encoding) {
  return DataLossError("invalid chunk encoding " + std::to_string(static_cast<int>(encoding)));
}

}  // namespace

Result<uint32_t> SampleCount(ChunkEncoding encoding, std::span<const std::byte> data) {
  size_t header = 3;
  uint32_t mask = 0xffff;
  switch (encoding) {
    case ChunkEncoding::kXor:
      header = 2;
      break;
    case ChunkEncoding::kHistogram:
    case ChunkEncoding::kFloatHistogram:
    case ChunkEncoding::kXor2:
      break;
    case ChunkEncoding::kHistogramSt:
    case ChunkEncoding::kFloatHistogramSt:
      mask = 0x3fff;
      break;
    default:
      return UnknownEncoding(encoding);
  }
  if (data.size() < header) {
    return DataLossError("chunk of encoding " + std::to_string(static_cast<int>(encoding)) +
                         " is shorter than its header: " + std::to_string(data.size()) + " bytes");
  }
  return codec::LoadBe16(data.data()) & mask;
}

Status DecodeChunk(ChunkEncoding encoding, std::span<const std::byte> data, Columns* out) {
  THANOS_RETURN_IF_ERROR(SampleCount(encoding, data).status());
  switch (encoding) {
    case ChunkEncoding::kXor:
      return DecodeXor(data, out);
    case ChunkEncoding::kXor2:
      return DecodeXor2(data, out);
    case ChunkEncoding::kHistogram:
    case ChunkEncoding::kHistogramSt:
      return DecodeHistograms<model::IntHistogram>(encoding, data, out);
    case ChunkEncoding::kFloatHistogram:
    case ChunkEncoding::kFloatHistogramSt:
      return DecodeHistograms<model::FloatHistogram>(encoding, data, out);
    default:
      return UnknownEncoding(encoding);
  }
}

}  // namespace thanos::chunk
