#include "cmd/block_viewer.h"

#include "base/time_text.h"
#include "block/block.h"
#include "objstore/byte_sources.h"

namespace thanos::cmd {
namespace {

bucketblocks::FetchOptions WithDuplicates(bucketblocks::FetchOptions options) {
  options.drop_duplicates = false;
  return options;
}

}  // namespace

api::BlocksView ShowBlocks(const bucketblocks::MetaMap& metas, int64_t refreshed_ms,
                           const Status& error) {
  api::BlocksView view;
  for (const auto& [ulid, meta] : metas) view.metas.push_back(block::WriteMeta(*meta));
  view.refreshed_ms = refreshed_ms;
  if (!error.ok()) view.error = error.ToString();
  return view;
}

api::BlockRow MakeRow(const block::BlockMeta& meta, const std::string& group_by) {
  api::BlockRow row;
  row.labels = meta.ExternalLabels().ToString();
  const auto label = meta.thanos.labels.find(group_by);
  row.group = label != meta.thanos.labels.end() ? label->second : row.labels;
  row.ulid = meta.ulid.ToString();
  row.source = meta.thanos.source;
  row.min_ms = meta.min_ms;
  row.max_ms = meta.max_ms;
  row.resolution_ms = meta.thanos.resolution_ms;
  row.level = meta.compaction.level;
  row.series = meta.stats.series;
  row.samples = meta.stats.samples;
  return row;
}

BucketView::BucketView(Bucket* bucket, bucketblocks::FetchOptions options, base::Executor* io,
                       const base::Logger& logger, metrics::Registry* registry)
    : fetcher_(bucket, WithDuplicates(std::move(options)), io, logger, registry) {
  seen_.metas = std::make_shared<const bucketblocks::MetaMap>();
}

Status BucketView::Refresh(const CallContext& context) {
  auto fetched = fetcher_.Fetch(context);
  const Status status = fetched.ok() ? fetched->incomplete : fetched.status();
  std::lock_guard lock(mutex_);
  seen_.error = status;
  if (!status.ok()) return status;
  seen_.metas = std::make_shared<const bucketblocks::MetaMap>(std::move(fetched->metas));
  seen_.refreshed_ms = base::NowMs();
  return OkStatus();
}

BucketView::Seen BucketView::Get() const {
  std::lock_guard lock(mutex_);
  return seen_;
}

api::BlocksView BucketView::Show() const {
  const Seen seen = Get();
  return ShowBlocks(*seen.metas, seen.refreshed_ms, seen.error);
}

std::vector<api::BlockRow> BucketView::Rows(const std::string& group_by) const {
  const Seen seen = Get();
  std::vector<api::BlockRow> rows;
  for (const auto& [ulid, meta] : *seen.metas) rows.push_back(MakeRow(*meta, group_by));
  return rows;
}

std::vector<std::string> BucketView::Remarks() const {
  const Status error = Get().error;
  if (error.ok()) return {};
  return {"The last look at the bucket failed: " + error.ToString()};
}

Result<base::Ulid> BlockToMark(const CallContext& context, Bucket& bucket, const std::string& id) {
  auto ulid = base::Ulid::Parse(id);
  if (!ulid.ok()) {
    return InvalidArgumentError("ULID \"" + id +
                                "\" is not valid: " + std::string(ulid.status().message()));
  }
  const std::string meta = ulid->ToString() + "/" + std::string(block::kMetaFile);
  THANOS_ASSIGN_OR_RETURN(const bool exists, objstore::Exists(context, bucket, meta));
  if (!exists) return NotFoundError("block " + ulid->ToString() + " is not in the bucket");
  return ulid;
}

}  // namespace thanos::cmd
