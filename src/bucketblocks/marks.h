// Marker objects beside a block's meta.json: to be deleted, not to be compacted, not to be
// downsampled. formats/thanos-block §3.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ulid.h"
#include "thanos/bucket.h"
#include "thanos/status.h"

namespace thanos::bucketblocks {

inline constexpr std::string_view kDeletionMarkFile = "deletion-mark.json";
inline constexpr std::string_view kNoCompactMarkFile = "no-compact-mark.json";
inline constexpr std::string_view kNoDownsampleMarkFile = "no-downsample-mark.json";

enum class MarkKind : uint8_t { kDeletion, kNoCompact, kNoDownsample };
inline constexpr std::array kMarkKinds = {MarkKind::kDeletion, MarkKind::kNoCompact,
                                          MarkKind::kNoDownsample};

/// Name of the object inside the block's directory.
std::string_view MarkFile(MarkKind kind);
/// The kind of a file of this name, if it is one.
std::optional<MarkKind> MarkKindOf(std::string_view file);

/// Reasons that programs act on.
inline constexpr std::string_view kManualReason = "manual";
inline constexpr std::string_view kIndexSizeReason = "index-size-exceeding";
inline constexpr std::string_view kOutOfOrderChunksReason = "block-index-out-of-order-chunk";
inline constexpr std::string_view kVerticalDownsampledReason = "downsample-vertical-compaction";

struct Mark {
  MarkKind kind = MarkKind::kDeletion;
  base::Ulid ulid;
  int64_t time_s = 0;   // Unix seconds: when it was marked.
  std::string details;  // For people.
  std::string reason;   // Of all kinds but deletion marks, which have none.
};

/// kDataLoss for text that is no such mark (to be treated as absent), kFailedPrecondition for a
/// version other than 1.
Result<Mark> ParseMark(MarkKind kind, std::string_view json);
/// The object's bytes, as Go writes them.
std::string WriteMark(const Mark& mark);

/// Nothing when there is none; ParseMark's errors, or the bucket's, naming the object.
Result<std::optional<Mark>> ReadMark(const CallContext& context, Bucket& bucket,
                                     const base::Ulid& ulid, MarkKind kind);
/// Uploads a mark unless there is one of its kind, which stays as it is. True: uploaded.
Result<bool> PutMark(const CallContext& context, Bucket& bucket, const Mark& mark);
/// True: there was one, and it is gone.
Result<bool> RemoveMark(const CallContext& context, Bucket& bucket, const base::Ulid& ulid,
                        MarkKind kind);

}  // namespace thanos::bucketblocks
