// Writing the block that a downsampling makes, whoever reads its source.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "block/block_writer.h"
#include "block/meta.h"
#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::downsampling {

/// All symbols of the source first, then its series in label order, each with what a
/// SeriesDownsampler made of it. As block::BlockWriter: the block exists after Finish() or not at
/// all. One thread.
class CoarseBlockWriter {
 public:
  static Result<std::unique_ptr<CoarseBlockWriter>> Create(const std::string& parent, base::Ulid id,
                                                           uint64_t segment_bytes_max,
                                                           bool durable);

  Status AddSymbol(std::string_view symbol) { return writer_->AddSymbol(symbol); }
  /// `samples` are those of the count aggregates. A series without chunks is left out.
  Status AddSeries(std::span<const block::SymbolPair> labels,
                   std::span<const block::NewChunk> chunks, uint64_t samples);
  Status AddSeries(LabelsView labels, std::span<const block::NewChunk> chunks, uint64_t samples);
  /// Times, labels, compaction section and extensions are those of the source. Returns the meta as
  /// written.
  Result<block::BlockMeta> Finish(const block::BlockMeta& source, int64_t resolution_ms);

 private:
  explicit CoarseBlockWriter(std::unique_ptr<block::BlockWriter> writer)
      : writer_(std::move(writer)) {}
  Status WriteChunks(std::span<const block::NewChunk> chunks, uint64_t samples);
  const std::unique_ptr<block::BlockWriter> writer_;
  std::vector<block::ChunkMeta> metas_;
};

}  // namespace thanos::downsampling
