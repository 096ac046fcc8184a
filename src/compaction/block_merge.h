// Several local blocks to one new one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/ulid.h"
#include "block/index_writer.h"
#include "block/meta.h"
#include "compaction/block_input.h"
#include "compaction/series_merge.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::compaction {

/// A block of coarser resolution to be made of the result while it is merged.
struct CoarserBlock {
  int64_t resolution_ms = 0;
  base::Ulid id;
};

struct MergeRequest {
  std::vector<std::string> directories;  // Of the inputs, in order of min time.
  std::vector<bool> unsorted_labels;  // Which of them have label names out of order; empty: none.
  std::vector<ChunkSource> chunks;    // Of the inputs; empty: all in their directories.
  std::string parent;                 // Where `<id>` is written.
  base::Ulid id;
  OverlapRule rule = OverlapRule::kIdentical;
  block::IndexLimits limits;  // Of the format.
  /// Labels, resolution, source and extensions of the result.
  block::ThanosMeta thanos;
  /// By ascending resolution, each made of the one before, the first of the result.
  std::vector<CoarserBlock> coarser;
  base::Executor* helpers = nullptr;  // Threads that merge; null: the caller only.
};

struct MergedBlock {
  /// Nothing when no sample was left: no block was written then.
  std::optional<block::BlockMeta> meta;
  /// As many as were asked for, or none when `coarser_status` says why.
  std::vector<block::BlockMeta> coarser;
  Status coarser_status;
  MergeCounts counts;
};

/// Streams the series of all inputs in label order into `<parent>/<id>`, which appears whole or not
/// at all, but is not fsynced. The same inputs give the same bytes, for any number of helpers; the
/// bytes of coarser blocks are those of downsampling::Downsample. In memory are the symbols' texts
/// once for each block written (of the inputs too, until they are translated), four bytes a label
/// of each series, a window of each input and a few small batches of series, all charged to the
/// context's budget. kFailedPrecondition when the rule forbids an overlap, kDataLoss for what is
/// malformed, kResourceExhausted past a budget or on a full disk, kOutOfRange past a limit of the
/// format.
Result<MergedBlock> MergeBlocks(const CallContext& context, const MergeRequest& request);

/// What MergeBlocks says of its result before it is made: times, level, sources, parents.
block::BlockMeta ResultMeta(const std::vector<const block::BlockMeta*>& sources, base::Ulid id);

/// Health of the index in `directory`, by the times of `meta`, but for chunks that a merge puts
/// right. kDataLoss says what is wrong.
Status CheckBlockIndex(const CallContext& context, const std::string& directory,
                       const block::BlockMeta& meta, bool accept_unsorted_labels);

/// Reads a written block back, every byte: health of its index, all of its lists, each chunk's
/// checksum, and that series, chunks and samples are as many as `meta` says.
Status VerifyBlock(const CallContext& context, const std::string& directory,
                   const block::BlockMeta& meta);

}  // namespace thanos::compaction
