// K-way merge of sorted cursors, joining what has equal labels.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "thanos/series.h"

namespace thanos::series {

struct MergeOptions {
  uint32_t batch_series = 64;
  uint64_t limit = 0;  // Series; 0 is none.
  /// Leave out chunks that are equal (times, encoding, data), as replicas of one block give them.
  bool drop_equal_chunks = true;
  /// ChunkView::source is the input's index in all of the output; else only where several inputs
  /// had the series.
  bool tag_sources = false;
};

/// The code and text of the error when an input makes a step backwards.
bool IsUnsortedInput(const Status& status, size_t* input);

/// Inputs may split a series over consecutive entries; the output joins. An input that steps
/// backwards ends the merge with an error that IsUnsortedInput recognises. Any input's error ends
/// it. Batches hold references to the inputs' batches they borrow from. Chunk order of equal
/// times: formats/algorithms §5.4.
std::unique_ptr<SeriesCursor> MergeCursors(const CallContext& context,
                                           std::vector<std::unique_ptr<SeriesCursor>> inputs,
                                           const MergeOptions& options);

/// Sorts by time and the tie rule, then drops equal neighbours if asked.
void OrderChunks(bool drop_equal, std::vector<ChunkView>* chunks);

}  // namespace thanos::series
