// The series of several inputs in label order, with their chunks. Private to the room.
#pragma once

#include <compare>
#include <memory>
#include <vector>

#include "compaction/block_input.h"
#include "compaction/input_heap.h"
#include "compaction/merge_batch.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::compaction {

using Inputs = std::vector<std::unique_ptr<BlockInput>>;

/// One thread.
class BatchReader {
 public:
  /// `inputs`, whose symbols are translated, outlive the reader and its batches.
  explicit BatchReader(const Inputs& inputs);
  /// What every input begins with.
  Status Begin(const CallContext& context);

  /// The next series into `batch`, which is empty: a few, or one that is large. Their chunks are
  /// pinned and charged to the context's budget. Chunks that are dropped as a whole are counted
  /// and not read. False when there are no more series.
  Result<bool> Fill(const CallContext& context, MergeBatch* batch);

 private:
  struct Order {
    const Inputs* inputs;
    std::strong_ordering operator()(size_t a, size_t b) const;
  };
  Status Advance(const CallContext& context, size_t input);
  Status TakeSeries(const CallContext& context, MergeBatch* batch);
  Status ReadChunks(const CallContext& context, size_t input, bool plain, MergeBatch* batch);
  bool IsPlain() const;

  const Inputs& inputs_;
  InputHeap<Order> heap_;
  std::vector<size_t> equal_;        // Inputs that have the series.
  uint64_t pinned_max_ = 0;          // Bytes of a batch.
  std::vector<const void*> pinned_;  // By input: what the batch pins of it, the last.
};

}  // namespace thanos::compaction
