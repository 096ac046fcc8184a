// Overlapping XOR chunks of one series, merged over plain arrays: what nearly all series are.
// formats/algorithms §11.1, with the results of block::MergeSeriesChunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "block/chunk_list_heap.h"
#include "block/chunk_merge.h"
#include "chunk/decode.h"
#include "thanos/chunk.h"
#include "thanos/status.h"

namespace thanos::compaction {

/// Memory for the chunks of one series, kept from series to series. One thread.
class ChunkArena {
 public:
  std::byte* Allocate(size_t bytes);
  /// Gives back the end of what Allocate gave last.
  void Shrink(size_t bytes) { used_ -= bytes; }
  std::span<const std::byte> Copy(std::span<const std::byte> bytes);
  /// All of it is free again; memory beyond a few pieces goes back.
  void Reset();

 private:
  static constexpr size_t kPieceBytes = 256 << 10;
  struct Piece {
    std::unique_ptr<std::byte[]> bytes;
    size_t size = 0;
  };
  std::vector<Piece> pieces_;
  size_t current_ = 0;  // Piece that is being filled.
  size_t used_ = 0;     // Of it.
};

/// A chunk whose bytes lie in an arena.
struct HeldChunk {
  int64_t min_ms = 0, max_ms = 0;
  ChunkEncoding encoding = ChunkEncoding::kXor;
  std::span<const std::byte> data;
};

/// One thread; keeps its memory from series to series.
class FloatMerger {
 public:
  explicit FloatMerger(block::OverlapMerge merge) : merge_(merge) {}

  /// The chunks of all lists as one, ascending: unchanged where nothing overlaps, else re-encoded,
  /// in the arena. Each list is sorted and free of overlaps, all are XOR chunks. kDataLoss for a
  /// malformed one.
  Status Merge(std::span<const std::vector<HeldChunk>> lists, ChunkArena* arena,
               std::vector<HeldChunk>* out);

 private:
  struct List {
    std::vector<HeldChunk> chunks;
    size_t next = 0;
    bool empty() const { return next == chunks.size(); }
    HeldChunk& front() { return chunks[next]; }
    const HeldChunk& front() const { return chunks[next]; }
    void pop_front() { ++next; }
  };
  Status MergeGroup(const HeldChunk& first, ChunkArena* arena, std::vector<HeldChunk>* out);
  Status Chain(const HeldChunk& first);
  Result<bool> ChainByLanes(const HeldChunk& first);
  Status ChainByChunks(const HeldChunk& first);
  Status Penalty(const HeldChunk& first);
  size_t Untouched();
  void FoldPenalty();
  void Encode(ChunkArena* arena, std::vector<HeldChunk>* out) const;

  const block::OverlapMerge merge_;
  block::ChunkListHeap<List> heap_;
  std::vector<HeldChunk> group_;  // That overlap the first one, in the order they were taken.
  std::vector<chunk::Columns> lanes_;
  chunk::Columns merged_, next_, scratch_;
  std::vector<int64_t> reach_;  // Penalty: how far the samples up to each one reach ahead.
};

}  // namespace thanos::compaction
