#include "tools/verify.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <tuple>

#include "base/time_text.h"
#include "block/block.h"
#include "block/index_reader.h"
#include "bucketblocks/marks.h"
#include "bucketblocks/transfer.h"
#include "compaction/block_merge.h"
#include "compaction/index_health.h"
#include "compaction/plan.h"
#include "objstore/byte_sources.h"
#include "tools/block_rewrite.h"

namespace fs = std::filesystem;

namespace thanos::tools {
namespace {

constexpr std::string_view kNames[] = {"index_known_issues", "overlapped_blocks",
                                       "duplicated_compaction"};

// Of the block's bytes, not of the way to them.
bool IsFault(const Status& status) {
  return status.code() == StatusCode::kDataLoss || status.code() == StatusCode::kOutOfRange ||
         status.code() == StatusCode::kNotFound;
}

// Blocks with equal keys were compacted twice.
using CompactionKey = std::tuple<std::string, int64_t, int64_t, int64_t, std::vector<base::Ulid>,
                                 uint64_t, uint64_t, uint64_t>;
CompactionKey KeyOf(const block::BlockMeta& meta) {
  std::vector<base::Ulid> sources = meta.compaction.sources;
  std::sort(sources.begin(), sources.end());
  return {meta.GroupKey(),    meta.min_ms,       meta.max_ms,        meta.compaction.level,
          std::move(sources), meta.stats.series, meta.stats.samples, meta.stats.chunks};
}

Status CopyObject(const CallContext& context, Bucket& from, Bucket& to, const std::string& name) {
  THANOS_ASSIGN_OR_RETURN(const auto content, from.Open(context, name, {}));
  return to.Upload(context, name, *content, {}).WithContext("back up " + name);
}

}  // namespace

Result<Issue> ParseIssue(std::string_view name) {
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<Issue>(i);
  }
  return InvalidArgumentError("no such issue verifier: " + std::string(name));
}

std::string_view IssueName(Issue issue) { return kNames[static_cast<size_t>(issue)]; }
bool IsRepairable(Issue issue) { return issue != Issue::kOverlappedBlocks; }

Verifier::Verifier(VerifyOptions options, Bucket* bucket, Bucket* backup, base::Logger logger,
                   metrics::Registry* registry)
    : options_(std::move(options)),
      bucket_(bucket),
      backup_(backup),
      logger_(std::move(logger)),
      marked_(registry->AddCounter("thanos_verify_blocks_marked_for_deletion_total",
                                   "Total number of blocks marked for deletion by verify.")) {}

Status Verifier::Run(const CallContext& context, Issue issue, const bucketblocks::MetaMap& metas,
                     VerifyReport* report) {
  switch (issue) {
    case Issue::kIndexKnownIssues:
      return VerifyIndexes(context, metas, report);
    case Issue::kOverlappedBlocks:
      return VerifyOverlaps(context, metas, report);
    case Issue::kDuplicatedCompaction:
      return VerifyDuplicates(context, metas, report);
  }
  return OkStatus();
}

// *fault says what is wrong with the index; the status is of what kept it from being looked at.
Status Verifier::CheckOneIndex(const CallContext& context, const block::BlockMeta& meta,
                               Status* fault) {
  const bucketblocks::WorkDirectory work(options_.work_dir + "/index-" + meta.ulid.ToString());
  THANOS_RETURN_IF_ERROR(work.Make());
  const std::string path = work.path() + "/" + std::string(block::kIndexFile);
  const auto check = [&]() -> Status {
    THANOS_RETURN_IF_ERROR(objstore::DownloadToFile(
        context, *bucket_, meta.ulid.ToString() + "/" + std::string(block::kIndexFile), path));
    THANOS_ASSIGN_OR_RETURN(const auto health,
                            compaction::CheckIndexFile(context, work.path(), meta));
    const Status found = health.AnyError();
    return found.ok() ? found : DataLossError(std::string(found.message()));
  };
  const Status status = check();
  if (!status.ok() && !IsFault(status)) return status;
  *fault = status;
  return OkStatus();
}

Status Verifier::VerifyIndexes(const CallContext& context, const bucketblocks::MetaMap& metas,
                               VerifyReport* report) {
  for (const auto& [ulid, meta] : metas) {
    THANOS_RETURN_IF_ERROR(context.Check());
    Status fault;
    const Status looked = CheckOneIndex(context, *meta, &fault);
    if (!looked.ok()) return looked.WithContext("block " + ulid.ToString());
    if (fault.ok()) continue;
    ++report->found;
    const base::Logger log =
        logger_.With({{"verifier", IssueName(Issue::kIndexKnownIssues)}, {"id", ulid.ToString()}});
    log.Warn("detected issue", {{"err", fault}});
    if (!options_.repair) continue;
    const Status repaired = RepairBlock(context, *meta);
    THANOS_RETURN_IF_ERROR(context.Check());
    if (repaired.ok()) {
      ++report->repaired;
    } else {
      log.Error("repairing failed; the block is left as it is", {{"err", repaired}});
    }
  }
  return OkStatus();
}

