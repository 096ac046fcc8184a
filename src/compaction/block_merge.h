// Several local blocks to one new one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ulid.h"
#include "block/meta.h"
#include "compaction/series_merge.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::compaction {

struct MergeRequest {
  std::vector<std::string> directories;  // Of the inputs, in order of min time.
  std::vector<bool> unsorted_labels;  // Which of them have label names out of order; empty: none.
  std::string parent;                 // Where `<id>` is written.
  base::Ulid id;
  OverlapRule rule = OverlapRule::kIdentical;
  block::IndexLimits limits;  // Of the format.
};

struct MergedBlock {
  /// Without a Thanos section but index stats and segment files. Nothing when no sample was left:
  /// no block was written then.
  std::optional<block::BlockMeta> meta;
  MergeCounts counts;
};

/// Streams the series of all inputs in label order into `<parent>/<id>`, which appears whole or not
/// at all, but is not fsynced. The same inputs give the same bytes. In memory are the symbols'
/// texts once (of the inputs too, until they are translated), four bytes a label of each series,
/// and a window of each input. kFailedPrecondition when the rule forbids an overlap, kDataLoss for
/// what is malformed, kResourceExhausted past a limit of the format or a full disk.
Result<MergedBlock> MergeBlocks(const CallContext& context, const MergeRequest& request);

/// Health of the index in `directory`, by the times of `meta`, but for chunks that a merge puts
/// right. kDataLoss says what is wrong.
Status CheckBlockIndex(const CallContext& context, const std::string& directory,
                       const block::BlockMeta& meta, bool accept_unsorted_labels);

/// Reads a written block back, every byte: health of its index, all of its lists, each chunk's
/// checksum, and that series, chunks and samples are as many as `meta` says.
Status VerifyBlock(const CallContext& context, const std::string& directory,
                   const block::BlockMeta& meta);

}  // namespace thanos::compaction
