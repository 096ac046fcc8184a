#include "chunk/transcode.h"

#include "chunk/decode.h"
#include "chunk/histogram_writer.h"
#include "chunk/xor.h"

namespace thanos::chunk {

Result<std::string> Transcode(ChunkEncoding encoding, std::span<const std::byte> data) {
  switch (encoding) {
    case ChunkEncoding::kXor2: {
      Columns columns;
      THANOS_RETURN_IF_ERROR(DecodeChunk(encoding, data, &columns));
      std::string out(XorBytesMax(columns.t.size()), '\0');
      out.resize(EncodeXor(columns.t.data(), columns.v.data(), columns.t.size(),
                           reinterpret_cast<std::byte*>(out.data())));
      return out;
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
