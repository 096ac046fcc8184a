// Which blocks answer a request: by external labels, time and resolution.
// Rules: formats/algorithms §6.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "block/block.h"
#include "model/matcher.h"

namespace thanos::block {

struct BlockSelection {
  BlockRef block;
  /// Those of the request that are not about external labels.
  model::Matchers matchers;
};

struct BlockQuery {
  std::span<const model::Matcher> matchers;
  int64_t min_ms = 0, max_ms = 0;  // Both inclusive.
  int64_t max_resolution_ms = 0;
  /// On the external labels and `__block_id`; the blocks of a request's hints.
  std::span<const model::Matcher> block_matchers;
};

/// A block that may be chosen, before it is opened. `meta` and `labels` are borrowed.
struct BlockCandidate {
  const BlockMeta* meta = nullptr;
  LabelsView labels;  // External.
};
struct ChosenBlock {
  size_t index = 0;  // Among the candidates.
  model::Matchers matchers;
};
std::vector<ChosenBlock> ChooseBlocks(std::span<const BlockCandidate> candidates,
                                      const BlockQuery& query);

/// Within each set of external labels the coarsest resolution allowed, its gaps filled with finer
/// ones. Overlapping blocks of one resolution are all taken.
std::vector<BlockSelection> SelectBlocks(std::span<const BlockRef> blocks, const BlockQuery& query);

}  // namespace thanos::block
