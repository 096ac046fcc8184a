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

/// Appends the label set of an entry, in the encoding of LabelsView. kDataLoss for unknown symbols,
/// names out of order, texts too long for a set.
Status AppendLabels(std::span<const SymbolPair> labels, const SymbolTable& symbols,
                    std::string* out);
/// The same with the labels of `add` merged in, none of whose names the entry has.
Status AppendLabels(std::span<const SymbolPair> labels, const SymbolTable& symbols, LabelsView add,
                    std::string* out);

}  // namespace thanos::block
