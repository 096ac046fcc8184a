#include "net/packing_stream.h"

#include <algorithm>
#include <cctype>

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

// The weight that one item of the header gives `coding`, in thousandths; -1: it is another one's.
int WeightFor(std::string_view item, std::string_view coding) {
  std::string text;
  for (const char c : item) {
    if (c != ' ' && c != '\t') {
      text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  if (!text.starts_with(coding)) return -1;
  const std::string_view rest = std::string_view(text).substr(coding.size());
  if (rest.empty()) return 1000;
  if (rest.front() != ';') return -1;
  const size_t at = rest.find("q=");
  if (at == std::string_view::npos) return 1000;
  const std::string_view weight = rest.substr(at + 2);
  if (weight.starts_with('1')) return 1000;
  int thousandths = 0, place = 100;
  for (size_t i = 2; i < weight.size() && place > 0; ++i, place /= 10) {
    if (weight[i] < '0' || weight[i] > '9') break;
    thousandths += (weight[i] - '0') * place;
  }
  return thousandths;
}

}  // namespace

Packing ChoosePacking(std::string_view accept_encoding) {
  int gzip = 0, zstd = 0;
  while (!accept_encoding.empty()) {
    const size_t end = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view item = accept_encoding.substr(0, end);
    accept_encoding.remove_prefix(std::min(end + 1, accept_encoding.size()));
    gzip = std::max(gzip, WeightFor(item, "gzip"));
    zstd = std::max(zstd, WeightFor(item, "zstd"));
  }
  if (zstd > 0 && zstd >= gzip) return Packing::kZstd;
  return gzip > 0 ? Packing::kGzip : Packing::kNone;
}

std::string_view NameOf(Packing packing) {
  switch (packing) {
    case Packing::kGzip:
      return "gzip";
    case Packing::kZstd:
      return "zstd";
    case Packing::kNone:
      break;
  }
  return "";
}

std::string Pack(Packing packing, std::string_view body) {
  return packing == Packing::kZstd ? codec::ZstdCompress(body, kZstdLevel)
                                   : codec::GzipCompress(body, Z_BEST_SPEED);
}

std::unique_ptr<PackingStream> PackingStream::Make(Packing packing) {
  if (packing == Packing::kZstd) return std::make_unique<ZstdStream>();
  return std::make_unique<GzipStream>();
}

}  // namespace thanos::net
