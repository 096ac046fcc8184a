// Series on their way through a merge: read together, worked on by one thread, written in order.
// Private to the room.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/pinned_bytes.h"
#include "block/chunk_segment.h"
#include "block/meta.h"
#include "block/series_entry.h"
#include "block/tombstones.h"
#include "compaction/float_merge.h"
#include "compaction/series_merge.h"
#include "thanos/call_context.h"

namespace thanos::compaction {

/// A list that is cut into consecutive parts.
template <typename T>
class Parts {
 public:
  void Add(T item) { items_.push_back(std::move(item)); }
  /// What was added since the last end is a part.
  void End() { ends_.push_back(items_.size()); }
  void Clear() {
    items_.clear();
    ends_.clear();
  }
  size_t size() const { return ends_.size(); }
  std::span<const T> operator[](size_t part) const {
    const size_t begin = part == 0 ? 0 : ends_[part - 1];
    return std::span(items_).subspan(begin, ends_[part] - begin);
  }

 private:
  std::vector<T> items_;
  std::vector<size_t> ends_;
};

/// A chunk of an input; the bytes are pinned by the batch.
struct SourceChunk {
  int64_t min_ms = 0, max_ms = 0;
  ChunkEncoding encoding = ChunkEncoding::kNone;
  std::span<const std::byte> data;
  std::span<const std::byte> frame;  // `data` with length, encoding and checksum.
};

/// One series of one input.
struct SeriesSource {
  const block::BlockMeta* meta = nullptr;
  const std::string* directory = nullptr;
  std::span<const block::Interval> deleted;
};

/// A chunk of the result.
struct ResultChunk {
  block::NewChunk chunk;
  std::span<const std::byte> frame;  // Of the input, when it is copied as it is; else empty.
  uint32_t samples = 0;
};

/// The same series at a coarser resolution.
struct CoarserSeries {
  Parts<block::NewChunk> chunks;  // By series.
  std::vector<uint64_t> samples;  // By series.
};

/// Reused; keeps its memory. One thread at a time.
struct MergeBatch {
  // What was read; all by series.
  Parts<block::SymbolPair> labels;
  Parts<SeriesSource> sources;
  std::vector<bool> plain;    // Its chunks are to be copied as they are.
  Parts<SourceChunk> chunks;  // By source, over all series.
  std::vector<base::PinnedBytes> pins;
  uint64_t chunk_bytes = 0, pinned_bytes = 0;
  // What becomes of it.
  ChunkArena arena;
  Parts<ResultChunk> result;           // By series.
  std::vector<CoarserSeries> coarser;  // By resolution, each of the one before.
  Status coarser_status;               // Not OK: what is in `coarser` is void.
  MergeCounts counts;                  // Of this batch.
  BudgetLease lease;

  size_t size() const { return labels.size(); }
  void Clear();
};

}  // namespace thanos::compaction
