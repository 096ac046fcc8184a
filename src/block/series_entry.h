// One series in an index: its labels as symbols and where its chunks lie.
// Format: formats/tsdb-block §4.3.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "block/symbol_table.h"
#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::block {

/// Where a chunk lies and what time it covers.
struct ChunkMeta {
  int64_t min_ms = 0;
  int64_t max_ms = 0;  // Inclusive.
  uint64_t ref = 0;    // segment << 32 | offset.

  uint32_t segment() const { return static_cast<uint32_t>(ref >> 32); }
  uint32_t offset() const { return static_cast<uint32_t>(ref); }
  friend bool operator==(const ChunkMeta&, const ChunkMeta&) = default;
};

struct SymbolPair {
  uint32_t name = 0;
  uint32_t value = 0;
  friend bool operator==(const SymbolPair&, const SymbolPair&) = default;
};

/// Reused from entry to entry; keeps its memory.
struct SeriesEntry {
  std::vector<SymbolPair> labels;
  std::vector<ChunkMeta> chunks;
};

/// The entry that `bytes` begins with: its payload, checksum verified, and its whole length. An
/// entry that is longer than `bytes` gives an empty payload and the length that is needed.
struct SeriesBytes {
  std::span<const std::byte> payload;
  uint64_t entry_bytes = 0;
};
Result<SeriesBytes> ReadSeriesBytes(std::span<const std::byte> bytes);

/// kDataLoss when the payload is malformed or its chunks' times are impossible.
Status DecodeSeries(std::span<const std::byte> payload, SeriesEntry* out);

/// Label sets of entries, one after the other: entries of an index are sorted, so that most of a
/// set stands already in the one before, and only the rest is looked up and written.
class LabelsAssembler {
 public:
  /// `add` is merged into each set; none of the entries has a label of its names. Both outlive
  /// this.
  explicit LabelsAssembler(const SymbolTable& symbols, LabelsView add = LabelsView())
      : symbols_(&symbols), add_(add.begin(), add.end()) {}

  /// The label set in the encoding of LabelsView, valid until the next call. kDataLoss for unknown
  /// symbols, names out of order, texts too long for a set.
  Result<std::string_view> Assemble(std::span<const SymbolPair> labels);

 private:
  // What had been written when a pair had been.
  struct Step {
    SymbolPair pair;
    uint32_t end = 0;    // Of its bytes.
    uint32_t added = 0;  // Of `add_`.
    std::string_view name;
  };
  Status AddPair(const SymbolPair& pair);
  void Write(std::string_view name, std::string_view value);

  const SymbolTable* symbols_;
  std::vector<Label> add_;
  std::vector<Step> steps_;
  std::string buffer_;  // Its size is the room there is.
  size_t used_ = 0;
};

/// Appends the label set of one entry; errors as of LabelsAssembler.
Status AppendLabels(std::span<const SymbolPair> labels, const SymbolTable& symbols,
                    std::string* out);

}  // namespace thanos::block
