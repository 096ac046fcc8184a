// Constants of the index file and its table of contents.
// Format: formats/tsdb-block §4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/pinned_bytes.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::block {

inline constexpr uint32_t kIndexMagic = 0xBAAAD700;
inline constexpr uint64_t kIndexHeaderBytes = 5;  // Magic and version.
inline constexpr uint64_t kSeriesAlignment = 16;  // Of version 2 and later.

/// The last 52 bytes of an index: where its sections begin. 0: absent.
struct IndexToc {
  static constexpr uint64_t kSizeBytes = 52;
  uint64_t symbols = 0;
  uint64_t series = 0;
  uint64_t label_indices = 0;
  uint64_t label_indices_table = 0;
  uint64_t postings = 0;
  uint64_t postings_table = 0;

  /// Where the series entries end at the latest.
  uint64_t series_end() const;
};

/// kDataLoss when the checksum is wrong or a section does not lie inside an index of
/// `index_bytes` in the order of the format. `bytes` has kSizeBytes.
Result<IndexToc> ReadIndexToc(std::span<const std::byte> bytes, uint64_t index_bytes);
void WriteIndexToc(const IndexToc& toc, std::string* out);

/// Magic and version (1 to 3) of the first five bytes.
Result<int> ReadIndexVersion(std::span<const std::byte> bytes);

/// What says how an index is to be read.
struct IndexHead {
  int version = 2;
  IndexToc toc;
  /// What references of series are counted in.
  uint64_t reference_unit() const { return version == 1 ? 1 : kSeriesAlignment; }
};
/// Of a whole index file, in two reads.
Result<IndexHead> ReadIndexHead(const CallContext& context, base::RangeReader& file);

/// `be32 length | payload | be32 crc32c`: the payload, checked. `section` may be longer.
Result<std::span<const std::byte>> ReadFramedSection(std::span<const std::byte> section,
                                                     const std::string& what);

}  // namespace thanos::block
