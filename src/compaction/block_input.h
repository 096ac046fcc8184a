// A local block as the input of a merge: its series in label order, its chunks as they lie there.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/pinned_bytes.h"
#include "block/block.h"
#include "block/chunk_stream.h"
#include "block/meta.h"
#include "block/series_scanner.h"
#include "block/symbol_table.h"
#include "block/tombstones.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::compaction {

/// Where the chunks of an input lie.
struct ChunkSource {
  block::Block::SegmentOpener segments;                   // Null: in the input's directory.
  uint64_t piece_bytes = block::FileWindow::kPieceBytes;  // Of one read.
};

/// One thread. In memory: the symbols until they are translated, then their numbers, and with
/// `sort_series` all series entries, charged to the context's budget; one piece of the index and
/// one of a segment, charged too.
class BlockInput {
 public:
  /// `sort_series`: the names in its label sets are not in order; they are put right, and its
  /// series with them.
  static Result<std::unique_ptr<BlockInput>> Open(const CallContext& context,
                                                  const std::string& directory, bool sort_series,
                                                  const ChunkSource& source);

  const block::BlockMeta& meta() const { return meta_; }
  const std::string& directory() const { return directory_; }
  const block::SymbolTable& symbols() const { return symbols_; }
  /// The number of each symbol in the output; the table of its own is let go.
  Status TranslateSymbols(const CallContext& context, std::vector<uint32_t> numbers);

  /// The next series, its labels as numbers of the output; false at the end.
  Result<bool> Next(const CallContext& context);
  std::span<const block::SymbolPair> labels() const { return entry_.labels; }
  std::span<const block::ChunkMeta> chunks() const { return entry_.chunks; }
  /// Sorted deletions of the series.
  std::span<const block::Interval> deleted() const { return tombstones_.Of(reference_); }
  block::ChunkStream& chunk_stream() { return chunk_stream_; }
  /// Of one read of chunks.
  uint64_t piece_bytes() const { return piece_bytes_; }

 private:
  struct SortedSeries {
    block::SeriesEntry entry;
    uint32_t reference = 0;
  };
  BlockInput(block::Block::SegmentOpener segments, uint64_t piece_bytes)
      : chunk_stream_(std::move(segments), piece_bytes), piece_bytes_(piece_bytes) {}
  Result<uint32_t> Translate(uint32_t symbol) const;
  Result<bool> NextInFile(const CallContext& context);
  Status LoadSorted(const CallContext& context);
  Result<bool> NextSorted();

  std::string directory_;
  block::BlockMeta meta_;
  block::SymbolTable symbols_;
  block::Tombstones tombstones_;
  std::shared_ptr<base::RangeReader> index_;
  std::unique_ptr<block::SeriesScanner> scanner_;
  int index_version_ = 2;
  std::vector<uint32_t> numbers_;     // In the output, by ordinal.
  std::vector<uint32_t> references_;  // Of version 1, by ordinal.
  block::SeriesEntry entry_;
  uint32_t reference_ = 0;
  block::ChunkStream chunk_stream_;
  const uint64_t piece_bytes_;
  BudgetLease piece_lease_;
  bool sort_series_ = false;
  std::vector<SortedSeries> sorted_;
  size_t next_sorted_ = 0;
  BudgetLease symbols_lease_;  // Of the symbols, then of their numbers.
  BudgetLease sorted_lease_;
};

}  // namespace thanos::compaction
