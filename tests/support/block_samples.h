// Writing small blocks and reading all samples of blocks, for tests that compare before and after.
#pragma once

#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/ulid.h"
#include "block/block.h"
#include "block/block_writer.h"
#include "block/chunk_stream.h"
#include "block/series_scanner.h"
#include "chunk/decode.h"
#include "chunk/xor.h"
#include "codec/byte_reader.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::testing {

/// Time and bits of the value, by series as text. A sample that is there twice counts twice.
using SampleSet = std::map<std::string, std::multiset<std::pair<int64_t, uint64_t>>>;

/// Adds the float samples of the block in `directory`, checksums verified.
inline Status AddSamples(const std::string& directory, SampleSet* out) {
  const CallContext context;
  THANOS_ASSIGN_OR_RETURN(const auto block, block::Block::OpenDirectory(context, directory));
  block::ChunkStream chunks(*block);
  block::SeriesScanner scanner(&block->index(), block->toc(), block->reference_unit());
  for (block::SeriesEntry entry;;) {
    THANOS_ASSIGN_OR_RETURN(const bool more, scanner.Next(context, &entry));
    if (!more) return OkStatus();
    std::string labels;
    THANOS_RETURN_IF_ERROR(block::AppendLabels(entry.labels, block->symbols(), &labels));
    for (const block::ChunkMeta& meta : entry.chunks) {
      THANOS_ASSIGN_OR_RETURN(const auto frame, chunks.Read(context, meta.ref));
      chunk::Columns columns;
      THANOS_RETURN_IF_ERROR(chunk::DecodeChunk(frame.chunk.encoding, frame.chunk.data, &columns));
      auto& samples = (*out)[LabelsView(labels).ToString()];
      for (size_t i = 0; i < columns.t.size(); ++i) {
        samples.emplace(columns.t[i], std::bit_cast<uint64_t>(columns.v[i]));
      }
    }
  }
}

struct BlockToWrite {
  int64_t min_ms = 0, max_ms = 0, step_ms = 60'000;
  int series = 2;
  std::map<std::string, std::string> labels;
  int64_t level = 1;
  double offset = 0;  // Added to each value.
};

/// `<parent>/<ULID>` of series m{i="0"} and so on, values that follow from series and time.
inline base::Ulid WriteBlock(const std::string& parent, const BlockToWrite& what) {
  const base::Ulid id = base::Ulid::Make(what.max_ms);
  auto writer = block::BlockWriter::Create(parent, id, {.durable = false});
  EXPECT_THAT(writer, IsOk());
  std::set<std::string> symbols = {"__name__", "m", "i"};
  for (int i = 0; i < what.series; ++i) symbols.insert(std::to_string(i));
  for (const std::string& symbol : symbols) EXPECT_THAT((*writer)->AddSymbol(symbol), IsOk());
  for (int i = 0; i < what.series; ++i) {
    std::vector<std::string> data;
    std::vector<block::NewChunk> chunks;
    int64_t t = what.min_ms;
    while (t < what.max_ms) {
      chunk::XorAppender appender;
      const int64_t begin = t;
      for (int n = 0; n < 120 && t < what.max_ms; ++n, t += what.step_ms) {
        EXPECT_TRUE(appender.Append(t, what.offset + i * 1000 + static_cast<double>(t % 977)));
      }
      data.emplace_back(codec::AsText(appender.bytes()));
      chunks.push_back({begin, t - what.step_ms, ChunkEncoding::kXor, {}});
    }
    for (size_t c = 0; c < chunks.size(); ++c) chunks[c].data = codec::AsBytes(data[c]);
    EXPECT_THAT(
        (*writer)->AddSeries(Labels::Of({{"__name__", "m"}, {"i", std::to_string(i)}}), chunks),
        IsOk());
  }
  block::BlockMeta meta;
  meta.min_ms = what.min_ms;
  meta.max_ms = what.max_ms;
  meta.compaction.level = what.level;
  meta.compaction.sources = {id};
  meta.thanos.labels = what.labels;
  meta.thanos.source = "test";
  EXPECT_THAT((*writer)->Finish(meta), IsOk());
  return id;
}

/// The objects of the block `<parent>/<ULID>` as a shipper makes them: by name, without tombstones.
inline std::map<std::string, std::string> BlockObjects(const std::string& parent,
                                                       const base::Ulid& id) {
  namespace fs = std::filesystem;
  std::map<std::string, std::string> objects;
  for (const auto& entry : fs::recursive_directory_iterator(parent + "/" + id.ToString())) {
    if (!entry.is_regular_file() || entry.path().filename() == block::kTombstonesFile) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    objects[fs::relative(entry.path(), parent).native()] = {std::istreambuf_iterator<char>(file),
                                                            {}};
  }
  return objects;
}

}  // namespace thanos::testing
