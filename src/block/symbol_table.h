// The symbols of an index: every label name and value, sorted, each with a number.
// Format: formats/tsdb-block §4.2.
#pragma once

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
  /// place of every `sampling`-th symbol is kept in memory. References of version 1 are offsets in
  /// the index file, where the section begins at `file_offset`.
  static Result<SymbolTable> Open(base::PinnedBytes section, int index_version,
                                  uint64_t file_offset, uint32_t sampling);

  /// kDataLoss when there is no such symbol.
  Result<std::string_view> Lookup(uint32_t reference) const;
  /// The number of a symbol.
  std::optional<uint32_t> Find(std::string_view symbol) const;
  uint32_t size() const { return count_; }
  /// Symbol number `ordinal` < size().
  std::string_view At(uint32_t ordinal) const;
  size_t memory_bytes() const { return places_.size() * sizeof(uint32_t); }

 private:
  std::string_view TextAt(uint32_t* place) const;

  base::PinnedBytes section_;
  int version_ = 2;
  uint64_t file_offset_ = 0;
  uint32_t sampling_ = 1;
  uint32_t count_ = 0;
  std::vector<uint32_t> places_;  // In the section, of symbols 0, sampling, 2 * sampling, ...
};

}  // namespace thanos::block
