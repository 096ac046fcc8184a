#include "wire/series_frame.h"

#include <algorithm>
#include <array>

#include "codec/byte_reader.h"
#include "codec/hash.h"
#include "wire/proto_reader.h"

namespace thanos::wire {
namespace {

// SeriesResponse.
constexpr uint32_t kSeriesTag = Tag(1, WireType::kBytes);
constexpr uint32_t kWarningTag = Tag(2, WireType::kBytes);
constexpr uint32_t kHintsTag = Tag(3, WireType::kBytes);
constexpr uint32_t kBatchTag = Tag(4, WireType::kBytes);
// SeriesBatch: series. Series: labels, chunks. Label: name, value.
constexpr uint32_t kBatchSeriesTag = Tag(1, WireType::kBytes);
constexpr uint32_t kLabelsTag = Tag(1, WireType::kBytes);
constexpr uint32_t kChunksTag = Tag(2, WireType::kBytes);
constexpr uint32_t kNameTag = Tag(1, WireType::kBytes);
constexpr uint32_t kValueTag = Tag(2, WireType::kBytes);
// AggrChunk; the aggregates follow, in the order of Aggr.
constexpr uint32_t kMinTimeTag = Tag(1, WireType::kVarint);
constexpr uint32_t kMaxTimeTag = Tag(2, WireType::kVarint);
constexpr uint32_t kFirstAggrField = 3;
constexpr size_t kAggrs = 6;
// Chunk.
constexpr uint32_t kTypeTag = Tag(1, WireType::kVarint);
constexpr uint32_t kDataTag = Tag(2, WireType::kBytes);
constexpr uint32_t kHashTag = Tag(3, WireType::kVarint);

constexpr size_t kMessageBytesMax = INT32_MAX;  // gRPC's own bound.

}  // namespace

// One run over one frame.
class SeriesFrameDecoder::Pass {
 public:
  Pass(SeriesFrameDecoder& decoder, std::string_view frame, uint32_t source,
       series::BatchBuilder* builder)
      : limits_(decoder.limits_),
        labels_(decoder.labels_),
        frame_(frame),
        source_(source),
        builder_(builder) {}

  Status Run(DecodedFrame* out);

 private:
  bool ReadBatch(std::string_view batch);
  bool ReadSeries(std::string_view series);
  bool ReadLabelsOnly(std::string_view series);
  bool ReadChunks(ProtoReader& reader, bool* late_label);
  bool BeginSeries(const char* at);
  bool ReadChunk(std::string_view chunk);
  bool ReadPart(std::string_view part, Aggr aggr, ChunkPart* out);
  /// Takes over a reader's error.
  bool Check(const ProtoReader& reader) {
    return reader.ok() || Fail(reader.error(), reader.position());
  }
  bool Fail(const char* why, const char* at, StatusCode code = StatusCode::kDataLoss) {
    if (status_.ok()) {
      status_ = Status(code, std::string("series frame: ") + why + " at byte " +
                                 std::to_string(at - frame_.data()) + " of " +
                                 std::to_string(frame_.size()));
    }
    return false;
  }

