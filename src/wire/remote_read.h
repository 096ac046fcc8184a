// Prometheus' remote read: the request, the frames of a streamed answer, the answer of samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/pinned_bytes.h"
#include "model/histogram.h"
#include "model/matcher.h"
#include "thanos/bucket.h"
#include "thanos/series.h"
#include "thanos/status.h"
#include "wire/label_reader.h"

namespace thanos::wire {

enum class ReadResponseType : uint8_t { kSamples = 0, kStreamedXorChunks = 1 };

struct ReadHints {
  int64_t step_ms = 0;
  std::string function;
  int64_t start_ms = 0, end_ms = 0;
  std::vector<std::string> grouping;
  bool by = false;
  int64_t range_ms = 0;
};
struct ReadQuery {
  int64_t min_ms = 0, max_ms = 0;  // Both inclusive.
  std::vector<model::Matcher> matchers;
  std::optional<ReadHints> hints;
};
struct ReadRequest {
  std::vector<ReadQuery> queries;
  std::vector<ReadResponseType> accepted;  // In order of preference; none is samples.
};
/// Protobuf, not compressed.
std::string EncodeReadRequest(const ReadRequest& request);
Result<ReadRequest> DecodeReadRequest(std::string_view bytes);

/// Thanos' and Prometheus' bound on one frame.
inline constexpr size_t kReadFrameBytesMax = 50'000'000;

/// Cuts a streamed body into its frames' payloads: length, CRC-32C, payload. One thread.
class ReadFrameReader {
 public:
  /// `body` must outlive the reader.
  explicit ReadFrameReader(ByteSource* body, size_t frame_bytes_max = kReadFrameBytesMax)
      : body_(body), frame_bytes_max_(frame_bytes_max) {}

  /// A payload whose checksum fits, as it lies in the reader's buffer, which it keeps alive, with
  /// up to half a MiB of its neighbours. Nothing at the end, which must lie between two frames.
  /// kDataLoss says at which byte of the body; with the start of what stood there when it is
  /// text, since Prometheus appends the text of a late error. The body's own errors as they are.
  Result<std::optional<base::PinnedBytes>> Next();
  /// Of the buffer that is read into.
  size_t buffer_bytes() const { return capacity_; }

 private:
  Result<bool> Fill(size_t bytes);
  void MakeRoom();
  Status Malformed(std::string_view what) const;

  ByteSource* const body_;
  const size_t frame_bytes_max_;
  std::shared_ptr<std::byte[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0, end_ = 0;  // Of what is in the buffer and not yet consumed.
  uint64_t offset_ = 0;         // Of begin_ in the body.
};

/// Decodes payloads of ChunkedReadResponse. Keeps its scratch memory. One thread.
class ReadFrameDecoder {
 public:
  /// Labels are in order by name. Views into the payload and into this decoder: valid until the
  /// visitor returns. Chunk hashes are not computed. Its error ends the decoding.
  using Visitor = std::function<Status(int64_t query_index, const SeriesView& series)>;

  /// kDataLoss says what is wrong at which byte.
  Status Decode(std::string_view payload, const Visitor& visit);

 private:
  class Pass;
  LabelReader labels_;
  std::vector<ChunkPart> parts_;
  std::vector<ChunkView> chunks_;
};

/// A frame of one series, with length and checksum, as a server sends it.
std::string EncodeReadFrame(int64_t query_index, const SeriesView& series);

struct SampledHistogram {
  int64_t t = 0;
  model::FloatHistogram value;
};
struct SampledSeries {
  Labels labels;
  std::vector<int64_t> t;
  std::vector<double> v;
  std::vector<SampledHistogram> histograms;
};
/// One list of series a query. The bytes are protobuf, unpacked already.
Result<std::vector<std::vector<SampledSeries>>> DecodeReadResponse(std::string_view bytes);
/// Histograms go as float histograms.
std::string EncodeReadResponse(const std::vector<std::vector<SampledSeries>>& results);

}  // namespace thanos::wire
