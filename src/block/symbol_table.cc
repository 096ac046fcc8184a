#include "block/symbol_table.h"

#include <algorithm>
#include <string>

#include "block/index_format.h"
#include "codec/byte_reader.h"

namespace thanos::block {
namespace {

constexpr uint32_t kFirstSymbolPlace = 8;  // Behind length and count.

}  // namespace

Result<SymbolTable> SymbolTable::Open(base::PinnedBytes section, int index_version,
                                      uint64_t file_offset, uint32_t sampling) {
  THANOS_ASSIGN_OR_RETURN(const auto payload, ReadFramedSection(section.bytes(), "index symbols"));
  SymbolTable table;
  table.version_ = index_version;
  table.file_offset_ = file_offset;
  // References of version 1 are places: all are kept, so that a wrong one is seen.
  table.sampling_ = index_version == 1 ? 1 : std::max(sampling, 1u);
  codec::ByteReader in(payload);
  const uint32_t count = in.Be32();
  if (count > payload.size()) return DataLossError("index symbols: more than fit their bytes");
  table.places_.reserve(count / table.sampling_ + 1);
  std::string_view before;
  for (uint32_t i = 0; i < count; ++i) {
    if (i % table.sampling_ == 0) {
      table.places_.push_back(static_cast<uint32_t>(in.position()) + 4);
    }
    const std::string_view symbol = in.UvarintString();
    THANOS_RETURN_IF_ERROR(in.Check("index symbols"));
    if (i > 0 && symbol <= before) {
      return DataLossError("index symbols: symbol " + std::to_string(i) + " is out of order");
    }
    before = symbol;
  }
  table.count_ = count;
  table.section_ = std::move(section);
  return table;
}

// Every place was walked over in Open: the varint and the text lie inside.
std::string_view SymbolTable::TextAt(uint32_t* place) const {
  const auto* p = reinterpret_cast<const uint8_t*>(section_.bytes().data()) + *place;
  uint64_t length = *p++;
  if (length >= 0x80) {
    length &= 0x7f;
    for (unsigned shift = 7;; shift += 7) {
      const uint8_t byte = *p++;
      length |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
  }
  const std::string_view text(reinterpret_cast<const char*>(p), length);
  *place = static_cast<uint32_t>(p - reinterpret_cast<const uint8_t*>(section_.bytes().data()) +
                                 static_cast<ptrdiff_t>(length));
  return text;
}

std::string_view SymbolTable::At(uint32_t ordinal) const {
  uint32_t place = places_[ordinal / sampling_];
  for (uint32_t skip = ordinal % sampling_; skip > 0; --skip) TextAt(&place);
  return TextAt(&place);
}

Result<std::string_view> SymbolTable::Lookup(uint32_t reference) const {
  if (version_ != 1) {
    if (reference < count_) [[likely]] return At(reference);
  } else if (reference >= file_offset_ + kFirstSymbolPlace) {
    const auto place = static_cast<uint32_t>(reference - file_offset_);
    const auto it = std::lower_bound(places_.begin(), places_.end(), place);
    if (it != places_.end() && *it == place) {
      return At(static_cast<uint32_t>(it - places_.begin()));
    }
  }
  return DataLossError("index symbols: no symbol " + std::to_string(reference) + " among " +
                       std::to_string(count_));
}

std::optional<uint32_t> SymbolTable::Find(std::string_view symbol) const {
  const auto after = std::upper_bound(
      places_.begin(), places_.end(), symbol,
      [this](std::string_view text, uint32_t place) { return text < TextAt(&place); });
  if (after == places_.begin()) return std::nullopt;
  uint32_t place = *(after - 1);
  auto ordinal = static_cast<uint32_t>(after - 1 - places_.begin()) * sampling_;
  for (uint32_t i = 0; i < sampling_ && ordinal < count_; ++i, ++ordinal) {
    const std::string_view text = TextAt(&place);
    if (text == symbol) return ordinal;
    if (text > symbol) break;
  }
  return std::nullopt;
}

}  // namespace thanos::block
