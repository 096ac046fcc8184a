#include "block/symbol_table.h"

#include <algorithm>
#include <bit>
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
  if (index_version != 1) {
    table.sampling_shift_ = static_cast<uint32_t>(std::bit_width(std::max(sampling, 1u))) - 1;
  }
  const uint32_t mask = (1u << table.sampling_shift_) - 1;
  codec::ByteReader in(payload);
  const uint32_t count = in.Be32();
  if (count > payload.size()) return DataLossError("index symbols: more than fit their bytes");
  table.places_.reserve((count >> table.sampling_shift_) + 1);
  std::string_view before;
  for (uint32_t i = 0; i < count; ++i) {
    if ((i & mask) == 0) {
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

uint64_t SymbolTable::LongLength(uint64_t first, const uint8_t** p) {
  uint64_t length = first & 0x7f;
  for (unsigned shift = 7;; shift += 7) {
    const uint8_t byte = *(*p)++;
    length |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return length;
  }
}

bool SymbolTable::LookupByPlace(uint32_t reference, std::string_view* out) const {
  if (version_ != 1 || reference < file_offset_ + kFirstSymbolPlace) return false;
  const auto place = static_cast<uint32_t>(reference - file_offset_);
  const auto it = std::lower_bound(places_.begin(), places_.end(), place);
  if (it == places_.end() || *it != place) return false;
  *out = At(static_cast<uint32_t>(it - places_.begin()));
  return true;
}

Result<std::string_view> SymbolTable::Lookup(uint32_t reference) const {
  std::string_view text;
  if (TryLookup(reference, &text)) return text;
  return DataLossError("index symbols: no symbol " + std::to_string(reference) + " among " +
                       std::to_string(count_));
}

std::optional<uint32_t> SymbolTable::Find(std::string_view symbol) const {
  const auto after = std::upper_bound(
      places_.begin(), places_.end(), symbol,
      [this](std::string_view text, uint32_t place) { return text < TextAt(&place); });
  if (after == places_.begin()) return std::nullopt;
  uint32_t place = *(after - 1);
  auto ordinal = static_cast<uint32_t>(after - 1 - places_.begin()) << sampling_shift_;
  for (uint32_t i = 0; i >> sampling_shift_ == 0 && ordinal < count_; ++i, ++ordinal) {
    const std::string_view text = TextAt(&place);
    if (text == symbol) return ordinal;
    if (text > symbol) break;
  }
  return std::nullopt;
}

}  // namespace thanos::block
