// Marker objects beside a block's meta.json. formats/thanos-block §3.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ulid.h"
#include "thanos/status.h"

namespace thanos::bucketblocks {

inline constexpr std::string_view kDeletionMarkFile = "deletion-mark.json";
inline constexpr std::string_view kNoCompactMarkFile = "no-compact-mark.json";
inline constexpr std::string_view kNoDownsampleMarkFile = "no-downsample-mark.json";

struct DeletionMark {
  base::Ulid ulid;
  int64_t deletion_time_s = 0;  // Unix seconds.
  std::string details;
};

/// kDataLoss for text that is no such mark (to be treated as absent), kFailedPrecondition for a
/// version other than 1.
Result<DeletionMark> ParseDeletionMark(std::string_view json);

}  // namespace thanos::bucketblocks
