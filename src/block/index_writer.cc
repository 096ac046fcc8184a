#include "block/index_writer.h"

#include <algorithm>
#include <compare>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "block/index_format.h"
#include "codec/byte_reader.h"
#include "codec/hash.h"

namespace thanos::block {
namespace {

Status TooLarge(const char* what, uint64_t limit) {
  return {StatusCode::kOutOfRange, "index: " + std::string(what) + " exceeds the format's " +
                                       std::to_string(limit) + " bytes"};
}

struct TextHash {
  size_t operator()(std::string_view text) const { return codec::FastHash(text); }
};

void AppendFramed(std::string_view payload, std::string* out) {
  codec::ByteWriter writer(out);
  writer.Be32(static_cast<uint32_t>(payload.size()));
  out->append(payload);
  writer.Be32(codec::Crc32c(codec::AsBytes(payload)));
}

Status CheckChunks(std::span<const ChunkMeta> chunks) {
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (chunks[i].max_ms < chunks[i].min_ms) {
      return InvalidArgumentError("index: a chunk ends before it begins");
    }
    if (i == 0) continue;
    if (chunks[i].min_ms <= chunks[i - 1].max_ms || chunks[i].ref < chunks[i - 1].ref) {
      return InvalidArgumentError("index: chunks of a series are out of order");
    }
  }
  return OkStatus();
}

}  // namespace

struct IndexWriter::State {
  ByteSink* sink;
  IndexLimits limits;
  uint64_t position = 0;
  IndexToc toc;
  std::string symbol_bytes;      // Payload of the symbols, behind their count.
  std::vector<uint32_t> places;  // Of each symbol in it.
  // Views into symbol_bytes; made when labels come as texts for the first time.
  boost::unordered_flat_map<std::string_view, uint32_t, TextHash> ids;
  bool symbols_written = false;
  std::vector<SymbolPair> last_labels;
  std::vector<SymbolPair> scratch_labels;
  boost::unordered_flat_map<uint64_t, std::vector<uint32_t>> postings;  // By name << 32 | value.
  std::vector<uint32_t> all;
  std::string scratch;
  std::string table;  // Entries of the offset table.
  uint32_t table_count = 0;
  IndexWriterStats stats;

  std::string_view Text(uint32_t symbol) const {
    codec::ByteReader in(codec::AsBytes(symbol_bytes).subspan(places[symbol]));
    return in.UvarintString();
  }
  void MakeIds() {
    ids.reserve(places.size());
    for (uint32_t i = 0; i < places.size(); ++i) ids.emplace(Text(i), i);
  }
};

IndexWriter::IndexWriter(ByteSink* sink, const IndexLimits& limits)
    : state_(std::make_unique<State>()) {
  state_->sink = sink;
  state_->limits = limits;
}
IndexWriter::~IndexWriter() = default;

Status IndexWriter::Write(std::string_view bytes) {
  state_->position += bytes.size();
  if (state_->position > state_->limits.index) return TooLarge("it", state_->limits.index);
  return state_->sink->Write(codec::AsBytes(bytes));
}

Status IndexWriter::Pad(uint64_t unit) {
  const uint64_t over = state_->position % unit;
  return over == 0 ? OkStatus() : Write(std::string(unit - over, '\0'));
}

Status IndexWriter::AddSymbol(std::string_view symbol) {
  State& s = *state_;
  if (s.symbols_written) return InvalidArgumentError("index: a symbol comes after a series");
  if (!s.places.empty() && symbol <= s.Text(static_cast<uint32_t>(s.places.size() - 1))) {
    return InvalidArgumentError("index: symbols are out of order at \"" + std::string(symbol) +
                                "\"");
  }
  s.places.push_back(static_cast<uint32_t>(s.symbol_bytes.size()));
  codec::ByteWriter(&s.symbol_bytes).UvarintString(symbol);
  if (s.symbol_bytes.size() > s.limits.symbols) return TooLarge("symbols", s.limits.symbols);
  return OkStatus();
}

