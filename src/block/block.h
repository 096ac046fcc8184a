// A block that is ready to be read: its meta, symbols and tables in memory, its index and segments
// behind RangeReaders. Local directories open here; blocks of a bucket are put together by others.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/pinned_bytes.h"
#include "block/index_format.h"
#include "block/meta.h"
#include "block/postings_table.h"
#include "block/symbol_table.h"
#include "block/tombstones.h"
#include "thanos/call_context.h"
#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::block {

/// Immutable; the segments of a block in a bucket are looked up on first use. Thread-safe.
class Block {
 public:
  /// The reader of segment `index`; kOutOfRange when there is no such segment.
  using SegmentOpener = std::function<Result<std::shared_ptr<base::RangeReader>>(
      const CallContext& context, uint32_t index)>;

  struct Parts {
    BlockMeta meta;
    int index_version = 2;
    IndexToc toc;
    std::shared_ptr<const void> owner;  // Keeps symbols and postings alive.
    const SymbolTable* symbols = nullptr;
    const PostingsTable* postings = nullptr;
    std::shared_ptr<base::RangeReader> index;
    SegmentOpener open_segment;
    Tombstones tombstones;
  };
  explicit Block(Parts parts);

  /// Opens a block's directory; all files are read with pread. The directory's name need not be
  /// the block's id. kNotFound without a meta.json, kDataLoss naming the file when bytes are wrong.
  static Result<std::shared_ptr<const Block>> OpenDirectory(const CallContext& context,
                                                            const std::string& path);

  const BlockMeta& meta() const { return parts_.meta; }
  const std::string& id() const { return id_; }
  const Labels& external_labels() const { return external_labels_; }
  const SymbolTable& symbols() const { return *parts_.symbols; }
  const PostingsTable& postings() const { return *parts_.postings; }
  base::RangeReader& index() const { return *parts_.index; }
  const IndexToc& toc() const { return parts_.toc; }
  uint64_t reference_unit() const { return parts_.index_version == 1 ? 1 : kSeriesAlignment; }
  const Tombstones& tombstones() const { return parts_.tombstones; }
  Result<std::shared_ptr<base::RangeReader>> Segment(const CallContext& context,
                                                     uint32_t index) const;

 private:
  const Parts parts_;
  const std::string id_;
  const Labels external_labels_;
  mutable std::mutex mutex_;
  mutable std::vector<std::shared_ptr<base::RangeReader>> segments_;  // Guarded by mutex_.
};
using BlockRef = std::shared_ptr<const Block>;

/// The name of a segment file is a number.
bool IsSegmentName(std::string_view name);
/// Paths of the segment files in a local directory: the n-th name that is a number is segment n,
/// whatever the number.
Result<std::vector<std::string>> ListSegments(const std::string& directory);
/// A local segment file, its header checked.
Result<std::shared_ptr<base::RangeReader>> OpenSegment(const CallContext& context,
                                                       const std::string& path);
/// The segments of the local block in `directory`. All are opened now: whoever deletes the block
/// later does not break what is being read.
Result<Block::SegmentOpener> OpenSegments(const CallContext& context, const std::string& directory);

}  // namespace thanos::block
