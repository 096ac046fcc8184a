// The postings offset table: which lists of series an index has, and where.
// Format: formats/tsdb-block §4.5; ranges as formats/thanos-block §4.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/pinned_bytes.h"
#include "block/postings_plan.h"
#include "thanos/status.h"

namespace thanos::block {

/// Immutable, thread-safe. Keeps one value of `sampling` in memory for each name and reads the
/// others from the bytes.
class PostingsTable : public PostingsCatalog {
 public:
  PostingsTable() = default;
  /// `section` begins with the length; checksum and order of all entries are checked. `lists_end`
  /// is where the last list ends: its checksum included.
  static Result<PostingsTable> Open(base::PinnedBytes section, int index_version,
                                    uint64_t lists_end, uint32_t sampling);

  /// Sorted; without the empty name of the list of all series.
  std::vector<std::string> LabelNames() const;
  bool HasLabelName(std::string_view name) const { return FindName(name) != nullptr; }
  /// Sorted; empty when the name is unknown.
  std::vector<std::string> LabelValues(std::string_view name) const;
  /// For values in ascending order, each: where its list lies, or nothing.
  std::vector<std::optional<PostingsRange>> Lookup(std::string_view name,
                                                   const std::vector<std::string>& values) const;

  // PostingsCatalog.
  void VisitValues(std::string_view name, std::string_view from,
                   const ValueVisitor& visit) const override;
  std::optional<LabelExtent> Extent(std::string_view name) const override;

  size_t memory_bytes() const;

 private:
  struct Name {
    std::string_view name;
    uint32_t first_sample = 0;
    uint32_t count = 0;
    uint64_t begin = 0, end = 0;  // Of all its lists.
  };
  struct Entry {
    std::string_view name, value;
    uint64_t offset = 0;
  };
  struct Sorted {  // An entry of a version 1 table, which is in no order.
    std::string_view name, value;
    PostingsRange range;
  };
  Status OpenSorted(std::span<const std::byte> payload);
  Status OpenUnsorted(std::span<const std::byte> payload);
  Status AddEntry(const Entry& entry, uint32_t place);
  Status FinishNames();
  Entry ReadEntry(uint32_t* place) const;
  const Name* FindName(std::string_view name) const;
  void VisitSorted(std::string_view name, std::string_view from, const ValueVisitor& visit) const;

  base::PinnedBytes section_;
  uint32_t sampling_ = 32;
  uint64_t lists_end_ = 0;
  uint32_t end_place_ = 0;  // Behind the last entry.
  std::vector<Name> names_;
  std::vector<uint32_t> samples_;  // Places of entries.
  std::vector<Sorted> sorted_;     // Version 1 only.
};

}  // namespace thanos::block