Status IndexWriter::WriteSymbols() {
  State& s = *state_;
  if (s.symbols_written) return OkStatus();
  s.symbols_written = true;
  std::string header;
  codec::ByteWriter writer(&header);
  writer.Be32(kIndexMagic);
  writer.U8(2);
  writer.Be32(static_cast<uint32_t>(s.symbol_bytes.size() + 4));
  writer.Be32(static_cast<uint32_t>(s.places.size()));
  uint32_t crc = codec::Crc32c(codec::AsBytes(header).subspan(header.size() - 4));
  crc = codec::Crc32cExtend(crc, codec::AsBytes(s.symbol_bytes));
  s.toc.symbols = kIndexHeaderBytes;
  THANOS_RETURN_IF_ERROR(Write(header));
  THANOS_RETURN_IF_ERROR(Write(s.symbol_bytes));
  std::string tail;
  codec::ByteWriter(&tail).Be32(crc);
  THANOS_RETURN_IF_ERROR(Write(tail));
  s.toc.series = s.position;
  return OkStatus();
}

Status IndexWriter::AddSeries(LabelsView labels, std::span<const ChunkMeta> chunks) {
  State& s = *state_;
  THANOS_RETURN_IF_ERROR(WriteSymbols());
  if (s.ids.empty()) s.MakeIds();
  s.scratch_labels.clear();
  for (const Label& label : labels) {
    const auto name = s.ids.find(label.name);
    const auto value = s.ids.find(label.value);
    if (name == s.ids.end() || value == s.ids.end()) {
      return InvalidArgumentError("index: no symbol for a label of " + labels.ToString());
    }
    s.scratch_labels.push_back({name->second, value->second});
  }
  return AddSeries(s.scratch_labels, chunks);
}

Status IndexWriter::AddSeries(std::span<const SymbolPair> labels,
                              std::span<const ChunkMeta> chunks) {
  State& s = *state_;
  THANOS_RETURN_IF_ERROR(WriteSymbols());
  // Symbols are sorted: their numbers compare as their texts do.
  const auto order = std::lexicographical_compare_three_way(
      s.last_labels.begin(), s.last_labels.end(), labels.begin(), labels.end(),
      [](const SymbolPair& a, const SymbolPair& b) {
        return a.name != b.name ? a.name <=> b.name : a.value <=> b.value;
      });
  if (s.stats.series > 0 && order >= 0) {
    return InvalidArgumentError("index: series are out of order at series " +
                                std::to_string(s.stats.series));
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i].name >= s.places.size() || labels[i].value >= s.places.size() ||
        (i > 0 && labels[i].name <= labels[i - 1].name)) {
      return InvalidArgumentError("index: label names of a series are out of order or unknown");
    }
  }
  THANOS_RETURN_IF_ERROR(CheckChunks(chunks));
  THANOS_RETURN_IF_ERROR(WriteEntry(labels, chunks));
  s.last_labels.assign(labels.begin(), labels.end());
  ++s.stats.series;
  return OkStatus();
}

