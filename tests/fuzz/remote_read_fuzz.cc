// Any body gives frames or a status, whatever the pieces it comes in; any payload gives series or a
// status. The first byte chooses between a body, one payload and an answer of samples.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "codec/byte_reader.h"
#include "wire/remote_read.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

namespace {

class Pieces : public ByteSource {
 public:
  Pieces(std::string_view text, size_t step) : text_(text), step_(step) {}
  Result<size_t> Read(std::span<std::byte> out) override {
    const size_t count = std::min({out.size(), step_, text_.size()});
    if (count > 0) std::memcpy(out.data(), text_.data(), count);
    text_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view text_;
  const size_t step_;
};

size_t CountFrames(std::string_view body, size_t step, bool* ok) {
  Pieces source(body, step);
  wire::ReadFrameReader reader(&source, 1 << 16);
  for (size_t count = 0;; ++count) {
    auto payload = reader.Next();
    *ok = payload.ok();
    if (!payload.ok() || !payload->has_value()) return count;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0: {
      bool whole = false, pieces = false;
      const size_t a = CountFrames(text, 1 << 20, &whole);
      const size_t b = CountFrames(text, 3, &pieces);
      if (a != b || whole != pieces) std::abort();
      break;
    }
    case 1: {
      wire::ReadFrameDecoder decoder;
      size_t bytes = 0;
      const Status status = decoder.Decode(text, [&](int64_t, const SeriesView& series) {
        bytes += series.labels.encoded().size();
        for (const ChunkView& chunk : series.chunks) bytes += chunk.parts[0].data.size();
        return OkStatus();
      });
      if (status.ok() && bytes > 2 * size) std::abort();
      break;
    }
    default:
      (void)wire::DecodeReadResponse(text).ok();
      (void)wire::DecodeReadRequest(text).ok();
  }
  return 0;
}
