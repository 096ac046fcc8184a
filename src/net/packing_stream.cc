#include "net/packing_stream.h"

#include <zlib.h>
#include <zstd.h>

#include "codec/compression.h"
#include "thanos/status.h"

namespace thanos::net {
namespace {

constexpr int kGzipWindowBits = 15 + 16;  // The largest window, gzip's frame.
constexpr int kZstdLevel = 1;
constexpr size_t kStepBytes = 32 << 10;

class GzipStream : public PackingStream {
 public:
  GzipStream() {
    THANOS_CHECK(deflateInit2(&stream_, Z_BEST_SPEED, Z_DEFLATED, kGzipWindowBits, 8,
                              Z_DEFAULT_STRATEGY) == Z_OK);
  }
  ~GzipStream() override { deflateEnd(&stream_); }
  GzipStream(const GzipStream&) = delete;

  void Write(std::string_view piece, std::string* out) override { Run(piece, Z_NO_FLUSH, out); }
  void Finish(std::string* out) override { Run({}, Z_FINISH, out); }

 private:
  void Run(std::string_view piece, int flush, std::string* out) {
    do {
      // avail_in is 32 bits wide.
      const std::string_view part = piece.substr(0, 1u << 30);
      piece.remove_prefix(part.size());
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
      stream_.avail_in = static_cast<uInt>(part.size());
      size_t produced = 0;
      do {
        const size_t before = out->size();
        out->resize(before + kStepBytes);
        stream_.next_out = reinterpret_cast<Bytef*>(out->data() + before);
        stream_.avail_out = kStepBytes;
        deflate(&stream_, piece.empty() ? flush : Z_NO_FLUSH);
        produced = kStepBytes - stream_.avail_out;
        out->resize(before + produced);
      } while (produced == kStepBytes);
    } while (!piece.empty());
  }

  z_stream stream_{};
};

class ZstdStream : public PackingStream {
 public:
  ZstdStream() : context_(ZSTD_createCCtx()) {
    THANOS_CHECK(context_ != nullptr);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, kZstdLevel);
  }
  ~ZstdStream() override { ZSTD_freeCCtx(context_); }
  ZstdStream(const ZstdStream&) = delete;

  void Write(std::string_view piece, std::string* out) override {
    Run(piece, ZSTD_e_continue, out);
  }
  void Finish(std::string* out) override { Run({}, ZSTD_e_end, out); }

 private:
  void Run(std::string_view piece, ZSTD_EndDirective directive, std::string* out) {
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    size_t left = 0;
    do {
      const size_t before = out->size();
      out->resize(before + kStepBytes);
      ZSTD_outBuffer to{out->data() + before, kStepBytes, 0};
      left = ZSTD_compressStream2(context_, &to, &in, directive);
      THANOS_CHECK(ZSTD_isError(left) == 0);
      out->resize(before + to.pos);
    } while (in.pos < in.size || (directive == ZSTD_e_end && left > 0));
  }

  ZSTD_CCtx* const context_;
};

}  // namespace

Encoding ChoosePacking(std::string_view accept_encoding) {
  const AcceptedEncodings accepted(accept_encoding);
  const int gzip = accepted.Named(Encoding::kGzip), zstd = accepted.Named(Encoding::kZstd);
  if (zstd > 0 && zstd >= gzip) return Encoding::kZstd;
  return gzip > 0 ? Encoding::kGzip : Encoding::kIdentity;
}

std::string Pack(Encoding encoding, std::string_view body) {
  return encoding == Encoding::kZstd ? codec::ZstdCompress(body, kZstdLevel)
                                     : codec::GzipCompress(body, Z_BEST_SPEED);
}

std::unique_ptr<PackingStream> PackingStream::Make(Encoding encoding) {
  if (encoding == Encoding::kZstd) return std::make_unique<ZstdStream>();
  return std::make_unique<GzipStream>();
}

}  // namespace thanos::net
