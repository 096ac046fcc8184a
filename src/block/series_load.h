// The entries of many series of one block, from an index cache and the index.
#pragma once

#include <span>
#include <vector>

#include "base/pinned_bytes.h"
#include "block/block.h"
#include "block/read_options.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::block {

struct LoadedEntry {
  std::span<const std::byte> payload;  // Its checksum was verified.
  base::PinnedBytes pin;               // What the payload lies in.
};

/// References ascend. What is read is charged to the context's budget while it is read; kDataLoss
/// names the place of a wrong entry.
Result<std::vector<LoadedEntry>> LoadEntries(const CallContext& context, const Block& block,
                                             std::span<const uint32_t> references,
                                             const BlockReadOptions& options);

/// Bytes that LoadEntries may read at most at first: what its caller charges while it holds them.
uint64_t EntryBytesBound(const Block& block, std::span<const uint32_t> references,
                         const BlockReadOptions& options);

}  // namespace thanos::block
