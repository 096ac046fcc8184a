#include "wire/remote_read.h"

#include <algorithm>
#include <cstring>

#include "codec/byte_reader.h"
#include "codec/hash.h"
#include "store/storepb/prompb/remote.pb.h"
#include "wire/prompb_convert.inc"
#include "wire/proto_convert.inc"
#include "wire/proto_reader.h"

namespace thanos::wire {

namespace pb = ::prometheus_copy;

namespace {

constexpr size_t kChecksumBytes = 4;
constexpr size_t kLengthBytesMax = 10;
constexpr size_t kReadBytes = 128 << 10;
constexpr size_t kBufferBytes = 512 << 10;
constexpr size_t kQuotedBytesMax = 200;

}  // namespace

std::string EncodeReadRequest(const ReadRequest& request) {
  pb::ReadRequest proto;
  for (const ReadQuery& query : request.queries) {
    pb::Query* out = proto.add_queries();
    out->set_start_timestamp_ms(query.min_ms);
    out->set_end_timestamp_ms(query.max_ms);
    FillMatchers(query.matchers, out->mutable_matchers());
    if (query.hints) {
      pb::ReadHints* hints = out->mutable_hints();
      hints->set_step_ms(query.hints->step_ms);
      hints->set_func(query.hints->function);
      hints->set_start_ms(query.hints->start_ms);
      hints->set_end_ms(query.hints->end_ms);
      FillTexts(query.hints->grouping, hints->mutable_grouping());
      hints->set_by(query.hints->by);
      hints->set_range_ms(query.hints->range_ms);
    }
  }
  for (const ReadResponseType type : request.accepted) {
    proto.add_accepted_response_types(static_cast<pb::ReadRequest::ResponseType>(type));
  }
  return proto.SerializeAsString();
}

Result<ReadRequest> DecodeReadRequest(std::string_view bytes) {
  pb::ReadRequest proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  ReadRequest request;
  for (const pb::Query& from : proto.queries()) {
    ReadQuery query{from.start_timestamp_ms(), from.end_timestamp_ms(), {}, std::nullopt};
    THANOS_RETURN_IF_ERROR(ReadMatchers(from.matchers(), &query.matchers));
    if (from.has_hints()) {
      const pb::ReadHints& hints = from.hints();
      query.hints = ReadHints{hints.step_ms(),
                              hints.func(),
                              hints.start_ms(),
                              hints.end_ms(),
                              ToVector(hints.grouping()),
                              hints.by(),
                              hints.range_ms()};
    }
    request.queries.push_back(std::move(query));
  }
  for (const int type : proto.accepted_response_types()) {
    if (type == 0 || type == 1) request.accepted.push_back(static_cast<ReadResponseType>(type));
  }
  return request;
}

// True when at least `bytes` are in the buffer, false when the body ends before.
// A new buffer with the unread rest at its front: the payloads given out lie in the old one.
void ReadFrameReader::MakeRoom() {
  const size_t rest = end_ - begin_;
  const size_t capacity = std::max(kBufferBytes, rest + rest / 2 + kReadBytes);
  std::shared_ptr<std::byte[]> next = std::make_shared_for_overwrite<std::byte[]>(capacity);
  if (rest > 0) std::memcpy(next.get(), buffer_.get() + begin_, rest);
  buffer_ = std::move(next);
  capacity_ = capacity;
  begin_ = 0;
  end_ = rest;
}

Result<bool> ReadFrameReader::Fill(size_t bytes) {
  while (end_ - begin_ < bytes) {
    // What a frame announces is believed as its bytes arrive.
    if (capacity_ - end_ < kReadBytes) MakeRoom();
    THANOS_ASSIGN_OR_RETURN(size_t read,
                            body_->Read(std::span(buffer_.get() + end_, capacity_ - end_)));
    if (read == 0) return false;
    end_ += read;
  }
  return true;
}

Status ReadFrameReader::Malformed(std::string_view what) const {
  std::string text =
      "remote read stream: " + std::string(what) + " at byte " + std::to_string(offset_);
  const std::string_view rest =
      codec::AsText(std::span(buffer_.get() + begin_, std::min(end_ - begin_, kQuotedBytesMax)));
  const bool printable = !rest.empty() && std::all_of(rest.begin(), rest.end(), [](char c) {
    return (c >= ' ' && c < 127) || c == '\n' || c == '\t';
  });
  if (printable) text += ": " + std::string(rest);
  return DataLossError(std::move(text));
}

Result<std::optional<base::PinnedBytes>> ReadFrameReader::Next() {
  THANOS_ASSIGN_OR_RETURN(bool head, Fill(kLengthBytesMax + kChecksumBytes));
  if (!head && begin_ == end_) return std::optional<base::PinnedBytes>();
  codec::ByteReader reader(std::span<const std::byte>(buffer_.get() + begin_, end_ - begin_));
  const uint64_t size = reader.Uvarint();
  const uint32_t checksum = reader.Be32();
  if (!reader.ok()) return Malformed("frame is cut short or has a bad length");
  if (size > frame_bytes_max_) {
    return Malformed("frame of " + std::to_string(size) + " bytes is above the limit of " +
                     std::to_string(frame_bytes_max_));
  }
  const size_t total = reader.position() + size;
  THANOS_ASSIGN_OR_RETURN(bool whole, Fill(total));
  if (!whole) return Malformed("frame is cut short");
  const std::span<const std::byte> payload(buffer_.get() + begin_ + total - size, size);
  if (codec::Crc32c(payload) != checksum) return Malformed("checksum does not fit");
  begin_ += total;
  offset_ += total;
  return std::optional(base::PinnedBytes(payload, buffer_));
}

// One payload. ChunkedReadResponse: 1 chunked_series, 2 query_index. ChunkedSeries: 1 labels,
// 2 chunks. Chunk: 1 min_time_ms, 2 max_time_ms, 3 type, 4 data.
class ReadFrameDecoder::Pass {
 public:
  Pass(ReadFrameDecoder& decoder, std::string_view payload)
      : decoder_(decoder), payload_(payload) {}