  const FrameLimits& limits_;
  LabelReader& labels_;
  const std::string_view frame_;
  const uint32_t source_;
  series::BatchBuilder* const builder_;
  size_t series_ = 0;
  size_t chunks_ = 0;
  Status status_;
};

Status SeriesFrameDecoder::Pass::Run(DecodedFrame* out) {
  ProtoReader reader(frame_);
  bool seen = false;
  while (!reader.AtEnd()) {
    uint32_t tag = 0;
    if (!reader.ReadTag(&tag)) break;
    const uint32_t field = tag >> 3;
    if (field > 4) {
      if (!reader.Skip(tag)) break;
      continue;
    }
    if ((tag & 7) != 2) {
      Fail("wrong wire type", reader.position());
      return status_;
    }
    std::string_view content;
    if (!reader.Bytes(&content)) break;
    // A oneof: nobody sends two, and taking the last would drop series without a word.
    if (seen) {
      Fail("two results in one message", content.data());
      return status_;
    }
    seen = true;
    switch (tag) {
      case kSeriesTag:
        ReadSeries(content);
        break;
      case kBatchTag:
        ReadBatch(content);
        break;
      case kWarningTag:
        out->warning = content;
        break;
      case kHintsTag:
        out->hints = content;
        break;
    }
    if (!status_.ok()) return status_;
  }
  Check(reader);
  out->series = series_;
  out->chunks = chunks_;
  return status_;
}

bool SeriesFrameDecoder::Pass::ReadBatch(std::string_view batch) {
  ProtoReader reader(batch);
  while (!reader.AtEnd()) {
    uint32_t tag = 0;
    std::string_view series;
    if (!reader.ReadTag(&tag)) break;
    if (tag == kBatchSeriesTag) [[likely]] {
      if (!reader.Bytes(&series)) break;
      if (!ReadSeries(series)) return false;
    } else if (tag >> 3 == 1) {
      return Fail("wrong wire type", reader.position());
    } else if (!reader.Skip(tag)) {
      break;
    }
  }
  return Check(reader);
}

bool SeriesFrameDecoder::Pass::ReadSeries(std::string_view series) {
  if (++series_ > limits_.series_max) {
    return Fail("more series than one frame may hold", series.data(),
                StatusCode::kResourceExhausted);
  }
  const char* frame_end = frame_.data() + frame_.size();
  labels_.Begin(series.size());
  ProtoReader reader(series);
  // Labels come first, unless the peer is an odd one.
  while (!reader.AtEnd()) {
    ProtoReader ahead = reader;
    uint32_t tag = 0;
    std::string_view label;
    if (!ahead.ReadTag(&tag)) return Check(ahead);
    if (tag != kLabelsTag) break;
    if (!ahead.Bytes(&label)) return Check(ahead);
    if (const char* error = labels_.Add(label, frame_end)) return Fail(error, label.data());
    reader = ahead;
  }
  if (!BeginSeries(series.data())) return false;
  bool late_label = false;
  const ProtoReader chunks = reader;
  if (!ReadChunks(reader, &late_label)) return false;
  if (late_label) [[unlikely]] {
    labels_.Begin(series.size());
    if (!ReadLabelsOnly(series) || !BeginSeries(series.data())) return false;
    reader = chunks;
    if (!ReadChunks(reader, &late_label)) return false;
  }
  builder_->EndSeries();
  return true;
}

bool SeriesFrameDecoder::Pass::BeginSeries(const char* at) {
  if (labels_.count() > limits_.labels_max) {
    return Fail("more labels than a series may have", at, StatusCode::kResourceExhausted);
  }
  if (const char* error = labels_.Finish()) return Fail(error, at);
  builder_->BeginSeries(LabelsView(labels_.encoded()));
  return true;
}

bool SeriesFrameDecoder::Pass::ReadLabelsOnly(std::string_view series) {
  ProtoReader reader(series);
  while (!reader.AtEnd()) {
    uint32_t tag = 0;
    std::string_view label;
    if (!reader.ReadTag(&tag)) break;
    if (tag != kLabelsTag) {
      if (!reader.Skip(tag)) break;
      continue;
    }
    if (!reader.Bytes(&label)) break;
    const char* error = labels_.Add(label, frame_.data() + frame_.size());
    if (error != nullptr) return Fail(error, label.data());
  }
  return Check(reader);
}

bool SeriesFrameDecoder::Pass::ReadChunks(ProtoReader& reader, bool* late_label) {
  while (!reader.AtEnd()) {
    uint32_t tag = 0;
    std::string_view chunk;
    if (!reader.ReadTag(&tag)) break;
    if (tag == kChunksTag) [[likely]] {
      if (!reader.Bytes(&chunk)) break;
      if (!ReadChunk(chunk)) return false;
    } else if (tag == kLabelsTag) {
      *late_label = true;
      if (!reader.Skip(tag)) break;
    } else if (tag >> 3 <= 2) {
      return Fail("wrong wire type", reader.position());
    } else if (!reader.Skip(tag)) {
      break;
    }
  }
  return Check(reader);
}

bool SeriesFrameDecoder::Pass::ReadChunk(std::string_view chunk) {
  ProtoReader reader(chunk);
  uint64_t min_ms = 0, max_ms = 0;
  std::array<ChunkPart, kAggrs> parts;
  size_t count = 0;
  while (!reader.AtEnd()) {
    uint32_t tag = 0;
    std::string_view part;
    if (!reader.ReadTag(&tag)) break;
    const uint32_t field = tag >> 3;
    if (tag == kMinTimeTag) {
      if (!reader.Varint(&min_ms)) break;
    } else if (tag == kMaxTimeTag) {
      if (!reader.Varint(&max_ms)) break;
    } else if (field >= kFirstAggrField && field < kFirstAggrField + kAggrs && (tag & 7) == 2) {
      if (!reader.Bytes(&part)) break;
      const auto aggr = static_cast<Aggr>(field - kFirstAggrField);
      // In the order of their numbers they come, from everybody we know.
      if (count > 0 && parts[count - 1].aggr >= aggr) {
        return Fail("aggregates out of order", part.data());
      }
      if (!ReadPart(part, aggr, &parts[count])) return false;
      ++count;
    } else if (field < kFirstAggrField + kAggrs) {
      return Fail("wrong wire type", reader.position());
    } else if (!reader.Skip(tag)) {
      break;
    }
  }
  if (!Check(reader)) return false;
  if (static_cast<int64_t>(min_ms) > static_cast<int64_t>(max_ms)) {
    return Fail("chunk ends before it begins", chunk.data());
  }
  if (count == 0) return true;  // No data: nothing to keep.
  ++chunks_;
  builder_->AddChunk(static_cast<int64_t>(min_ms), static_cast<int64_t>(max_ms), source_,
                     {parts.data(), count});
  return true;
}

bool SeriesFrameDecoder::Pass::ReadPart(std::string_view part, Aggr aggr, ChunkPart* out) {
  ProtoReader reader(part);
  uint64_t type = 0, hash = 0;
  std::string_view data;
  while (!reader.AtEnd()) {
    uint32_t tag = 0;
    if (!reader.ReadTag(&tag)) break;
    if (tag == kDataTag) {
      if (!reader.Bytes(&data)) break;
    } else if (tag == kTypeTag) {
      if (!reader.Varint(&type)) break;
    } else if (tag == kHashTag) {
      if (!reader.Varint(&hash)) break;
    } else if (tag >> 3 <= 3) {
      return Fail("wrong wire type", reader.position());
    } else if (!reader.Skip(tag)) {
      break;
    }
  }
  if (!Check(reader)) return false;
  if (type >= static_cast<uint64_t>(ChunkEncoding::kFloatHistogramSt)) {
    return Fail("unknown chunk encoding", part.data());
  }
  const std::span<const std::byte> bytes = codec::AsBytes(data);
  if (limits_.verify_hashes && hash != 0 && codec::Xxh64(bytes) != hash) {
    return Fail("chunk does not match its hash", data.data());
  }
  *out = {aggr, static_cast<ChunkEncoding>(type + 1), hash, bytes};
  return true;
}

Result<DecodedFrame> SeriesFrameDecoder::Decode(const base::PinnedBytes& frame, uint32_t source,
                                                series::BatchBuilder* builder) {
  DecodedFrame out;
  builder->Pin(frame.owner(), frame.size());
  Pass pass(*this, codec::AsText(frame.bytes()), source, builder);
  THANOS_RETURN_IF_ERROR(pass.Run(&out));
  return out;
}

namespace {

size_t TextFieldSize(std::string_view text) {
  return text.empty() ? 0 : 1 + VarintSize(text.size()) + text.size();
}

size_t LabelSize(const Label& label) {
  return TextFieldSize(label.name) + TextFieldSize(label.value);
}

char* WriteText(char* out, uint32_t tag, std::string_view text) {
  if (text.empty()) return out;
  out = WriteVarint(out, tag);
  out = WriteVarint(out, text.size());
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

// Sizes first, bottom-up, then one pass of writing into a buffer of exactly that size. Hashes that
// had to be computed are kept in between, since their size as varints counts.
class FrameEncoder {
 public:
  Result<base::PinnedBytes> Encode(std::span<const SeriesView> series, bool batched) {
    sizes_.clear();
    hashes_.clear();
    size_t content = 0;
    for (const SeriesView& view : series) {
      size_t size = 0;
      THANOS_RETURN_IF_ERROR(MeasureSeries(view, &size));
      sizes_.push_back(size);
      content += batched ? 1 + VarintSize(size) + size : size;
    }
    const size_t total = 1 + VarintSize(content) + content;
    if (total > kMessageBytesMax) {
      return InvalidArgumentError("series frame: " + std::to_string(total) +
                                  " bytes are above gRPC's limit of 2 GiB");
    }
    std::shared_ptr<char[]> buffer(new char[total]);
    char* out = WriteVarint(buffer.get(), batched ? kBatchTag : kSeriesTag);
    out = WriteVarint(out, content);
    const uint64_t* hash = hashes_.data();
    for (size_t i = 0; i < series.size(); ++i) {
      if (batched) {
        out = WriteVarint(out, kBatchSeriesTag);
        out = WriteVarint(out, sizes_[i]);
      }
      out = WriteSeries(out, series[i], &hash);
    }
    THANOS_CHECK(out == buffer.get() + total);
    return base::PinnedBytes({reinterpret_cast<const std::byte*>(buffer.get()), total}, buffer);
  }

 private:
  Status MeasureSeries(const SeriesView& view, size_t* size) {
    for (const Label& label : view.labels) {
      const size_t inner = LabelSize(label);
      *size += 1 + VarintSize(inner) + inner;
    }
    for (const ChunkView& chunk : view.chunks) {
      size_t inner = TimesSize(chunk);
      for (const ChunkPart& part : chunk.parts) {
        if (part.encoding == ChunkEncoding::kNone || part.encoding > kSentEncodingMax) {
          return InvalidArgumentError("series frame: chunk encoding " +
                                      std::to_string(static_cast<int>(part.encoding)) + " of " +
                                      view.labels.ToString() + " cannot be sent");
        }
        hashes_.push_back(part.hash != 0 ? part.hash : codec::Xxh64(part.data));
        const size_t part_size = PartSize(part, hashes_.back());
        inner += 1 + VarintSize(part_size) + part_size;
      }
      *size += 1 + VarintSize(inner) + inner;
    }
    return OkStatus();
  }

  static size_t TimesSize(const ChunkView& chunk) {
    return (chunk.min_ms == 0 ? 0 : 1 + VarintSize(static_cast<uint64_t>(chunk.min_ms))) +
           (chunk.max_ms == 0 ? 0 : 1 + VarintSize(static_cast<uint64_t>(chunk.max_ms)));
  }
  static size_t PartSize(const ChunkPart& part, uint64_t hash) {
    return (part.encoding == ChunkEncoding::kXor ? 0 : 2) +
           TextFieldSize(codec::AsText(part.data)) + (hash == 0 ? 0 : 1 + VarintSize(hash));
  }

  static char* WriteSeries(char* out, const SeriesView& view, const uint64_t** hash) {
    for (const Label& label : view.labels) {
      out = WriteVarint(out, kLabelsTag);
      out = WriteVarint(out, LabelSize(label));
      out = WriteText(out, kNameTag, label.name);
      out = WriteText(out, kValueTag, label.value);
    }
    for (const ChunkView& chunk : view.chunks) {
      size_t inner = TimesSize(chunk);
      for (size_t i = 0; i < chunk.parts.size(); ++i) {
        const size_t part_size = PartSize(chunk.parts[i], (*hash)[i]);
        inner += 1 + VarintSize(part_size) + part_size;
      }
      out = WriteVarint(out, kChunksTag);
      out = WriteVarint(out, inner);
      if (chunk.min_ms != 0) {
        out = WriteVarint(out, kMinTimeTag);
        out = WriteVarint(out, static_cast<uint64_t>(chunk.min_ms));
      }
      if (chunk.max_ms != 0) {
        out = WriteVarint(out, kMaxTimeTag);
        out = WriteVarint(out, static_cast<uint64_t>(chunk.max_ms));
      }
      for (const ChunkPart& part : chunk.parts) out = WritePart(out, part, *(*hash)++);
    }
    return out;
  }

  static char* WritePart(char* out, const ChunkPart& part, uint64_t hash) {
    const uint32_t field = kFirstAggrField + static_cast<uint32_t>(part.aggr);
    out = WriteVarint(out, Tag(field, WireType::kBytes));
    out = WriteVarint(out, PartSize(part, hash));
    if (part.encoding != ChunkEncoding::kXor) {
      out = WriteVarint(out, kTypeTag);
      out = WriteVarint(out, static_cast<uint64_t>(part.encoding) - 1);
    }
    out = WriteText(out, kDataTag, codec::AsText(part.data));
    if (hash != 0) {
      out = WriteVarint(out, kHashTag);
      out = WriteVarint(out, hash);
    }
    return out;
  }

  std::vector<size_t> sizes_;
  std::vector<uint64_t> hashes_;
};

base::PinnedBytes EncodeBytesFrame(uint32_t tag, std::string_view content) {
  std::string bytes(1 + VarintSize(content.size()), '\0');
  WriteVarint(WriteVarint(bytes.data(), tag), content.size());
  return base::PinnedBytes::Of(bytes.append(content));
}

}  // namespace

Result<base::PinnedBytes> EncodeSeriesFrame(std::span<const SeriesView> series, bool batched) {
  if (!batched && series.size() != 1) {
    return InvalidArgumentError("series frame: " + std::to_string(series.size()) +
                                " series cannot go without a batch");
  }
  thread_local FrameEncoder encoder;  // Keeps its scratch memory.
  return encoder.Encode(series, batched);
}

base::PinnedBytes EncodeWarningFrame(std::string_view warning) {
  return EncodeBytesFrame(kWarningTag, warning);
}

base::PinnedBytes EncodeHintsFrame(std::string_view any) {
  return EncodeBytesFrame(kHintsTag, any);
}

}  // namespace thanos::wire
