// The series entries of an index, one after the other.
#pragma once

#include <cstdint>

#include "base/pinned_bytes.h"
#include "block/index_format.h"
#include "block/series_entry.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::block {

/// Walks the section of series in order of the file, which is label order, reading it in pieces. In
/// memory is one piece, or one entry that is longer. One thread.
class SeriesScanner {
 public:
  static constexpr uint64_t kPieceBytes = 1 << 20;
  /// `index` outlives the scanner. `reference_unit`: 16, or 1 for indexes of version 1.
  SeriesScanner(base::RangeReader* index, const IndexToc& toc, uint64_t reference_unit,
                uint64_t piece_bytes = kPieceBytes);

  /// The next entry, its checksum verified; false at the end. kDataLoss names file and place.
  Result<bool> Next(const CallContext& context, SeriesEntry* out);
  /// Of the entry that Next gave last.
  uint32_t reference() const { return reference_; }

 private:
  Status Load(const CallContext& context, uint64_t length);

  base::RangeReader* const index_;
  const uint64_t unit_, piece_bytes_, end_;
  uint64_t at_;
  uint64_t piece_begin_ = 0;
  base::PinnedBytes piece_;
  uint32_t reference_ = 0;
};

}  // namespace thanos::block
