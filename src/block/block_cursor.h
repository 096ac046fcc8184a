// Series over several blocks, merged in label order, with their chunks: the one way blocks are
// queried, local ones and those of a bucket.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "block/block_select.h"
#include "block/series_stream.h"
#include "thanos/series.h"

namespace thanos::block {

struct BlockCursorOptions {
  BlockReadOptions read;
  bool external_labels = true;  // Add those of the blocks.
  bool chunk_hashes = true;     // XXH64 of each part.
  bool transcode = false;       // Encodings 4 to 6 become 1 to 3.
  /// Series loaded at once; the request's batch_series when 0.
  uint32_t fill_series = 0;
  /// Chunk bytes loaded at once from storage that is far away (see ReadPace), when that is more
  /// than the request's window: few requests, where memory is there for it.
  size_t far_fill_bytes = 0;
  /// Told of a block whose bytes cannot be had or are wrong. True: go on without it, with a
  /// warning; false: the select fails. Null: false.
  std::function<bool(const Block& block, const Status& status)> on_failure;
  /// Not OK: of a block that could not even be opened and was told in a warning. Where no other
  /// block has series that match, the select fails with it, as it does with what on_failure let
  /// pass.
  Status already_failed;
};

/// `request` gives times, aggregates, skip_chunks, limit, shard, without_labels, batch size and
/// window. `selections` give the blocks and what of the matchers is left for each. The executor
/// and the limiter outlive the cursor.
std::unique_ptr<SeriesCursor> MakeBlockCursor(const CallContext& context,
                                              std::vector<BlockSelection> selections,
                                              const SelectRequest& request,
                                              const BlockCursorOptions& options,
                                              std::shared_ptr<ReadLimiter> limiter = nullptr);

}  // namespace thanos::block
