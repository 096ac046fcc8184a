#include "codec/compression.h"

#include <algorithm>

#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

namespace thanos::codec {
namespace {

Status TooLarge(std::string_view format, size_t bytes_max) {
  return ResourceExhaustedError(std::string(format) + ": output would pass the limit of " +
                                std::to_string(bytes_max) + " bytes");
}

}  // namespace

std::string SnappyCompress(std::string_view bytes) {
  std::string out;
  snappy::Compress(bytes.data(), bytes.size(), &out);
  return out;
}

Result<std::string> SnappyDecompress(std::string_view bytes, size_t bytes_max) {
  size_t size = 0;
  if (!snappy::GetUncompressedLength(bytes.data(), bytes.size(), &size)) {
    return DataLossError("snappy: malformed length");
  }
  if (size > bytes_max) return TooLarge("snappy", bytes_max);
  // A literal or copy makes at most 64 bytes of 3: a header that promises more lies.
  if (size > bytes.size() * 64 + 64) return DataLossError("snappy: length does not fit the input");
  std::string out(size, '\0');
  if (!snappy::RawUncompress(bytes.data(), bytes.size(), out.data())) {
    return DataLossError("snappy: malformed input");
  }
  return out;
}

std::string GzipCompress(std::string_view bytes, int level) {
  z_stream stream{};
  constexpr int kGzip = 16 + MAX_WBITS;
  deflateInit2(&stream, level, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Result<std::string> GzipDecompress(std::string_view bytes, size_t bytes_max) {
  z_stream stream{};
  constexpr int kGzip = 16 + MAX_WBITS;
  if (inflateInit2(&stream, kGzip) != Z_OK) return InternalError("gzip: no memory");
  std::unique_ptr<z_stream, decltype(&inflateEnd)> end(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  int code = Z_OK;
  while (code != Z_STREAM_END) {
    if (out.size() >= bytes_max) return TooLarge("gzip", bytes_max);
    const size_t had = out.size();
    out.resize(std::min(bytes_max, std::max<size_t>(had * 2, bytes.size() * 3 + 64)));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + had);
    stream.avail_out = static_cast<uInt>(out.size() - had);
    code = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    if (code != Z_OK && code != Z_STREAM_END) return DataLossError("gzip: malformed input");
    if (code == Z_OK && stream.avail_in == 0 && stream.avail_out != 0) {
      return DataLossError("gzip: cut short");
    }
  }
  return out;
}

std::string ZstdCompress(std::string_view bytes, int level) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), level));
  return out;
}

Result<std::string> ZstdDecompress(std::string_view bytes, size_t bytes_max) {
  std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream(ZSTD_createDStream(),
                                                                    ZSTD_freeDStream);
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  std::string out;
  size_t left = 1;
  while (left != 0) {
    if (out.size() >= bytes_max) return TooLarge("zstd", bytes_max);
    const size_t had = out.size();
    out.resize(std::min(bytes_max, std::max<size_t>(had * 2, bytes.size() * 3 + 64)));
    ZSTD_outBuffer target{out.data(), out.size(), had};
    left = ZSTD_decompressStream(stream.get(), &target, &in);
    if (ZSTD_isError(left)) return DataLossError("zstd: malformed input");
    const bool room_left = target.pos < target.size;
    out.resize(target.pos);
    if (left != 0 && in.pos == in.size && room_left) return DataLossError("zstd: cut short");
  }
  return out;
}

}  // namespace thanos::codec