  Status Run(const Visitor& visit) {
    THANOS_RETURN_IF_ERROR(ReadQueryIndex());
    ProtoReader reader(payload_);
    while (!reader.AtEnd()) {
      uint32_t tag = 0;
      std::string_view series;
      if (!reader.ReadTag(&tag)) break;
      if (tag == Tag(1, WireType::kBytes)) {
        if (!reader.Bytes(&series)) break;
        THANOS_RETURN_IF_ERROR(ReadSeries(series));
        THANOS_RETURN_IF_ERROR(
            visit(query_index_, {LabelsView(decoder_.labels_.encoded()), decoder_.chunks_}));
      } else if (tag >> 3 == 1) {
        return Fail("wrong wire type", reader.position());
      } else if (!reader.Skip(tag)) {
        break;
      }
    }
    return Check(reader);
  }

 private:
  // It comes behind the series it belongs to.
  Status ReadQueryIndex() {
    ProtoReader reader(payload_);
    uint64_t index = 0;
    while (!reader.AtEnd()) {
      uint32_t tag = 0;
      if (!reader.ReadTag(&tag)) break;
      if (!(tag == Tag(2, WireType::kVarint) ? reader.Varint(&index) : reader.Skip(tag))) break;
    }
    query_index_ = static_cast<int64_t>(index);
    return Check(reader);
  }

  Status ReadSeries(std::string_view series) {
    decoder_.labels_.Begin(series.size());
    decoder_.parts_.clear();
    decoder_.chunks_.clear();
    ProtoReader reader(series);
    while (!reader.AtEnd()) {
      uint32_t tag = 0;
      std::string_view content;
      if (!reader.ReadTag(&tag)) break;
      if (tag != Tag(1, WireType::kBytes) && tag != Tag(2, WireType::kBytes)) {
        if (tag >> 3 <= 2) return Fail("wrong wire type", reader.position());
        if (!reader.Skip(tag)) break;
        continue;
      }
      if (!reader.Bytes(&content)) break;
      if (tag == Tag(2, WireType::kBytes)) {
        THANOS_RETURN_IF_ERROR(ReadChunk(content));
      } else if (const char* error =
                     decoder_.labels_.Add(content, payload_.data() + payload_.size())) {
        return Fail(error, content.data());
      }
    }
    THANOS_RETURN_IF_ERROR(Check(reader));
    if (const char* error = decoder_.labels_.Finish()) return Fail(error, series.data());
    // Now that their list does not move any more.
    for (size_t i = 0; i < decoder_.chunks_.size(); ++i) {
      decoder_.chunks_[i].parts = {&decoder_.parts_[i], 1};
    }
    return OkStatus();
  }

