// Writing a whole block into a directory, so that it exists completely or not at all.
// Protocol: formats/tsdb-block §2, §8.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "block/chunk_segment.h"
#include "block/index_writer.h"
#include "block/meta.h"
#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::block {

/// Works in `<parent>/<ULID>.tmp-for-creation`; Finish() fsyncs and renames it. When it goes away
/// before, what was written is removed. One thread.
class BlockWriter {
 public:
  struct Options {
    uint64_t segment_bytes_max = kSegmentBytesMax;
    bool write_tombstones = true;  // An empty file, as Prometheus makes.
    IndexLimits index_limits;
    bool durable = true;  // Else nothing is fsynced: for copies that can be made again.
  };
  /// kAlreadyExists when the block is there. A left-over of an earlier try is replaced.
  static Result<std::unique_ptr<BlockWriter>> Create(const std::string& parent, base::Ulid id,
                                                     const Options& options);
  ~BlockWriter();

  /// All symbols first, ascending.
  Status AddSymbol(std::string_view symbol) { return index_->AddSymbol(symbol); }
  /// Series in label order. The stats count the samples that the chunks state.
  Status AddSeries(LabelsView labels, std::span<const NewChunk> chunks);

  /// For compaction, which copies runs and speaks in symbols: what goes through these is counted
  /// by the caller.
  ChunkWriter& chunks() { return *chunks_; }
  IndexWriter& index() { return *index_; }
  void CountSamples(ChunkEncoding encoding, uint64_t samples);
  void CountChunks(uint64_t chunks) { stats_.chunks += chunks; }
  /// For downsampling: float and histogram samples and tombstones stay those of the source, as Go
  /// leaves them.
  void KeepKinds(const BlockStats& source) {
    stats_.float_samples = source.float_samples;
    stats_.histogram_samples = source.histogram_samples;
    stats_.tombstones = source.tombstones;
  }

  /// `meta` gives times, compaction and the Thanos section; id, stats, index stats and segment
  /// files are filled in. Returns what was written.
  Result<BlockMeta> Finish(BlockMeta meta);
  const std::string& directory() const { return final_directory_; }

 private:
  BlockWriter() = default;
  Status SyncAll() const;
  std::string working_directory_, final_directory_;
  base::Ulid id_;
  Options options_;
  std::unique_ptr<ByteSink> index_sink_;
  std::unique_ptr<IndexWriter> index_;
  std::unique_ptr<ChunkWriter> chunks_;
  std::vector<ChunkMeta> metas_;
  BlockStats stats_;
  bool finished_ = false;
};

}  // namespace thanos::block
