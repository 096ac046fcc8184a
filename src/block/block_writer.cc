#include "block/block_writer.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "block/byte_sink.h"
#include "block/tombstones.h"
#include "chunk/aggregate.h"
#include "chunk/decode.h"
#include "codec/byte_reader.h"

namespace thanos::block {
namespace {

Result<uint32_t> CountOf(const NewChunk& chunk) {
  if (chunk.encoding == ChunkEncoding::kAggregate) {
    return chunk::AggregateSampleCount(chunk.data);
  }
  return chunk::SampleCount(chunk.encoding, chunk.data);
}

}  // namespace

Result<std::unique_ptr<BlockWriter>> BlockWriter::Create(const std::string& parent, base::Ulid id,
                                                         const Options& options) {
  std::unique_ptr<BlockWriter> writer(new BlockWriter());
  writer->id_ = id;
  writer->options_ = options;
  writer->final_directory_ = parent + "/" + id.ToString();
  const std::string working = writer->final_directory_ + ".tmp-for-creation";
  std::error_code error;
  if (std::filesystem::exists(writer->final_directory_, error)) {
    return AlreadyExistsError("block " + writer->final_directory_ + " exists");
  }
  std::filesystem::remove_all(working, error);
  if (error) return ErrnoError(error.value(), "remove " + working);
  const std::string chunks = working + "/" + std::string(kChunksDirectory);
  std::filesystem::create_directories(chunks, error);
  if (error) return ErrnoError(error.value(), "create " + chunks);
  writer->working_directory_ = working;
  THANOS_ASSIGN_OR_RETURN(writer->index_sink_,
                          CreateFileSink(working + "/" + std::string(kIndexFile), options.durable));
  writer->index_ = std::make_unique<IndexWriter>(writer->index_sink_.get(), options.index_limits);
  writer->chunks_ = std::make_unique<ChunkWriter>(
      [chunks, durable = options.durable](uint32_t segment) {
        return CreateFileSink(chunks + "/" + SegmentName(segment), durable);
      },
      options.segment_bytes_max);
  return writer;
}

BlockWriter::~BlockWriter() {
  if (finished_ || working_directory_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(working_directory_, ignored);
}

void BlockWriter::CountSamples(ChunkEncoding encoding, uint64_t samples) {
  stats_.samples += samples;
  switch (encoding) {
    case ChunkEncoding::kXor:
    case ChunkEncoding::kXor2:
      stats_.float_samples += samples;
      break;
    case ChunkEncoding::kHistogram:
    case ChunkEncoding::kFloatHistogram:
    case ChunkEncoding::kHistogramSt:
    case ChunkEncoding::kFloatHistogramSt:
      stats_.histogram_samples += samples;
      break;
    default:
      break;
  }
}

Status BlockWriter::AddSeries(LabelsView labels, std::span<const NewChunk> chunks) {
  for (const NewChunk& chunk : chunks) {
    const auto count = CountOf(chunk);
    if (!count.ok()) return count.status().WithContext("series " + labels.ToString());
    CountSamples(chunk.encoding, *count);
  }
  metas_.clear();
  THANOS_RETURN_IF_ERROR(chunks_->WriteSeries(chunks, &metas_));
  stats_.chunks += chunks.size();
  return index_->AddSeries(labels, metas_);
}

Result<BlockMeta> BlockWriter::Finish(BlockMeta meta) {
  THANOS_ASSIGN_OR_RETURN(const ChunkWriterStats chunk_stats, chunks_->Finish());
  THANOS_ASSIGN_OR_RETURN(const IndexWriterStats index_stats, index_->Finish());
  stats_.series = index_stats.series;
  meta.ulid = id_;
  meta.stats = stats_;
  meta.thanos.series_size_max = index_stats.series_size_max;
  meta.thanos.chunk_size_max = chunk_stats.chunk_size_max;
  meta.thanos.segment_files.clear();
  for (uint32_t i = 0; i < chunk_stats.segments; ++i) {
    meta.thanos.segment_files.push_back(SegmentName(i));
  }
  if (options_.write_tombstones) {
    const std::string path = working_directory_ + "/" + std::string(kTombstonesFile);
    THANOS_RETURN_IF_ERROR(ReplaceFile(path, codec::AsBytes(Tombstones().Write())));
  }
  const std::string path = working_directory_ + "/" + std::string(kMetaFile);
  THANOS_RETURN_IF_ERROR(ReplaceFile(path, codec::AsBytes(WriteMeta(meta))));
  if (options_.durable) THANOS_RETURN_IF_ERROR(SyncAll());
  if (std::rename(working_directory_.c_str(), final_directory_.c_str()) != 0) {
    return ErrnoError(errno, "rename " + working_directory_);
  }
  finished_ = true;
  if (options_.durable) {
    const size_t slash = final_directory_.rfind('/');
    THANOS_RETURN_IF_ERROR(SyncDirectory(final_directory_.substr(0, slash)));
  }
  return meta;
}

// What is small was written without: the large files are durable when their sinks have finished.
Status BlockWriter::SyncAll() const {
  for (const std::string_view file : {kTombstonesFile, kMetaFile}) {
    if (file == kTombstonesFile && !options_.write_tombstones) continue;
    THANOS_RETURN_IF_ERROR(SyncFile(working_directory_ + "/" + std::string(file)));
  }
  THANOS_RETURN_IF_ERROR(SyncDirectory(working_directory_ + "/" + std::string(kChunksDirectory)));
  return SyncDirectory(working_directory_);
}

}  // namespace thanos::block