Status Verifier::RepairBlock(const CallContext& context, const block::BlockMeta& old) {
  if (old.thanos.resolution_ms != 0) {
    return FailedPreconditionError("cannot repair a downsampled block");
  }
  const bucketblocks::WorkDirectory work(options_.work_dir + "/repair-" + old.ulid.ToString());
  const std::string directory = work.path() + "/" + old.ulid.ToString();
  THANOS_RETURN_IF_ERROR(bucketblocks::DownloadBlock(context, *bucket_, old.ulid, directory, {}));
  THANOS_ASSIGN_OR_RETURN(const auto source, block::Block::OpenDirectory(context, directory));
  const base::Ulid id = base::Ulid::Make(base::NowMs());
  block::BlockMeta meta = source->meta();
  meta.thanos.source = "bucket.repair";
  meta.thanos.files.clear();
  RewriteCounts counts;
  THANOS_ASSIGN_OR_RETURN(
      meta, RewriteBlock(
                context, *source,
                [](LabelsView labels) { return SeriesChange{false, Labels(labels), {}}; },
                {.drop_outside = true}, work.path(), id, std::move(meta), &counts));
  const std::string path = work.path() + "/" + id.ToString();
  THANOS_RETURN_IF_ERROR(
      compaction::VerifyBlock(context, path, meta).WithContext("repaired block is not valid"));
  THANOS_RETURN_IF_ERROR(bucketblocks::UploadBlock(context, *bucket_, path, &meta, {}));
  logger_.Info("uploaded repaired block", {{"id", old.ulid.ToString()},
                                           {"new", id.ToString()},
                                           {"chunks_dropped", counts.chunks_dropped}});
  return BackUpAndDelete(context, old.ulid);
}

Status Verifier::VerifyOverlaps(const CallContext& context, const bucketblocks::MetaMap& metas,
                                VerifyReport* report) {
  for (const compaction::Group& group : compaction::MakeGroups(metas)) {
    THANOS_RETURN_IF_ERROR(context.Check());
    // The block that reaches furthest of those before.
    bucketblocks::MetaRef furthest;
    for (const bucketblocks::MetaRef& meta : group.metas) {
      if (furthest && meta->min_ms < furthest->max_ms) {
        ++report->found;
        logger_.Warn("found overlapped blocks",
                     {{"verifier", IssueName(Issue::kOverlappedBlocks)},
                      {"group", group.key},
                      {"id", furthest->ulid.ToString()},
                      {"overlaps", meta->ulid.ToString()},
                      {"from", base::FormatRfc3339Ms(meta->min_ms)},
                      {"until", base::FormatRfc3339Ms(std::min(meta->max_ms, furthest->max_ms))}});
      }
      if (!furthest || meta->max_ms > furthest->max_ms) furthest = meta;
    }
  }
  return OkStatus();
}

Status Verifier::VerifyDuplicates(const CallContext& context, const bucketblocks::MetaMap& metas,
                                  VerifyReport* report) {
  std::map<CompactionKey, base::Ulid> first;
  for (const auto& [ulid, meta] : metas) {
    THANOS_RETURN_IF_ERROR(context.Check());
    const auto [kept, is_first] = first.emplace(KeyOf(*meta), ulid);
    if (is_first) continue;
    ++report->found;
    logger_.Warn("found duplicated blocks", {{"verifier", IssueName(Issue::kDuplicatedCompaction)},
                                             {"id", ulid.ToString()},
                                             {"same_as", kept->second.ToString()}});
    if (!options_.repair) continue;
    THANOS_RETURN_IF_ERROR(BackUpAndDelete(context, ulid));
    ++report->repaired;
  }
  return OkStatus();
}

// Nothing is deleted before all of it lies in the backup bucket.
Status Verifier::BackUpAndDelete(const CallContext& context, const base::Ulid& ulid) {
  const std::string directory = ulid.ToString() + "/";
  const std::string meta = directory + std::string(block::kMetaFile);
  bool exists = false;
  THANOS_RETURN_IF_ERROR(backup_->Iterate(context, {.prefix = directory}, [&](const auto&) {
    exists = true;
    return OkStatus();
  }));
  if (exists) {
    return AlreadyExistsError("block " + ulid.ToString() + " is in the backup bucket already");
  }
  std::vector<std::string> names;
  THANOS_RETURN_IF_ERROR(bucket_->Iterate(context, {.prefix = directory, .recursive = true},
                                          [&](const ListedObject& object) {
                                            if (object.name != meta) {
                                              names.emplace_back(object.name);
                                            }
                                            return OkStatus();
                                          }));
  names.push_back(meta);
  for (const std::string& name : names) {
    THANOS_RETURN_IF_ERROR(CopyObject(context, *bucket_, *backup_, name));
  }
  if (options_.delete_delay_ms == 0) return bucketblocks::DeleteBlock(context, *bucket_, ulid);
  const auto marked = bucketblocks::PutMark(
      context, *bucket_,
      {bucketblocks::MarkKind::kDeletion, ulid, base::NowMs() / 1000, "manual verify-repair", ""});
  if (marked.ok() && *marked) marked_.Add();
  return marked.status();
}

}  // namespace thanos::tools
