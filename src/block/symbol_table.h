// The symbols of an index: every label name and value, sorted, each with a number.
// Format: formats/tsdb-block §4.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/pinned_bytes.h"
#include "thanos/status.h"

namespace thanos::block {

/// Immutable, thread-safe. Texts handed out live as long as the bytes behind the table.
class SymbolTable {
 public:
  SymbolTable() = default;
  /// `section` begins with the length; the checksum and the order of all symbols are checked. The
  /// place of every `sampling`-th symbol (a power of two, else the next lower one) is kept in
  /// memory. References of version 1 are offsets in the index file, where the section begins at
  /// `file_offset`.
  static Result<SymbolTable> Open(base::PinnedBytes section, int index_version,
                                  uint64_t file_offset, uint32_t sampling);

  /// kDataLoss when there is no such symbol.
  Result<std::string_view> Lookup(uint32_t reference) const;
  /// The same for hot loops: false when there is none.
  bool TryLookup(uint32_t reference, std::string_view* out) const {
    if (version_ == 1 || reference >= count_) [[unlikely]]
      return LookupByPlace(reference, out);
    *out = At(reference);
    return true;
  }
  /// The number of a symbol.
  std::optional<uint32_t> Find(std::string_view symbol) const;
  uint32_t size() const { return count_; }
  /// Symbol number `ordinal` < size().
  std::string_view At(uint32_t ordinal) const {
    uint32_t place = places_[ordinal >> sampling_shift_];
    for (uint32_t skip = ordinal & ((1u << sampling_shift_) - 1); skip > 0; --skip) TextAt(&place);
    return TextAt(&place);
  }
  /// What entries of series call symbol number `ordinal`; ascends with it.
  uint32_t ReferenceAt(uint32_t ordinal) const {
    return version_ == 1 ? static_cast<uint32_t>(file_offset_) + places_[ordinal] : ordinal;
  }
  size_t memory_bytes() const { return places_.size() * sizeof(uint32_t); }

 private:
  bool LookupByPlace(uint32_t reference, std::string_view* out) const;
  // Every place was walked over in Open: the varint and the text lie inside.
  std::string_view TextAt(uint32_t* place) const {
    const auto* begin = reinterpret_cast<const uint8_t*>(section_.bytes().data());
    const uint8_t* p = begin + *place;
    uint64_t length = *p++;
    if (length >= 0x80) [[unlikely]]
      length = LongLength(length, &p);
    *place = static_cast<uint32_t>(p - begin + static_cast<ptrdiff_t>(length));
    return {reinterpret_cast<const char*>(p), length};
  }
  static uint64_t LongLength(uint64_t first, const uint8_t** p);

  base::PinnedBytes section_;
  int version_ = 2;
  uint64_t file_offset_ = 0;
  uint32_t sampling_shift_ = 0;
  uint32_t count_ = 0;
  std::vector<uint32_t> places_;  // In the section, of every sampled symbol.
};

}  // namespace thanos::block
