// Chunk encodings and views of chunks, as blocks and the StoreAPI carry them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "thanos/labels.h"

namespace thanos {

/// The encoding byte of a block's chunk. The StoreAPI carries encoding - 1 for 1 to 6.
enum class ChunkEncoding : uint8_t {
  kNone = 0,
  kXor = 1,
  kHistogram = 2,
  kFloatHistogram = 3,
  kXor2 = 4,  // With start timestamps, Prometheus 3.14 and later.
  kHistogramSt = 5,
  kFloatHistogramSt = 6,
  kAggregate = 0xFF,  // Thanos' downsampled data: five sub-chunks.
};

/// What a chunk's values stand for. Numbers of the wire.
enum class Aggr : uint8_t { kRaw = 0, kCount = 1, kSum = 2, kMin = 3, kMax = 4, kCounter = 5 };

/// A set of Aggr as bits.
struct AggrSet {
  uint8_t bits = 0;
  constexpr bool Has(Aggr aggr) const { return bits >> static_cast<int>(aggr) & 1; }
  constexpr void Add(Aggr aggr) { bits |= static_cast<uint8_t>(1 << static_cast<int>(aggr)); }
  friend bool operator==(AggrSet, AggrSet) = default;
};

/// One encoded chunk, without length, encoding byte and checksum.
struct ChunkPart {
  Aggr aggr = Aggr::kRaw;
  ChunkEncoding encoding = ChunkEncoding::kXor;
  uint64_t hash = 0;  // XXH64 of data; 0 when not computed.
  std::span<const std::byte> data;
};

/// A raw chunk has one part; a downsampled one a part per aggregate asked for, ascending by Aggr.
struct ChunkView {
  int64_t min_ms = 0;
  int64_t max_ms = 0;   // Inclusive.
  uint32_t source = 0;  // Which input of a merge it came from, where several had the series.
  std::span<const ChunkPart> parts;
};

/// Chunks are sorted by (min_ms, max_ms); those of replicas may overlap.
struct SeriesView {
  LabelsView labels;
  std::span<const ChunkView> chunks;
};

}  // namespace thanos
