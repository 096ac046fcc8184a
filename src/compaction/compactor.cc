#include "compaction/compactor.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <set>

#include "base/time_text.h"
#include "compaction/progress.h"

namespace fs = std::filesystem;

namespace thanos::compaction {
namespace {

using bucketblocks::MarkKind;

// Two, so that a new block of 5 minutes may give one of 1 hour at once, and one for what expires.
constexpr int kDownsamplePasses = 3;

UlidSet KeysOf(const std::map<base::Ulid, bucketblocks::Mark>& marks) {
  UlidSet keys;
  for (const auto& [ulid, mark] : marks) keys.insert(ulid);
  return keys;
}

}  // namespace

// What the groups of one pass tell. Thread-safe.
struct Compactor::Pass {
  UlidSet no_compact;
  std::optional<DownsampleOutlook> outlook;  // Absent: nothing is downsampled at once.
  std::set<std::vector<base::Ulid>>* done_plans = nullptr;  // Of the iteration; guarded by mutex.
  std::mutex mutex;
  bool rerun = false;                                     // Guarded by mutex.
  std::vector<std::pair<std::string, Status>> retriable;  // Guarded by mutex.
  std::vector<std::pair<std::string, Status>> halting;    // Guarded by mutex.
};

Compactor::Compactor(CompactorOptions options, Bucket* bucket, bucketblocks::MetaFetcher* fetcher,
                     base::Executor* io, base::Logger logger, metrics::Registry* registry)
    : options_(std::move(options)),
      bucket_(bucket),
      fetcher_(fetcher),
      logger_(std::move(logger)),
      metrics_(registry),
      marker_(bucket, logger_, &metrics_),
      cleaner_(bucket, options_.delete_delay_ms, io, logger_, &metrics_),
      groups_(base::MakeHelpers("groups", options_.group_concurrency)),
      blocks_(base::MakeHelpers("blocks", options_.fetch_concurrency)),
      files_(base::MakeHelpers("files", options_.file_concurrency)),
      merge_(base::MakeHelpers("merge", options_.merge_concurrency)) {
  GroupOptions group = options_.group;
  group.blocks = blocks_.get();
  group.files = files_.get();
  group.merge = merge_.get();
  group_compactor_ = std::make_unique<GroupCompactor>(group, bucket_, &marker_, &metrics_, logger_);
  downsampler_ = std::make_unique<BlockDownsampler>(
      DownsamplerOptions{.work_dir = options_.downsample_dir,
                         .concurrency = options_.downsample_concurrency,
                         .accept_malformed_index = group.accept_malformed_index,
                         .hash_files = group.hash_files,
                         .files = files_.get()},
      bucket_, &metrics_, logger_);
  downsampler_->Clean();
}

std::vector<FailedGroup> Compactor::failed_groups() const {
  std::lock_guard lock(mutex_);
  std::vector<FailedGroup> out;
  for (const auto& [key, group] : failed_) out.push_back(group);
  return out;
}

std::shared_ptr<const Compactor::View> Compactor::view() const {
  std::lock_guard lock(mutex_);
  return view_;
}

Status Compactor::sync_error() const {
  std::lock_guard lock(mutex_);
  return sync_error_;
}

Result<Compactor::ViewRef> Compactor::Sync(const CallContext& context) {
  const CallContext limited =
      options_.sync_timeout_ms > 0
          ? context.WithTimeout(std::chrono::milliseconds(options_.sync_timeout_ms))
          : context;
  auto fetched = fetcher_->Fetch(limited);
  Status status = fetched.ok() ? fetched->incomplete : fetched.status();
  std::lock_guard lock(mutex_);
  sync_error_ = status;
  if (!status.ok()) return status.WithContext("sync of block metas");
  view_ = std::make_shared<const View>(View{*std::move(fetched), base::NowMs()});
  return view_;
}

void Compactor::Add(Status status, bool halted, IterationResult* result) const {
  if (status.ok()) return;
  if (result->status.ok() || (halted && !result->halted)) result->status = std::move(status);
  result->halted |= halted;
}

IterationResult Compactor::RunIteration(const CallContext& context) {
  IterationResult result;
  // Metas are synced again only after something changed: a sync asks for every block.
  ViewRef view;
  Status status = CompactAll(context, &view, &result);
  if (status.ok() && options_.downsample) status = DownsampleAll(context, &view, &result);
  if (status.ok()) {
    Add(ApplyRetention(context, *view), false, &result);
    Add(cleaner_.DeletePartial(context, view->blocks), false, &result);
  }
  Add(status, false, &result);
  std::lock_guard lock(mutex_);
  for (const auto& [key, group] : failed_) result.failed_groups += group.halted;
  metrics_.halted.Set(result.failed_groups > 0 || result.halted ? 1 : 0);
  return result;
}

// What is due by the rules; in the last pass what is past its retention and still too short: it
// will not grow any more, and is downsampled as it is.
Result<std::vector<downsampling::DownsampleTask>> Compactor::DownsampleTasks(const View& view,
                                                                             int pass) const {
  if (pass < kDownsamplePasses - 1) {
    return downsampling::DownsamplePlan(view.blocks.metas, KeysOf(view.blocks.no_downsample_marks));
  }
  std::vector<downsampling::DownsampleTask> tasks;
  for (const MetaRef& meta : FindExpiredIn(view).held_back) {
    THANOS_ASSIGN_OR_RETURN(const int64_t next,
                            downsampling::NextResolution(meta->thanos.resolution_ms));
    tasks.push_back({meta->ulid, next});
  }
  return tasks;
}

Status Compactor::DownsampleAll(const CallContext& context, ViewRef* view,
                                IterationResult* result) {
  for (int pass = 0; pass < kDownsamplePasses; ++pass) {
    THANOS_ASSIGN_OR_RETURN(const auto tasks, DownsampleTasks(**view, pass));
    if (tasks.empty()) continue;
    bool retriable = true;
    const Status status = downsampler_->Downsample(context, (*view)->blocks, tasks, &retriable);
    THANOS_RETURN_IF_ERROR(context.Check());
    Add(status, !retriable, result);
    THANOS_ASSIGN_OR_RETURN(*view, Sync(context));
  }
  return OkStatus();
}

Status Compactor::CompactAll(const CallContext& context, ViewRef* view, IterationResult* result) {
  std::set<std::string> failed;
  std::set<std::vector<base::Ulid>> done_plans;
  while (true) {
    THANOS_ASSIGN_OR_RETURN(*view, Sync(context));
    const View& seen = **view;
    std::vector<base::Ulid> deleted;
    Add(cleaner_.DeleteMarked(context, seen.blocks, &deleted), false, result);
    THANOS_RETURN_IF_ERROR(context.Check());
    Add(CollectGarbage(context, seen, UlidSet(deleted.begin(), deleted.end())), false, result);
    std::vector<Group> groups = GroupsToRun(seen);
    std::erase_if(groups, [&](const Group& group) { return failed.contains(group.key); });
    Pass pass;
    pass.no_compact = KeysOf(seen.blocks.no_compact_marks);
    if (options_.downsample && !groups.empty()) {
      pass.outlook.emplace(seen.blocks.metas, options_.group.ranges_ms, pass.no_compact,
                           KeysOf(seen.blocks.no_downsample_marks));
    }
    pass.done_plans = &done_plans;
    const auto run = [&](size_t i) -> Status {
      RunGroup(context, groups[i], &pass);
      return context.Check();
    };
    const Status status = base::ParallelFor(groups_.get(), groups.size(), run);
    for (auto& [key, error] : pass.halting) {
      failed.insert(key);
      Add(error, true, result);
    }
    for (auto& [key, error] : pass.retriable) {
      failed.insert(key);
      Add(error, false, result);
    }
    THANOS_RETURN_IF_ERROR(status);
    if (!pass.rerun) return OkStatus();
  }
}

// Groups of two blocks and more that do not wait for another try.
std::vector<Group> Compactor::GroupsToRun(const View& view) {
  MetaMap metas = view.blocks.metas;
  {
    std::lock_guard lock(mutex_);
    std::erase_if(emptied_, [&](const base::Ulid& ulid) { return metas.erase(ulid) == 0; });
  }
  std::vector<Group> groups = MakeGroups(metas);
  CleanWorkDirectory(groups);
  std::set<std::string> present;
  for (const Group& group : groups) present.insert(group.key);
  const int64_t now_ms = base::NowMs();
  std::lock_guard lock(mutex_);
  std::erase_if(failed_, [&](const auto& entry) { return !present.contains(entry.first); });
  std::erase_if(groups, [&](const Group& group) {
    if (group.metas.size() < 2) {
      failed_.erase(group.key);  // What stood against it is gone.
      return true;
    }
    const auto failed = failed_.find(group.key);
    return failed != failed_.end() && now_ms < failed->second.next_try_ms;
  });
  return groups;
}

// All but copies of blocks that are still to be compacted goes, whoever left it.
void Compactor::CleanWorkDirectory(const std::vector<Group>& groups) const {
  std::set<std::string> keep;
  for (const Group& group : groups) {
    for (const MetaRef& meta : group.metas) keep.insert(group.key + "/" + meta->ulid.ToString());
  }
  std::vector<fs::path> stale;
  std::error_code error;
  for (fs::directory_iterator it(options_.group.work_dir, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (!it->is_directory(ignored)) {
      stale.push_back(it->path());
      continue;
    }
    const std::string key = it->path().filename().native();
    bool any = false;
    for (fs::directory_iterator block(it->path(), ignored); block != end && !ignored;
         block.increment(ignored)) {
      const bool kept = keep.contains(key + "/" + block->path().filename().native());
      any |= kept;
      if (!kept) stale.push_back(block->path());
    }
    if (!any) stale.push_back(it->path());
  }
  for (const fs::path& path : stale) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
}

// Blocks all of whose sources another one has: a result whose sources were not all marked.
Status Compactor::CollectGarbage(const CallContext& context, const View& view,
                                 const UlidSet& deleted) const {
  const auto start = std::chrono::steady_clock::now();
  metrics_.collections.Add();
  Status first;
  for (const base::Ulid& ulid : view.blocks.duplicates) {
    THANOS_RETURN_IF_ERROR(context.Check());
    if (deleted.contains(ulid) || view.blocks.deletion_marks.contains(ulid)) continue;
    const Status status = marker_.Put(MarkKind::kDeletion, ulid, "", "outdated block");
    if (status.ok()) metrics_.collected_blocks.Add();
    if (!status.ok() && first.ok()) first = status;
  }
  if (!first.ok()) metrics_.collection_failures.Add();
  metrics_.collection_seconds.Observe(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return first.WithContext("garbage");
}

void Compactor::RunGroup(const CallContext& context, const Group& group, Pass* pass) {
  GroupResult result = group_compactor_->Compact(
      context, group, pass->no_compact, pass->outlook.has_value() ? &*pass->outlook : nullptr);
  if (!context.Check().ok()) return;
  if (result.status.ok() && !result.plan.empty()) {
    std::vector<base::Ulid> blocks;
    for (const MetaRef& meta : result.plan) blocks.push_back(meta->ulid);
    std::lock_guard lock(pass->mutex);
    // What was replaced is planned no more: else this would never end.
    if (!pass->done_plans->insert(std::move(blocks)).second) {
      result.status = InternalError("blocks that were compacted are planned again");
      result.rerun = false;
    }
  }
  Remember(group, result);
  const Status status = result.status.WithContext("group " + group.key);
  std::lock_guard lock(pass->mutex);
  pass->rerun |= result.rerun;
  if (status.ok()) return;
  (result.retriable ? pass->retriable : pass->halting).emplace_back(group.key, status);
}

void Compactor::Remember(const Group& group, const GroupResult& result) {
  std::lock_guard lock(mutex_);
  if (result.emptied) {
    for (const MetaRef& meta : result.plan) emptied_.insert(meta->ulid);
  }
  if (result.status.ok()) {
    failed_.erase(group.key);
    return;
  }
  FailedGroup& failed = failed_[group.key];
  const int64_t now_ms = base::NowMs();
  if (failed.failures == 0) failed.since_ms = now_ms;
  const int64_t wait_ms =
      std::min(options_.backoff_max_ms, options_.backoff_ms << std::min(failed.failures, 20));
  ++failed.failures;
  failed.next_try_ms = now_ms + wait_ms;
  failed.key = group.key;
  failed.labels = group.labels.ToString();
  failed.resolution_ms = group.resolution_ms;
  failed.reason = result.status.ToString();
  failed.halted = !result.retriable;
  failed.blocks.clear();
  for (const MetaRef& meta : result.plan) failed.blocks.push_back(meta->ulid.ToString());
  logger_.Error("group compaction failed", {{"group", group.key},
                                            {"labels", failed.labels},
                                            {"halted", failed.halted},
                                            {"err", result.status}});
}

ExpiredBlocks Compactor::FindExpiredIn(const View& view) const {
  const bool waits = options_.downsample && !options_.retention_forced;
  return FindExpired(view.blocks.metas, options_.retention, base::NowMs(), waits,
                     KeysOf(view.blocks.no_downsample_marks));
}

Status Compactor::ApplyRetention(const CallContext& context, const View& view) const {
  const ExpiredBlocks found = FindExpiredIn(view);
  metrics_.held_back.With({{"reason", "not-downsampled"}})
      .Set(static_cast<double>(found.held_back.size()));
  for (const MetaRef& meta : found.held_back) {
    logger_.Warn("block is past its retention and kept: it has not been downsampled",
                 {{"block", meta->ulid.ToString()}});
  }
  Status first;
  for (const MetaRef& meta : found.expired) {
    THANOS_RETURN_IF_ERROR(context.Check());
    if (view.blocks.deletion_marks.contains(meta->ulid)) continue;
    const int64_t retention_ms = options_.retention.Of(meta->thanos.resolution_ms);
    const Status status =
        marker_.Put(MarkKind::kDeletion, meta->ulid, "", RetentionReason(retention_ms));
    if (!status.ok() && first.ok()) first = status;
  }
  return first.WithContext("retention");
}

Status Compactor::Clean(const CallContext& context) {
  THANOS_ASSIGN_OR_RETURN(const ViewRef seen, Sync(context));
  std::vector<base::Ulid> deleted;
  Status status = cleaner_.DeleteMarked(context, seen->blocks, &deleted);
  for (const Status& next :
       {ApplyRetention(context, *seen), cleaner_.DeletePartial(context, seen->blocks)}) {
    if (status.ok()) status = next;
  }
  if (status.ok()) metrics_.cleanup_loops.Add();
  return status;
}

Status Compactor::UpdateProgress(const CallContext& context) {
  THANOS_ASSIGN_OR_RETURN(const ViewRef seen, Sync(context));
  ProgressInput input{.metas = &seen->blocks.metas,
                      .no_compact = KeysOf(seen->blocks.no_compact_marks),
                      .no_downsample = KeysOf(seen->blocks.no_downsample_marks),
                      .ranges_ms = options_.group.ranges_ms,
                      .retention = options_.retention,
                      .downsample = options_.downsample};
  THANOS_ASSIGN_OR_RETURN(const Progress progress, EstimateProgress(input, base::NowMs()));
  metrics_.todo_compactions.Set(static_cast<double>(progress.compactions));
  metrics_.todo_compaction_blocks.Set(static_cast<double>(progress.compaction_blocks));
  metrics_.todo_downsample_blocks.Set(static_cast<double>(progress.downsample_blocks));
  metrics_.todo_deletion_blocks.Set(static_cast<double>(progress.deletion_blocks));
  return OkStatus();
}

}  // namespace thanos::compaction
