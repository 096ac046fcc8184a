#include "block/series_entry.h"

#include <cstring>

#include "codec/byte_reader.h"
#include "codec/hash.h"
#include "thanos/labels.h"

namespace thanos::block {
namespace {

constexpr uint64_t kChecksumBytes = 4;

// Times come from outside: their arithmetic wraps, and the result is compared.
int64_t AddWrapping(int64_t a, uint64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + b);
}

Status ChunkError(uint64_t index, const char* what) {
  return DataLossError("index series entry: chunk " + std::to_string(index) + " " + what);
}

// Entries are little but varints of one to four bytes: read here without a call for each, while ten
// bytes are left; the last ones go through ByteReader.
class VarintReader {
 public:
  explicit VarintReader(std::span<const std::byte> bytes)
      : p_(reinterpret_cast<const uint8_t*>(bytes.data())), end_(p_ + bytes.size()) {}

  uint64_t Uvarint() {
    if (end_ - p_ < 10) [[unlikely]]
      return Careful();
    uint64_t value = p_[0];
    if (value < 0x80) return ++p_, value;
    value = (value & 0x7f) | static_cast<uint64_t>(p_[1] & 0x7f) << 7;
    if (p_[1] < 0x80) return p_ += 2, value;
    value |= static_cast<uint64_t>(p_[2] & 0x7f) << 14;
    if (p_[2] < 0x80) return p_ += 3, value;
    value |= static_cast<uint64_t>(p_[3] & 0x7f) << 21;
    if (p_[3] < 0x80) return p_ += 4, value;
    return Careful();
  }
  int64_t Varint() { return codec::ZigZagDecode(Uvarint()); }
  uint32_t Uvarint32() {
    const uint64_t value = Uvarint();
    failed_ |= value > UINT32_MAX;
    return static_cast<uint32_t>(value);
  }
  size_t remaining() const { return static_cast<size_t>(end_ - p_); }
  Status Check() const {
    return failed_ ? DataLossError("index series entry: cut short or malformed") : OkStatus();
  }

 private:
  [[gnu::noinline]] uint64_t Careful() {
    codec::ByteReader in({reinterpret_cast<const std::byte*>(p_), remaining()});
    const uint64_t value = in.Uvarint();
    failed_ |= !in.ok();
    p_ += in.position();
    return value;
  }
  const uint8_t* p_;
  const uint8_t* end_;
  bool failed_ = false;
};

Status ReadChunks(VarintReader& in, std::vector<ChunkMeta>* out) {
  const uint64_t count = in.Uvarint();
  if (count > in.remaining() / 3) return DataLossError("index series entry: more chunks than fit");
  out->resize(count);
  ChunkMeta before;
  for (uint64_t i = 0; i < count; ++i) {
    ChunkMeta& chunk = (*out)[i];
    if (i == 0) {
      chunk.min_ms = in.Varint();
      chunk.max_ms = AddWrapping(chunk.min_ms, in.Uvarint());
      chunk.ref = in.Uvarint();
    } else {
      chunk.min_ms = AddWrapping(before.max_ms, in.Uvarint());
      chunk.max_ms = AddWrapping(chunk.min_ms, in.Uvarint());
      chunk.ref = before.ref + static_cast<uint64_t>(in.Varint());
      // Chunks out of order occur in blocks of old writers: their difference wraps, and is read.
    }
    if (chunk.max_ms < chunk.min_ms) return ChunkError(i, "ends before it begins");
    before = chunk;
  }
  return in.Check();
}

}  // namespace

Result<SeriesBytes> ReadSeriesBytes(std::span<const std::byte> bytes) {
  codec::ByteReader in(bytes);
  const uint32_t length = in.Uvarint32();
  THANOS_RETURN_IF_ERROR(in.Check("index series entry"));
  SeriesBytes out;
  out.entry_bytes = in.position() + length + kChecksumBytes;
  if (out.entry_bytes > bytes.size()) return out;
  out.payload = in.Bytes(length);
  if (in.Be32() != codec::Crc32c(out.payload)) {
    return DataLossError("index series entry: checksum mismatch");
  }
  if (length == 0) return DataLossError("index series entry: empty");
  return out;
}

Status DecodeSeries(std::span<const std::byte> payload, SeriesEntry* out) {
  VarintReader in(payload);
  const uint64_t count = in.Uvarint();
  if (count > in.remaining() / 2) return DataLossError("index series entry: more labels than fit");
  out->labels.resize(count);
  for (SymbolPair& label : out->labels) {
    label.name = in.Uvarint32();
    label.value = in.Uvarint32();
  }
  return ReadChunks(in, &out->chunks);
}

// LabelsEncoder's format; room for a set is made in one growth.
void LabelsAssembler::Write(std::string_view name, std::string_view value) {
  if (name.size() >= 255 || value.size() >= 255) [[unlikely]] {
    buffer_.resize(used_);
    LabelsEncoder(&buffer_).Add(name, value);
    used_ = buffer_.size();
    return;
  }
  const size_t end = used_ + name.size() + value.size() + 2;
  if (end > buffer_.size()) buffer_.resize(std::max<size_t>(2 * end, 256));
  char* at = buffer_.data() + used_;
  for (const std::string_view text : {name, value}) {
    *at++ = static_cast<char>(text.size());
    std::memcpy(at, text.data(), text.size());
    at += text.size();
  }
  used_ = end;
}

Status LabelsAssembler::AddPair(const SymbolPair& pair) {
  Step step{.pair = pair, .added = steps_.empty() ? 0 : steps_.back().added};
  std::string_view value;
  if (!symbols_->TryLookup(pair.name, &step.name)) return symbols_->Lookup(pair.name).status();
  if (!symbols_->TryLookup(pair.value, &value)) return symbols_->Lookup(pair.value).status();
  if (!steps_.empty() && step.name <= steps_.back().name) {
    return DataLossError("index series entry: label names out of order");
  }
  if (step.name.size() > kLabelBytesMax || value.size() > kLabelBytesMax) {
    return DataLossError("index series entry: a label of over 16 MiB");
  }
  for (; step.added < add_.size() && add_[step.added].name < step.name; ++step.added) {
    Write(add_[step.added].name, add_[step.added].value);
  }
  Write(step.name, value);
  step.end = static_cast<uint32_t>(used_);
  steps_.push_back(step);
  return OkStatus();
}

Result<std::string_view> LabelsAssembler::Assemble(std::span<const SymbolPair> labels) {
  size_t same = 0;
  while (same < labels.size() && same < steps_.size() && labels[same] == steps_[same].pair) ++same;
  steps_.resize(same);
  used_ = same == 0 ? 0 : steps_.back().end;
  for (size_t i = same; i < labels.size(); ++i) THANOS_RETURN_IF_ERROR(AddPair(labels[i]));
  for (size_t i = steps_.empty() ? 0 : steps_.back().added; i < add_.size(); ++i) {
    Write(add_[i].name, add_[i].value);
  }
  return std::string_view(buffer_.data(), used_);
}

Status AppendLabels(std::span<const SymbolPair> labels, const SymbolTable& symbols,
                    std::string* out) {
  LabelsAssembler assembler(symbols);
  THANOS_ASSIGN_OR_RETURN(const std::string_view set, assembler.Assemble(labels));
  out->append(set);
  return OkStatus();
}

}  // namespace thanos::block