Status IndexWriter::WriteEntry(std::span<const SymbolPair> labels,
                               std::span<const ChunkMeta> chunks) {
  State& s = *state_;
  THANOS_RETURN_IF_ERROR(Pad(kSeriesAlignment));
  const auto reference = static_cast<uint32_t>(s.position / kSeriesAlignment);
  std::string& payload = s.scratch;
  payload.clear();
  codec::ByteWriter writer(&payload);
  writer.Uvarint(labels.size());
  for (const SymbolPair& label : labels) {
    writer.Uvarint(label.name);
    writer.Uvarint(label.value);
    s.postings[uint64_t{label.name} << 32 | label.value].push_back(reference);
  }
  writer.Uvarint(chunks.size());
  for (size_t i = 0; i < chunks.size(); ++i) {
    const ChunkMeta& chunk = chunks[i];
    const auto min = static_cast<uint64_t>(chunk.min_ms);
    const auto duration = static_cast<uint64_t>(chunk.max_ms) - min;
    if (i == 0) {
      writer.Varint(chunk.min_ms);
      writer.Uvarint(duration);
      writer.Uvarint(chunk.ref);
    } else {
      writer.Uvarint(min - static_cast<uint64_t>(chunks[i - 1].max_ms));
      writer.Uvarint(duration);
      writer.Varint(static_cast<int64_t>(chunk.ref - chunks[i - 1].ref));
    }
  }
  std::string length;
  codec::ByteWriter(&length).Uvarint(payload.size());
  const uint32_t crc = codec::Crc32c(codec::AsBytes(payload));
  codec::ByteWriter(&payload).Be32(crc);
  THANOS_RETURN_IF_ERROR(Write(length));
  THANOS_RETURN_IF_ERROR(Write(payload));
  if (!s.all.empty()) {
    s.stats.series_size_max =
        std::max(s.stats.series_size_max,
                 static_cast<int64_t>((reference - s.all.back()) * kSeriesAlignment));
  }
  s.all.push_back(reference);
  return OkStatus();
}

Status IndexWriter::WriteList(std::string_view name, std::string_view value,
                              std::span<const uint32_t> references) {
  State& s = *state_;
  if (references.size() > (UINT32_MAX - 4) / 4) {
    return TooLarge("a postings list", UINT32_MAX);
  }
  codec::ByteWriter entry(&s.table);
  entry.Uvarint(2);
  entry.UvarintString(name);
  entry.UvarintString(value);
  entry.Uvarint(s.position);
  ++s.table_count;
  std::string payload;
  payload.reserve(4 + 4 * references.size());
  codec::ByteWriter writer(&payload);
  writer.Be32(static_cast<uint32_t>(references.size()));
  for (const uint32_t reference : references) writer.Be32(reference);
  s.scratch.clear();
  AppendFramed(payload, &s.scratch);
  return Write(s.scratch);
}

Status IndexWriter::WritePostings() {
  State& s = *state_;
  THANOS_RETURN_IF_ERROR(WriteList("", "", s.all));
  std::vector<uint64_t> keys;
  keys.reserve(s.postings.size());
  for (const auto& [key, references] : s.postings) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  for (const uint64_t key : keys) {
    std::vector<uint32_t>& references = s.postings[key];
    THANOS_RETURN_IF_ERROR(WriteList(s.Text(static_cast<uint32_t>(key >> 32)),
                                     s.Text(static_cast<uint32_t>(key & UINT32_MAX)), references));
    references = std::vector<uint32_t>();
  }
  return OkStatus();
}

Status IndexWriter::WriteTable() {
  State& s = *state_;
  std::string payload;
  codec::ByteWriter(&payload).Be32(s.table_count);
  payload += s.table;
  if (payload.size() > s.limits.postings_table) {
    return TooLarge("the postings offset table", s.limits.postings_table);
  }
  std::string framed;
  AppendFramed(payload, &framed);
  return Write(framed);
}

Result<IndexWriterStats> IndexWriter::Finish() {
  State& s = *state_;
  THANOS_RETURN_IF_ERROR(WriteSymbols());
  s.toc.label_indices = s.position;
  s.toc.postings = s.position;
  THANOS_RETURN_IF_ERROR(Pad(4));
  THANOS_RETURN_IF_ERROR(WritePostings());
  s.toc.label_indices_table = s.position;
  s.toc.postings_table = s.position;
  THANOS_RETURN_IF_ERROR(WriteTable());
  std::string toc;
  WriteIndexToc(s.toc, &toc);
  THANOS_RETURN_IF_ERROR(Write(toc));
  THANOS_RETURN_IF_ERROR(s.sink->Finish());
  s.stats.bytes = s.position;
  return s.stats;
}

}  // namespace thanos::block