  Status ReadChunk(std::string_view chunk) {
    uint64_t min_ms = 0, max_ms = 0, type = 0;
    std::string_view data;
    ProtoReader reader(chunk);
    while (!reader.AtEnd()) {
      uint32_t tag = 0;
      if (!reader.ReadTag(&tag)) break;
      bool good = false;
      switch (tag) {
        case Tag(1, WireType::kVarint):
          good = reader.Varint(&min_ms);
          break;
        case Tag(2, WireType::kVarint):
          good = reader.Varint(&max_ms);
          break;
        case Tag(3, WireType::kVarint):
          good = reader.Varint(&type);
          break;
        case Tag(4, WireType::kBytes):
          good = reader.Bytes(&data);
          break;
        default:
          if (tag >> 3 <= 4) return Fail("wrong wire type", reader.position());
          good = reader.Skip(tag);
      }
      if (!good) break;
    }
    THANOS_RETURN_IF_ERROR(Check(reader));
    if (type == 0 || type > static_cast<uint64_t>(ChunkEncoding::kFloatHistogramSt)) {
      return Fail("unknown chunk encoding", chunk.data());
    }
    if (static_cast<int64_t>(min_ms) > static_cast<int64_t>(max_ms)) {
      return Fail("chunk ends before it begins", chunk.data());
    }
    decoder_.parts_.push_back(
        {Aggr::kRaw, static_cast<ChunkEncoding>(type), 0, codec::AsBytes(data)});
    decoder_.chunks_.push_back({static_cast<int64_t>(min_ms), static_cast<int64_t>(max_ms), 0, {}});
    return OkStatus();
  }

  Status Check(const ProtoReader& reader) const {
    return reader.ok() ? OkStatus() : Fail(reader.error(), reader.position());
  }
  Status Fail(const char* why, const char* at) const {
    return DataLossError(std::string("remote read frame: ") + why + " at byte " +
                         std::to_string(at - payload_.data()) + " of " +
                         std::to_string(payload_.size()));
  }

  ReadFrameDecoder& decoder_;
  const std::string_view payload_;
  int64_t query_index_ = 0;
};

Status ReadFrameDecoder::Decode(std::string_view payload, const Visitor& visit) {
  return Pass(*this, payload).Run(visit);
}

namespace {

void AppendField(uint32_t field, std::string_view content, std::string* out) {
  codec::ByteWriter writer(out);
  writer.Uvarint(Tag(field, WireType::kBytes));
  writer.UvarintString(content);
}

void AppendNumber(uint32_t field, uint64_t value, std::string* out) {
  if (value == 0) return;
  codec::ByteWriter writer(out);
  writer.Uvarint(Tag(field, WireType::kVarint));
  writer.Uvarint(value);
}

}  // namespace

std::string EncodeReadFrame(int64_t query_index, const SeriesView& series) {
  std::string content;
  for (const Label& label : series.labels) {
    std::string one;
    AppendField(1, label.name, &one);
    AppendField(2, label.value, &one);
    AppendField(1, one, &content);
  }
  for (const ChunkView& chunk : series.chunks) {
    std::string one;
    AppendNumber(1, static_cast<uint64_t>(chunk.min_ms), &one);
    AppendNumber(2, static_cast<uint64_t>(chunk.max_ms), &one);
    AppendNumber(3, static_cast<uint64_t>(chunk.parts[0].encoding), &one);
    AppendField(4, codec::AsText(chunk.parts[0].data), &one);
    AppendField(2, one, &content);
  }
  std::string payload;
  AppendField(1, content, &payload);
  AppendNumber(2, static_cast<uint64_t>(query_index), &payload);
  std::string frame;
  codec::ByteWriter writer(&frame);
  writer.Uvarint(payload.size());
  writer.Be32(codec::Crc32c(codec::AsBytes(payload)));
  return frame.append(payload);
}

Result<std::vector<std::vector<SampledSeries>>> DecodeReadResponse(std::string_view bytes) {
  pb::ReadResponse proto;
  THANOS_RETURN_IF_ERROR(ParseMessage(bytes, &proto));
  std::vector<std::vector<SampledSeries>> results;
  for (const pb::QueryResult& result : proto.results()) {
    std::vector<SampledSeries>& out = results.emplace_back();
    for (const pb::TimeSeries& from : result.timeseries()) out.push_back(ReadSeries(from));
  }
  return results;
}

std::string EncodeReadResponse(const std::vector<std::vector<SampledSeries>>& results) {
  pb::ReadResponse proto;
  for (const std::vector<SampledSeries>& result : results) {
    pb::QueryResult* query = proto.add_results();
    for (const SampledSeries& series : result) FillSeries(series, query->add_timeseries());
  }
  return proto.SerializeAsString();
}

}  // namespace thanos::wire
