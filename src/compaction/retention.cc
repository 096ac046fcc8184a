#include "compaction/retention.h"

#include <algorithm>
#include <set>

#include "base/time_text.h"
#include "downsampling/plan.h"

namespace thanos::compaction {
namespace {

using downsampling::kResolution1hMs;
using downsampling::kResolution5mMs;

bool IsPast(const block::BlockMeta& meta, int64_t retention_ms, int64_t now_ms) {
  return retention_ms > 0 && now_ms - retention_ms > meta.max_ms;
}

// Sources of the blocks of a resolution, by external labels.
using Cover = std::map<std::pair<int64_t, std::map<std::string, std::string>>, UlidSet>;

Cover CoverOf(const MetaMap& metas) {
  Cover cover;
  for (const auto& [ulid, meta] : metas) {
    UlidSet& sources = cover[{meta->thanos.resolution_ms, meta->thanos.labels}];
    sources.insert(meta->compaction.sources.begin(), meta->compaction.sources.end());
  }
  return cover;
}

}  // namespace

int64_t Retention::Of(int64_t resolution_ms) const {
  if (resolution_ms == 0) return raw_ms;
  if (resolution_ms == kResolution5mMs) return five_minutes_ms;
  return resolution_ms == kResolution1hMs ? one_hour_ms : 0;
}

ExpiredBlocks FindExpired(const MetaMap& metas, const Retention& retention, int64_t now_ms,
                          bool downsampled, const UlidSet& no_downsample) {
  ExpiredBlocks out;
  const Cover cover = downsampled ? CoverOf(metas) : Cover();
  for (const auto& [ulid, meta] : metas) {
    const int64_t resolution = meta->thanos.resolution_ms;
    if (!IsPast(*meta, retention.Of(resolution), now_ms)) continue;
    // Nothing comes after a resolution that is not known.
    const auto known = downsampling::NextResolution(resolution);
    const int64_t next = known.ok() ? *known : 0;
    const bool wanted = downsampled && next != 0 && !no_downsample.contains(ulid) &&
                        !IsPast(*meta, retention.Of(next), now_ms);
    bool covered = true;
    if (wanted) {
      const auto found = cover.find({next, meta->thanos.labels});
      const auto& sources = meta->compaction.sources;
      covered = found != cover.end() &&
                std::all_of(sources.begin(), sources.end(), [&](const base::Ulid& source) {
                  return found->second.contains(source);
                });
    }
    (covered ? out.expired : out.held_back).push_back(meta);
  }
  return out;
}

std::string RetentionReason(int64_t retention_ms) {
  return "block exceeding retention of " + base::FormatGoDuration(retention_ms * 1'000'000);
}

}  // namespace thanos::compaction
