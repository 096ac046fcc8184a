// The entries of many series of one block, from an index cache and the index.
#pragma once

#include <span>
#include <vector>

#include "block/block.h"
#include "block/read_options.h"
#include "block/series_pages.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::block {

struct LoadedEntries {
  std::vector<std::span<const std::byte>> payloads;  // Checksums were verified.
  std::vector<SeriesPages> pages;                    // What the payloads lie in.
};

/// In the order of the references, which ascend. What is read is charged to the context's budget
/// as long as the result lives; kDataLoss names the place of a wrong entry.
Result<LoadedEntries> LoadEntries(const CallContext& context, const Block& block,
                                  std::span<const uint32_t> references,
                                  const BlockReadOptions& options);

}  // namespace thanos::block
