// The hand-written codec of the one hot message: SeriesResponse. Bytes to views that borrow from
// the received buffer, and views to one contiguous buffer whose size is known before it is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/pinned_bytes.h"
#include "series/batch_builder.h"
#include "thanos/series.h"
#include "thanos/status.h"
#include "wire/label_reader.h"

namespace thanos::wire {

/// Never sent: a chunk of 4 to 6 has to be transcoded first. Received: up to 6.
inline constexpr ChunkEncoding kSentEncodingMax = ChunkEncoding::kFloatHistogram;

/// One message. A single series goes as `series`, unless `batched`; several as `batch`. Chunk
/// hashes that are 0 are computed. kInvalidArgument for an encoding that this wire does not carry
/// and for a message above 2 GiB.
Result<base::PinnedBytes> EncodeSeriesFrame(std::span<const SeriesView> series, bool batched);
base::PinnedBytes EncodeWarningFrame(std::string_view warning);
/// `any` is a serialised google.protobuf.Any.
base::PinnedBytes EncodeHintsFrame(std::string_view any);

struct FrameLimits {
  size_t labels_max = 4096;     // Of one series.
  size_t series_max = 1 << 20;  // Of one frame.
  bool verify_hashes = true;    // XXH64 of each chunk that carries one.
};

/// What a frame held besides series.
struct DecodedFrame {
  size_t series = 0;
  size_t chunks = 0;
  std::string warning;
  std::string hints;  // Serialised google.protobuf.Any.
};

/// Decodes frames. Keeps its scratch memory: no allocation per series in steady state. One thread.
class SeriesFrameDecoder {
 public:
  explicit SeriesFrameDecoder(FrameLimits limits = {}) : limits_(limits) {}

  /// Adds the frame's series, in their order, to `builder`, which is told to keep `frame` alive.
  /// Labels are in their order by name afterwards. kDataLoss says what is wrong at which byte:
  /// bounds, wire types, a label name twice, an encoding above 6, a hash that does not fit;
  /// kResourceExhausted names the limit. After an error the builder's content is to be dropped.
  Result<DecodedFrame> Decode(const base::PinnedBytes& frame, uint32_t source,
                              series::BatchBuilder* builder);

 private:
  class Pass;
  FrameLimits limits_;
  LabelReader labels_;
};

}  // namespace thanos::wire
