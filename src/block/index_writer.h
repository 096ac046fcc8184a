// Writing an index of version 2 as a stream, byte for byte as Prometheus does.
// Format: formats/tsdb-block §4, §8.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "block/byte_sink.h"
#include "block/index_format.h"
#include "block/series_entry.h"
#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::block {

struct IndexWriterStats {
  uint64_t series = 0;
  uint64_t bytes = 0;
  int64_t series_size_max = 0;  // As meta.json states it: from adjacent references.
};

/// Bytes that the format has room for; smaller ones are for tests.
struct IndexLimits {
  uint64_t symbols = UINT32_MAX - 4;
  uint64_t postings_table = UINT32_MAX;
  uint64_t index = kSeriesAlignment * UINT32_MAX;
};

/// Symbols first, all of them, ascending; then the series in label order; then Finish. In memory
/// are the symbols' texts, once, and four bytes for each label of each series. One thread. After an
/// error the file is void. kInvalidArgument for what the format does not allow, kResourceExhausted
/// past its size limits.
class IndexWriter {
 public:
  /// `sink` outlives the writer; Finish() finishes it.
  explicit IndexWriter(ByteSink* sink, const IndexLimits& limits = {});
  ~IndexWriter();

  Status AddSymbol(std::string_view symbol);
  /// All label texts must be symbols; chunks ascend by time and reference.
  Status AddSeries(LabelsView labels, std::span<const ChunkMeta> chunks);
  /// The labels as numbers of symbols, in the order they were added.
  Status AddSeries(std::span<const SymbolPair> labels, std::span<const ChunkMeta> chunks);
  Result<IndexWriterStats> Finish();

 private:
  struct State;
  Status Write(std::string_view bytes);
  Status Pad(uint64_t unit);
  Status WriteSymbols();
  Status WriteEntry(std::span<const SymbolPair> labels, std::span<const ChunkMeta> chunks);
  Status WriteList(std::string_view name, std::string_view value,
                   std::span<const uint32_t> references);
  Status WritePostings();
  Status WriteTable();
  std::unique_ptr<State> state_;
};

}  // namespace thanos::block
