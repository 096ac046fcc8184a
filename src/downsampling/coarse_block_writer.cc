#include "downsampling/coarse_block_writer.h"

namespace thanos::downsampling {

Result<std::unique_ptr<CoarseBlockWriter>> CoarseBlockWriter::Create(const std::string& parent,
                                                                     base::Ulid id,
                                                                     uint64_t segment_bytes_max,
                                                                     bool durable) {
  THANOS_ASSIGN_OR_RETURN(
      auto writer,
      block::BlockWriter::Create(
          parent, id,
          {.segment_bytes_max = segment_bytes_max, .write_tombstones = false, .durable = durable}));
  return std::unique_ptr<CoarseBlockWriter>(new CoarseBlockWriter(std::move(writer)));
}

Status CoarseBlockWriter::WriteChunks(std::span<const block::NewChunk> chunks, uint64_t samples) {
  metas_.clear();
  THANOS_RETURN_IF_ERROR(writer_->chunks().WriteSeries(chunks, &metas_));
  writer_->CountChunks(chunks.size());
  writer_->CountSamples(ChunkEncoding::kAggregate, samples);
  return OkStatus();
}

Status CoarseBlockWriter::AddSeries(std::span<const block::SymbolPair> labels,
                                    std::span<const block::NewChunk> chunks, uint64_t samples) {
  if (chunks.empty()) return OkStatus();
  THANOS_RETURN_IF_ERROR(WriteChunks(chunks, samples));
  return writer_->index().AddSeries(labels, metas_);
}

Status CoarseBlockWriter::AddSeries(LabelsView labels, std::span<const block::NewChunk> chunks,
                                    uint64_t samples) {
  if (chunks.empty()) return OkStatus();
  THANOS_RETURN_IF_ERROR(WriteChunks(chunks, samples));
  return writer_->index().AddSeries(labels, metas_);
}

Result<block::BlockMeta> CoarseBlockWriter::Finish(const block::BlockMeta& source,
                                                   int64_t resolution_ms) {
  writer_->KeepKinds(source.stats);
  block::BlockMeta meta = source;
  meta.thanos.resolution_ms = resolution_ms;
  meta.thanos.source = "compactor";
  meta.thanos.files.clear();  // Known when it is uploaded.
  return writer_->Finish(std::move(meta));
}

}  // namespace thanos::downsampling
