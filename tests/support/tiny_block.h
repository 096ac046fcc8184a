// A local block of one float series, as Prometheus would leave it.
#pragma once

#include <filesystem>
#include <string>

#include "base/ulid.h"
#include "block/block_writer.h"
#include "chunk/xor.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::testing {

/// `<parent>/<ULID>` with `samples` samples a second apart from `min_ms` on; level as given.
inline base::Ulid WriteTinyBlock(const std::string& parent, int64_t min_ms, int samples,
                                 int64_t level = 1) {
  const base::Ulid id = base::Ulid::Make(1700000000000 + min_ms % 1000000);
  auto writer = block::BlockWriter::Create(parent, id, {});
  EXPECT_THAT(writer, IsOk());
  for (const char* symbol : {"__name__", "m"}) {
    EXPECT_THAT((*writer)->AddSymbol(symbol), IsOk());
  }
  chunk::XorAppender appender;
  for (int i = 0; i < samples; ++i) {
    EXPECT_TRUE(appender.Append(min_ms + i * 1000, i));
  }
  const int64_t max_ms = min_ms + (samples - 1) * 1000;
  const block::NewChunk chunk{min_ms, max_ms, ChunkEncoding::kXor, appender.bytes()};
  if (samples > 0) {
    EXPECT_THAT((*writer)->AddSeries(Labels::Of({{"__name__", "m"}}), {&chunk, 1}), IsOk());
  }
  block::BlockMeta meta;
  meta.min_ms = min_ms;
  meta.max_ms = max_ms + 1;
  meta.compaction.level = level;
  meta.compaction.sources = {id};
  EXPECT_THAT((*writer)->Finish(meta), IsOk());
  return id;
}

}  // namespace thanos::testing
