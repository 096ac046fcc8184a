#include "chunk/transcode.h"

#include "chunk/decode.h"
#include "chunk/histogram_writer.h"
#include "chunk/xor.h"

namespace thanos::chunk {
namespace {

std::string EncodeColumns(const Columns& columns) {
  std::string out(XorBytesMax(columns.t.size()), '\0');
  out.resize(EncodeXor(columns.t.data(), columns.v.data(), columns.t.size(),
                       reinterpret_cast<std::byte*>(out.data())));
  return out;
}

Result<std::string> FilterFloats(ChunkEncoding encoding, std::span<const std::byte> data,
                                 const std::function<bool(int64_t)>& keep) {
  Columns columns;
  THANOS_RETURN_IF_ERROR(DecodeChunk(encoding, data, &columns));
  size_t kept = 0;
  for (size_t i = 0; i < columns.t.size(); ++i) {
    if (!keep(columns.t[i])) continue;
    columns.t[kept] = columns.t[i];
    columns.v[kept++] = columns.v[i];
  }
  columns.t.resize(kept);
  columns.v.resize(kept);
  return kept == 0 ? std::string() : EncodeColumns(columns);
}

Result<std::string> Filter(ChunkEncoding encoding, std::span<const std::byte> data,
                           const std::function<bool(int64_t)>& keep) {
  switch (TranscodedEncoding(encoding)) {
    case ChunkEncoding::kXor:
      return FilterFloats(encoding, data, keep);
    case ChunkEncoding::kHistogram:
      return HistogramChunkWriter<model::IntHistogram>::Rewrite(encoding, data, keep);
    case ChunkEncoding::kFloatHistogram:
      return HistogramChunkWriter<model::FloatHistogram>::Rewrite(encoding, data, keep);
    default:
      return DataLossError("invalid chunk encoding " + std::to_string(static_cast<int>(encoding)));
  }
}

}  // namespace

Result<FilteredChunk> FilterSamples(ChunkEncoding encoding, std::span<const std::byte> data,
                                    const std::function<bool(int64_t)>& keep) {
  FilteredChunk out;
  const auto note = [&](int64_t t) {
    if (!keep(t)) return false;
    if (out.samples++ == 0) out.min_ms = t;
    out.max_ms = t;
    return true;
  };
  THANOS_ASSIGN_OR_RETURN(out.data, Filter(encoding, data, note));
  return out;
}

Result<std::string> Transcode(ChunkEncoding encoding, std::span<const std::byte> data) {
  switch (encoding) {
    case ChunkEncoding::kXor2: {
      Columns columns;
      THANOS_RETURN_IF_ERROR(DecodeChunk(encoding, data, &columns));
      return EncodeColumns(columns);
    }
    case ChunkEncoding::kHistogramSt:
      return HistogramChunkWriter<model::IntHistogram>::Rewrite(encoding, data);
    case ChunkEncoding::kFloatHistogramSt:
      return HistogramChunkWriter<model::FloatHistogram>::Rewrite(encoding, data);
    default:
      return InvalidArgumentError("chunk of encoding " +
                                  std::to_string(static_cast<int>(encoding)) +
                                  " needs no transcoding");
  }
}

}  // namespace thanos::chunk
