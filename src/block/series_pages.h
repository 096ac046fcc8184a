// Pages of the series section of a block's index: what an index cache keeps of it. Series of one
// metric lie side by side, so that a page serves many entries of one query.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/pinned_bytes.h"
#include "block/block.h"
#include "block/read_options.h"
#include "series/batch_builder.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::block {

/// Page n holds the bytes [n, n + 1) times this of the index, as far as they are series.
constexpr uint64_t kSeriesPageBytes = 4096;

/// One thread. Holds whole pages, charged to the context's budget; nothing in them is verified.
class SeriesPages {
 public:
  /// Those that `spans` touch: they ascend and lie inside the series section. `ask_cache` false:
  /// all are read from the index.
  static Result<SeriesPages> Load(const CallContext& context, const Block& block,
                                  std::span<const ByteSpan> spans, const BlockReadOptions& options,
                                  bool ask_cache);

  /// What is held from `offset` on, of which the first byte must lie in one of the spans: at least
  /// `least` bytes unless the pages end before. Bytes of pages that do not lie side by side in
  /// memory are copied. Valid as long as this.
  Result<std::span<const std::byte>> From(uint64_t offset, uint64_t least);
  /// Whether some byte of the span came out of the cache.
  bool Cached(const ByteSpan& span);
  /// Hands what was read from the index to the cache, once its user has found nothing wrong.
  void Keep(const CallContext& context, const Block& block, IndexCache* cache) const;

 private:
  struct Piece {
    uint64_t begin = 0;
    std::span<const std::byte> bytes;
    bool cached = false;
    uint64_t end() const { return begin + bytes.size(); }
  };
  void Seek(uint64_t offset);

  std::vector<Piece> pieces_;  // By place.
  std::vector<base::PinnedBytes> pins_;
  size_t at_ = 0;  // The piece asked for last: most ask in order.
  series::Arena copies_;
  BudgetLease lease_;
};

}  // namespace thanos::block
