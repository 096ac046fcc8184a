// meta.json of a block: what it holds, where it came from. The file that makes a block exist.
// Format: formats/tsdb-block §3, formats/thanos-block §2.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ulid.h"
#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::block {

inline constexpr std::string_view kMetaFile = "meta.json";
inline constexpr std::string_view kIndexFile = "index";
inline constexpr std::string_view kChunksDirectory = "chunks";
inline constexpr std::string_view kTombstonesFile = "tombstones";

struct BlockStats {
  uint64_t samples = 0;
  uint64_t float_samples = 0;
  uint64_t histogram_samples = 0;
  uint64_t series = 0;
  uint64_t chunks = 0;
  uint64_t tombstones = 0;  // Intervals.
};

/// An input of a compaction.
struct BlockParent {
  base::Ulid ulid;
  int64_t min_ms = 0, max_ms = 0;
};

struct CompactionMeta {
  int64_t level = 0;
  std::vector<base::Ulid> sources;
  bool deletable = false;
  std::vector<BlockParent> parents;
  bool failed = false;
  std::vector<std::string> hints;
};

struct FileMeta {
  std::string path;        // Relative to the block: "chunks/000001".
  int64_t size_bytes = 0;  // 0: not stated.
  bool has_hash = false;
  std::string hash_function;  // "SHA256".
  std::string hash_value;
};

/// The section that Thanos adds.
struct ThanosMeta {
  int64_t version = 0;                        // 0 or 1.
  std::map<std::string, std::string> labels;  // External labels.
  int64_t resolution_ms = 0;                  // 0 raw, 300000, 3600000.
  std::string source;                         // "sidecar", "compactor", ...
  std::vector<std::string> segment_files;     // Names in chunks/, in order of segment index.
  std::vector<FileMeta> files;
  std::string rewrites_json;    // A JSON array as read, "" when none.
  int64_t series_size_max = 0;  // Bytes; approximations from below, 0 unknown.
  int64_t chunk_size_max = 0;
  std::string extensions_json;                       // Any JSON as read, "" when none.
  std::string upload_time = "0001-01-01T00:00:00Z";  // RFC 3339.
};

struct BlockMeta {
  base::Ulid ulid;
  int64_t min_ms = 0;
  int64_t max_ms = 0;  // Exclusive: [min_ms, max_ms).
  BlockStats stats;
  CompactionMeta compaction;
  ThanosMeta thanos;

  Labels ExternalLabels() const;
  /// "<resolution>@<hash of the external labels>": blocks that may be compacted together.
  std::string GroupKey() const;
};

/// Reads a meta.json of Prometheus or Thanos as Go would: unknown fields are ignored, wrong types
/// refused (kDataLoss names the field), and versions other than 1 (kFailedPrecondition).
Result<BlockMeta> ParseMeta(std::string_view json);

/// The file as Thanos writes it: with its section, tab indent, HTML escapes, final newline.
std::string WriteMeta(const BlockMeta& meta);

}  // namespace thanos::block
