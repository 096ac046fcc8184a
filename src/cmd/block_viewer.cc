#include "cmd/block_viewer.h"

#include "base/time_text.h"
#include "block/block.h"
#include "objstore/byte_sources.h"

namespace thanos::cmd {
namespace {

using bucketblocks::FetchResult;
using bucketblocks::Mark;
using bucketblocks::MarkKind;

bucketblocks::FetchOptions ToShow(bucketblocks::FetchOptions options) {
  options.drop_duplicates = false;
  options.with_marks = true;
  return options;
}

std::string_view NameOf(MarkKind kind) {
  switch (kind) {
    case MarkKind::kDeletion:
      return "deletion";
    case MarkKind::kNoCompact:
      return "no-compact";
    case MarkKind::kNoDownsample:
      return "no-downsample";
  }
  return "";
}

api::BlockMark ShowMark(const base::Ulid& ulid, const Mark& mark) {
  return {ulid.ToString(), std::string(NameOf(mark.kind)), mark.reason, mark.details, mark.time_s};
}

}  // namespace

api::BlocksView ShowBlocks(const FetchResult& seen, const std::vector<Mark>& since,
                           int64_t refreshed_ms, const Status& error) {
  api::BlocksView view;
  for (const auto& [ulid, meta] : seen.metas) view.metas.push_back(block::WriteMeta(*meta));
  for (const base::Ulid& ulid : seen.partial) {
    view.troubled.push_back({ulid.ToString(), "partial", "no meta.json that can be read"});
  }
  for (const auto* marks :
       {&seen.deletion_marks, &seen.no_compact_marks, &seen.no_downsample_marks}) {
    for (const auto& [ulid, mark] : *marks) view.marks.push_back(ShowMark(ulid, mark));
  }
  for (const Mark& mark : since) {
    const auto& known =
        mark.kind == MarkKind::kDeletion ? seen.deletion_marks : seen.no_compact_marks;
    if (!known.contains(mark.ulid)) view.marks.push_back(ShowMark(mark.ulid, mark));
  }
  view.refreshed_ms = refreshed_ms;
  if (!error.ok()) view.error = error.ToString();
  return view;
}

BucketView::BucketView(Bucket* bucket, bucketblocks::FetchOptions options, base::Executor* io,
                       const base::Logger& logger, metrics::Registry* registry)
    : fetcher_(bucket, ToShow(std::move(options)), io, logger, registry),
      seen_(std::make_shared<const FetchResult>()) {}

Status BucketView::Refresh(const CallContext& context) {
  const size_t marks_before = fresh_marks().size();
  auto fetched = fetcher_.Fetch(context);
  const Status status = fetched.ok() ? fetched->incomplete : fetched.status();
  std::lock_guard lock(mutex_);
  error_ = status;
  if (!status.ok()) return status;
  seen_ = std::make_shared<const FetchResult>(std::move(*fetched));
  // What was put while the bucket was read may not have been seen.
  fresh_marks_.erase(fresh_marks_.begin(),
                     fresh_marks_.begin() + static_cast<ptrdiff_t>(marks_before));
  refreshed_ms_ = base::NowMs();
  return OkStatus();
}

api::BlocksView BucketView::Show() const {
  std::unique_lock lock(mutex_);
  const auto seen = seen_;
  const std::vector<Mark> since = fresh_marks_;
  const int64_t refreshed_ms = refreshed_ms_;
  const Status error = error_;
  lock.unlock();
  return ShowBlocks(*seen, since, refreshed_ms, error);
}

void BucketView::AddMark(Mark mark) {
  std::lock_guard lock(mutex_);
  for (const Mark& known : fresh_marks_) {
    if (known.ulid == mark.ulid && known.kind == mark.kind) return;
  }
  fresh_marks_.push_back(std::move(mark));
}

std::vector<Mark> BucketView::fresh_marks() const {
  std::lock_guard lock(mutex_);
  return fresh_marks_;
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

Mark MarkFor(const api::BlockMarkRequest& request, const base::Ulid& ulid) {
  Mark mark;
  mark.kind = request.deletion ? MarkKind::kDeletion : MarkKind::kNoCompact;
  mark.ulid = ulid;
  mark.time_s = base::NowMs() / 1000;
  mark.details = request.detail;
  if (!request.deletion) mark.reason = bucketblocks::kManualReason;
  return mark;
}

}  // namespace thanos::cmd
