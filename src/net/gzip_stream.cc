#include "net/gzip_stream.h"

#include <zlib.h>

#include "thanos/status.h"

namespace thanos::net {
namespace {

constexpr int kGzipWindowBits = 15 + 16;  // The largest window, gzip's frame.
constexpr size_t kStepBytes = 32 << 10;

}  // namespace

struct GzipStream::State {
  z_stream stream{};
};

GzipStream::GzipStream() : state_(std::make_unique<State>()) {
  THANOS_CHECK(deflateInit2(&state_->stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindowBits, 8,
                            Z_DEFAULT_STRATEGY) == Z_OK);
}

GzipStream::~GzipStream() { deflateEnd(&state_->stream); }

void GzipStream::Write(std::string_view piece, std::string* out) { Run(piece, Z_NO_FLUSH, out); }
void GzipStream::Finish(std::string* out) { Run({}, Z_FINISH, out); }

void GzipStream::Run(std::string_view piece, int flush, std::string* out) {
  z_stream& stream = state_->stream;
  do {
    // avail_in is 32 bits wide.
    const std::string_view part = piece.substr(0, 1u << 30);
    piece.remove_prefix(part.size());
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
    stream.avail_in = static_cast<uInt>(part.size());
    size_t produced = 0;
    do {
      const size_t before = out->size();
      out->resize(before + kStepBytes);
      stream.next_out = reinterpret_cast<Bytef*>(out->data() + before);
      stream.avail_out = kStepBytes;
      deflate(&stream, piece.empty() ? flush : Z_NO_FLUSH);
      produced = kStepBytes - stream.avail_out;
      out->resize(before + produced);
    } while (produced == kStepBytes);
  } while (!piece.empty());
}

}  // namespace thanos::net
