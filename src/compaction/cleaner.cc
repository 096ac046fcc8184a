#include "compaction/cleaner.h"

#include <algorithm>
#include <mutex>

#include "base/time_text.h"
#include "block/meta.h"
#include "objstore/byte_sources.h"

namespace thanos::compaction {

Status Cleaner::DeleteMarked(const CallContext& context, const bucketblocks::FetchResult& view,
                             std::vector<base::Ulid>* deleted) const {
  std::vector<base::Ulid> due;
  const int64_t now_ms = base::NowMs();
  for (const auto& [ulid, mark] : view.deletion_marks) {
    if (now_ms - mark.time_s * 1000 > delete_delay_ms_) due.push_back(ulid);
  }
  std::mutex mutex;
  Status first;
  const Status run = base::ParallelFor(io_, due.size(), [&](size_t i) -> Status {
    const Status status = bucketblocks::DeleteBlock(context, *bucket_, due[i]);
    std::lock_guard lock(mutex);
    if (status.ok()) {
      metrics_->cleaned.Add();
      deleted->push_back(due[i]);
      logger_.Info("deleted block marked for deletion", {{"block", due[i].ToString()}});
      return OkStatus();
    }
    metrics_->cleanup_failures.Add();
    if (first.ok()) first = status.WithContext("delete block " + due[i].ToString());
    return context.Check();
  });
  return first.ok() ? run : first;
}

// The newest object counts: an upload that is still written to is alive whatever its id says.
Result<bool> Cleaner::IsGivenUp(const CallContext& context, const base::Ulid& ulid) const {
  const std::string directory = ulid.ToString() + "/";
  bool has_meta = false;
  int64_t newest_ms = 0;
  std::vector<std::string> unknown;
  const ListOptions options{.prefix = directory, .recursive = true};
  THANOS_RETURN_IF_ERROR(bucket_->Iterate(context, options, [&](const ListedObject& object) {
    has_meta |= object.name == directory + std::string(block::kMetaFile);
    if (object.has_attributes) {
      newest_ms = std::max(newest_ms, object.attributes.modified_ms);
    } else {
      unknown.emplace_back(object.name);
    }
    return OkStatus();
  }));
  for (const std::string& name : unknown) {
    auto attributes = bucket_->Attributes(context, name);
    if (attributes.ok()) newest_ms = std::max(newest_ms, attributes->modified_ms);
    if (!attributes.ok() && attributes.status().code() != StatusCode::kNotFound) {
      return attributes.status().WithContext(name);
    }
  }
  if (newest_ms == 0) newest_ms = ulid.time_ms();
  if (base::NowMs() - newest_ms <= kPartialUploadAgeMs) return false;
  if (!has_meta) return true;
  // It was completed since the view was made, or its meta.json is what cannot be read.
  const std::string name = directory + std::string(block::kMetaFile);
  auto text = objstore::ReadObject(context, *bucket_, name, 64 << 20);
  if (!text.ok()) return text.status();
  return block::ParseMeta(*text).status().code() == StatusCode::kDataLoss;
}

Status Cleaner::DeletePartial(const CallContext& context,
                              const bucketblocks::FetchResult& view) const {
  Status first;
  for (const base::Ulid& ulid : view.partial) {
    THANOS_RETURN_IF_ERROR(context.Check());
    if (view.deletion_marks.contains(ulid)) continue;
    auto given_up = IsGivenUp(context, ulid);
    Status status = given_up.status();
    if (given_up.ok() && *given_up) {
      metrics_->partial_deletions.Add();
      logger_.Info("found partially uploaded block; deleting", {{"block", ulid.ToString()}});
      status = bucketblocks::DeleteBlock(context, *bucket_, ulid);
      if (status.ok()) metrics_->cleaned.Add();
    }
    if (status.ok()) continue;
    metrics_->cleanup_failures.Add();
    logger_.Warn("deleting an aborted upload failed",
                 {{"block", ulid.ToString()}, {"err", status}});
    if (first.ok()) first = status.WithContext("partial upload " + ulid.ToString());
  }
  return first;
}

}  // namespace thanos::compaction
