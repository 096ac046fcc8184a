// Any bytes give series or a status: never a crash, a read outside, or memory out of proportion.
// What decodes and is encoded again decodes to the same series.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "wire/series_frame.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

Result<SeriesBatchRef> Decode(const base::PinnedBytes& frame, wire::DecodedFrame* out) {
  wire::FrameLimits limits;
  limits.verify_hashes = false;  // Else nearly nothing would get past them.
  wire::SeriesFrameDecoder decoder(limits);
  series::BatchBuilder builder;
  THANOS_ASSIGN_OR_RETURN(*out, decoder.Decode(frame, 0, &builder));
  return builder.Build(nullptr);
}

void RequireEqual(const SeriesView& a, const SeriesView& b) {
  Require(a.labels == b.labels && a.chunks.size() == b.chunks.size());
  for (size_t i = 0; i < a.chunks.size(); ++i) {
    Require(a.chunks[i].min_ms == b.chunks[i].min_ms && a.chunks[i].max_ms == b.chunks[i].max_ms);
    Require(a.chunks[i].parts.size() == b.chunks[i].parts.size());
    for (size_t j = 0; j < a.chunks[i].parts.size(); ++j) {
      const ChunkPart& x = a.chunks[i].parts[j];
      const ChunkPart& y = b.chunks[i].parts[j];
      Require(x.encoding == y.encoding && x.aggr == y.aggr && x.data.size() == y.data.size());
      Require(x.data.empty() || std::memcmp(x.data.data(), y.data.data(), x.data.size()) == 0);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto frame = base::PinnedBytes::Of(std::string(reinterpret_cast<const char*>(data), size));
  wire::DecodedFrame decoded;
  auto batch = Decode(frame, &decoded);
  if (!batch.ok()) return 0;
  for (const SeriesView& series : (*batch)->series()) {
    for (const Label& label : series.labels) Require(label.name.size() <= size);
  }
  auto again = wire::EncodeSeriesFrame((*batch)->series(), true);
  if (!again.ok()) return 0;  // Encodings that are read but not sent.
  auto second = Decode(*again, &decoded);
  Require(second.ok() && (*second)->series().size() == (*batch)->series().size());
  for (size_t i = 0; i < (*batch)->series().size(); ++i) {
    RequireEqual((*batch)->series()[i], (*second)->series()[i]);
  }
  return 0;
}
