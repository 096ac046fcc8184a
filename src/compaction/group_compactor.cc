#include "compaction/group_compactor.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <numeric>

#include "base/time_text.h"
#include "bucketblocks/transfer.h"
#include "compaction/index_health.h"
#include "objstore/byte_sources.h"

namespace fs = std::filesystem;

namespace thanos::compaction {
namespace {

using bucketblocks::MarkKind;

// A mark is put even while the process stops: its block was replaced already.
constexpr std::chrono::minutes kMarkPatience{5};
// The index filter acts when the sum of index sizes comes so near to its limit.
constexpr double kIndexLimitShare = 0.85;
// A plan that was made smaller since the disk is nearly full leaves so much of what it needs free.
constexpr uint64_t kHeadroomDivisor = 10;

// The copies of the sources, and a result that is no larger.
uint64_t NeededBytes(const MetaList& plan) {
  uint64_t bytes = 0;
  for (const MetaRef& meta : plan) bytes += 2 * DiskBytesOf(*meta);
  return bytes;
}

// What an earlier try of another plan left.
void RemoveOtherCopies(const std::string& directory, const MetaList& plan) {
  std::vector<fs::path> others;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().native();
    const bool wanted = std::any_of(plan.begin(), plan.end(), [&](const MetaRef& meta) {
      return meta->ulid.ToString() == name;
    });
    if (!wanted) others.push_back(it->path());
  }
  for (const fs::path& path : others) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
}

std::string NamesOf(const MetaList& metas) {
  std::string names;
  for (const MetaRef& meta : metas) {
    names += (names.empty() ? "" : ", ") + meta->ulid.ToString();
  }
  return names;
}

// Seconds of work are told to people in the log, by block.
std::string TextOf(std::chrono::steady_clock::time_point since) {
  const auto spent = std::chrono::steady_clock::now() - since;
  return base::FormatGoDuration(
      std::chrono::duration_cast<std::chrono::milliseconds>(spent).count() * 1'000'000);
}

}  // namespace

Status Marker::Put(MarkKind kind, const base::Ulid& ulid, std::string_view reason,
                   std::string details) const {
  const CallContext context = CallContext().WithTimeout(kMarkPatience);
  // A listing may show for a while what is deleted already: no mark is left behind there.
  const std::string meta = ulid.ToString() + "/" + std::string(block::kMetaFile);
  THANOS_ASSIGN_OR_RETURN(const bool exists, objstore::Exists(context, *bucket_, meta));
  if (!exists) return OkStatus();
  const bucketblocks::Mark mark{.kind = kind,
                                .ulid = ulid,
                                .time_s = base::NowMs() / 1000,
                                .details = details,
                                .reason = std::string(reason)};
  THANOS_ASSIGN_OR_RETURN(const bool put, bucketblocks::PutMark(context, *bucket_, mark));
  if (!put) {
    logger_.Warn("block is marked already",
                 {{"block", ulid.ToString()}, {"marker", bucketblocks::MarkFile(kind)}});
    return OkStatus();
  }
  metrics_->CountMarks(kind, reason);
  logger_.Info(
      "block has been marked",
      {{"block", ulid.ToString()}, {"marker", bucketblocks::MarkFile(kind)}, {"details", details}});
  return OkStatus();
}

// What one call of Compact works on.
struct GroupCompactor::Job {
  const Group& group;
  MetaList plan;
  std::string directory;  // Of the group.
  bool overlapping = false;
  std::vector<bool> unsorted_labels;  // By source.
  // Of the phase that runs: whether what fails may succeed the next time.
  bool retriable = false;
  bool rerun = false;
  bool emptied = false;
  bool postponed = false;
  ScratchSpace::Claim claim;

  std::string SourceDirectory(size_t i) const { return directory + "/" + plan[i]->ulid.ToString(); }
};

GroupCompactor::GroupCompactor(GroupOptions options, Bucket* bucket, const Marker* marker,
                               const CompactionMetrics* metrics, base::Logger logger)
    : options_(std::move(options)),
      bucket_(bucket),
      marker_(marker),
      metrics_(metrics),
      logger_(std::move(logger)),
      space_(options_.free_bytes) {}

GroupResult GroupCompactor::Compact(const CallContext& context, const Group& group,
                                    const UlidSet& no_compact) {
  const auto resolution = CompactionMetrics::Resolution(group.resolution_ms);
  metrics_->runs_started.With(resolution).Add();
  GroupResult result;
  Job job{.group = group, .directory = options_.work_dir + "/" + group.key};
  auto plan = Plan(context, group, no_compact);
  job.retriable = true;
  result.status = plan.status();
  if (plan.ok() && !plan->empty()) {
    job.plan = *std::move(plan);
    result.status = Run(context, &job);
    if (!job.postponed) result.plan = job.plan;
  }
  result.rerun = job.rerun;
  result.postponed = job.postponed;
  result.emptied = job.emptied;
  // A full disk does not get emptier by trying again.
  result.retriable = job.retriable && result.status.code() != StatusCode::kResourceExhausted &&
                     result.status.code() != StatusCode::kDataLoss;
  std::error_code ignored;
  // Complete copies serve the next try, unless they may be what is wrong.
  if ((result.status.ok() && !result.postponed) || !result.retriable) {
    fs::remove_all(job.directory, ignored);
  }
  job.claim = {};
  if (result.postponed) return result;
  if (result.status.ok()) {
    metrics_->runs_completed.With(resolution).Add();
  } else if (context.Check().ok()) {
    metrics_->failures.With(resolution).Add();
  }
  return result;
}

Result<MetaList> GroupCompactor::Plan(const CallContext& context, const Group& group,
                                      UlidSet no_compact) {
  while (true) {
    MetaList plan = PlanCompaction(options_.ranges_ms, group.metas, no_compact);
    if (plan.empty()) return plan;
    if (options_.vertical && !FindOverlap(plan).empty() && group.resolution_ms > 0) {
      for (const MetaRef& meta : plan) {
        THANOS_RETURN_IF_ERROR(marker_->Put(MarkKind::kNoCompact, meta->ulid,
                                            bucketblocks::kVerticalDownsampledReason,
                                            "downsampled blocks that overlap cannot be merged"));
        no_compact.insert(meta->ulid);
      }
      continue;
    }
    THANOS_ASSIGN_OR_RETURN(const bool excluded, ExcludeLargest(context, plan, &no_compact));
    if (!excluded) return plan;
  }
}

Result<int64_t> GroupCompactor::IndexBytes(const CallContext& context,
                                           const block::BlockMeta& meta) const {
  for (const block::FileMeta& file : meta.thanos.files) {
    if (file.path == block::kIndexFile && file.size_bytes > 0) return file.size_bytes;
  }
  const std::string name = meta.ulid.ToString() + "/" + std::string(block::kIndexFile);
  auto attributes = bucket_->Attributes(context, name);
  if (!attributes.ok()) return attributes.status().WithContext(name);
  return attributes->size;
}

// True: the index of the result could become too large; the largest source so far is left out.
Result<bool> GroupCompactor::ExcludeLargest(const CallContext& context, const MetaList& plan,
                                            UlidSet* no_compact) {
  if (options_.index_bytes_max == 0 || plan.size() < 2) return false;
  const double limit = kIndexLimitShare * static_cast<double>(options_.index_bytes_max);
  int64_t total = 0, largest_bytes = -1;
  MetaRef largest;
  for (const MetaRef& meta : plan) {
    THANOS_ASSIGN_OR_RETURN(const int64_t bytes, IndexBytes(context, *meta));
    if (bytes > largest_bytes) {
      largest_bytes = bytes;
      largest = meta;
    }
    total += bytes;
    if (static_cast<double>(total) < limit) continue;
    THANOS_RETURN_IF_ERROR(marker_->Put(
        MarkKind::kNoCompact, largest->ulid, bucketblocks::kIndexSizeReason,
        "the indexes of " + NamesOf(plan) + " have more than " + std::to_string(total) +
            " bytes; the result's could pass " + std::to_string(options_.index_bytes_max)));
    no_compact->insert(largest->ulid);
    return true;
  }
  return false;
}

// Makes sure that the disk has room for the plan, if need be by making it smaller.
Status GroupCompactor::FitToDisk(Job* job) {
  std::error_code error;
  fs::create_directories(job->directory, error);
  if (error) return ErrnoError(error.value(), "create " + job->directory);
  RemoveOtherCopies(job->directory, job->plan);
  const uint64_t needed = NeededBytes(job->plan);
  THANOS_ASSIGN_OR_RETURN(auto answer, space_.Ask(job->directory, needed));
  job->claim = std::move(answer.claim);
  if (job->claim.held()) return OkStatus();
  if (!answer.shared) return FitSmaller(needed, answer.room_bytes, job);
  job->postponed = true;
  logger_.Info("compaction waits for the disk space of other groups",
               {{"group", job->group.key}, {"needed_bytes", needed}});
  return OkStatus();
}

Status GroupCompactor::FitSmaller(uint64_t needed_bytes, uint64_t room_bytes, Job* job) {
  for (MetaList& smaller : SmallerPlans(job->plan)) {
    const uint64_t needed = NeededBytes(smaller);
    THANOS_ASSIGN_OR_RETURN(auto answer,
                            space_.Ask(job->directory, needed + needed / kHeadroomDivisor));
    if (!answer.claim.held()) continue;
    job->claim = std::move(answer.claim);
    metrics_->plans_made_smaller.Add();
    logger_.Warn("the disk has no room for the planned compaction, a smaller one is made",
                 {{"group", job->group.key},
                  {"planned", NamesOf(job->plan)},
                  {"needed_bytes", needed_bytes},
                  {"room_bytes", room_bytes},
                  {"blocks", NamesOf(smaller)}});
    job->plan = std::move(smaller);
    RemoveOtherCopies(job->directory, job->plan);
    return OkStatus();
  }
  return ResourceExhaustedError(job->directory + ": merging " + std::to_string(job->plan.size()) +
                                " blocks needs about " + std::to_string(needed_bytes) + " bytes, " +
                                std::to_string(room_bytes) +
                                " are free, and there is no smaller plan worth its work that fits");
}

Status GroupCompactor::Fetch(const CallContext& context, Job* job) {
  return base::ParallelFor(options_.blocks, job->plan.size(), [&](size_t i) {
    return bucketblocks::DownloadBlock(context, *bucket_, job->plan[i]->ulid,
                                       job->SourceDirectory(i), {.files = options_.files});
  });
}

Status GroupCompactor::CheckSources(const CallContext& context, Job* job) {
  for (size_t i = 0; i < job->plan.size(); ++i) {
    const block::BlockMeta& meta = *job->plan[i];
    THANOS_ASSIGN_OR_RETURN(const IndexHealth health,
                            CheckIndexFile(context, job->SourceDirectory(i), meta));
    const std::string where = "block " + meta.ulid.ToString();
    THANOS_RETURN_IF_ERROR(health.CriticalError().WithContext(where));
    const Status labels = health.OutOfOrderLabelsError();
    if (!labels.ok() && !options_.accept_malformed_index) return labels.WithContext(where);
    job->unsorted_labels.push_back(!labels.ok());
    const Status chunks = health.OutOfOrderChunksError();
    if (chunks.ok() || !options_.skip_out_of_order) continue;
    job->retriable = true;
    THANOS_RETURN_IF_ERROR(marker_->Put(MarkKind::kNoCompact, meta.ulid,
                                        bucketblocks::kOutOfOrderChunksReason,
                                        std::string(chunks.message())));
    job->rerun = true;
    return OkStatus();
  }
  return OkStatus();
}

// Without vertical compaction a result that touches other blocks of its group shows that something
// is wrong with the plan or the metas.
Status GroupCompactor::CheckNoOverlap(const Job& job, const block::BlockMeta& result) const {
  if (options_.vertical || job.overlapping) return OkStatus();
  for (const MetaRef& meta : job.group.metas) {
    if (std::find(job.plan.begin(), job.plan.end(), meta) != job.plan.end()) continue;
    if (meta->max_ms <= result.min_ms || meta->min_ms >= result.max_ms) continue;
    return FailedPreconditionError("the result of " + NamesOf(job.plan) + " would overlap block " +
                                   meta->ulid.ToString());
  }
  return OkStatus();
}

Status GroupCompactor::MergeAndUpload(const CallContext& context, Job* job) {
  MergeRequest request;
  for (size_t i = 0; i < job->plan.size(); ++i) {
    request.directories.push_back(job->SourceDirectory(i));
  }
  request.unsorted_labels = job->unsorted_labels;
  request.parent = job->directory;
  request.id = base::Ulid::Make(base::NowMs());
  request.rule = OverlapRule::kChain;
  if (job->overlapping && !options_.vertical) request.rule = OverlapRule::kIdentical;
  if (options_.vertical && options_.penalty) request.rule = OverlapRule::kPenalty;
  request.limits = options_.index_limits;
  auto merged = MergeBlocks(context, request);
  if (merged.status().code() == StatusCode::kOutOfRange && job->plan.size() > 1) {
    return ExcludeAfter(context, merged.status(), job);
  }
  if (!merged.ok()) {
    return merged.status().WithContext(request.rule == OverlapRule::kIdentical
                                           ? "pre compaction overlap check"
                                           : "compact blocks " + NamesOf(job->plan));
  }
  metrics_->chunks_outside.Add(static_cast<double>(merged->counts.chunks_outside));
  metrics_->series_repaired.Add(static_cast<double>(merged->counts.series_repaired));
  if (!merged->meta) {
    if (merged->counts.chunks_outside > 0) {
      return DataLossError("all that is left of " + NamesOf(job->plan) +
                           " lies behind the end of its block");
    }
    job->retriable = true;
    job->emptied = true;
    logger_.Info("compacted blocks hold no sample",
                 {{"group", job->group.key}, {"blocks", NamesOf(job->plan)}});
    return MarkSources(job->plan, "source of compacted block, of which no sample was left");
  }
  block::BlockMeta& meta = *merged->meta;
  const std::string directory = job->directory + "/" + meta.ulid.ToString();
  THANOS_RETURN_IF_ERROR(CheckNoOverlap(*job, meta));
  THANOS_RETURN_IF_ERROR(VerifyBlock(context, directory, meta).WithContext("invalid result block"));
  for (const Label& label : job->group.labels) {
    meta.thanos.labels[std::string(label.name)] = std::string(label.value);
  }
  meta.thanos.resolution_ms = job->group.resolution_ms;
  meta.thanos.source = "compactor";
  meta.thanos.extensions_json = CommonExtensions(job->group.metas);
  job->retriable = true;
  THANOS_RETURN_IF_ERROR(
      bucketblocks::UploadBlock(context, *bucket_, directory, &meta,
                                {.files = options_.files, .hash_files = options_.hash_files}));
  const auto resolution = CompactionMetrics::Resolution(job->group.resolution_ms);
  metrics_->compactions.With(resolution).Add();
  if (job->overlapping) metrics_->vertical.With(resolution).Add();
  logger_.Info("compacted blocks", {{"group", job->group.key},
                                    {"block", meta.ulid.ToString()},
                                    {"blocks", NamesOf(job->plan)},
                                    {"series", meta.stats.series},
                                    {"samples", meta.stats.samples},
                                    {"series_repaired", merged->counts.series_repaired},
                                    {"series_merged", merged->counts.series_merged}});
  return MarkSources(job->plan, "source of compacted block");
}

// The result would not fit the format of an index, which is known only once it is written: the
// source with the largest index is left out from now on.
Status GroupCompactor::ExcludeAfter(const CallContext& context, const Status& too_large, Job* job) {
  job->retriable = true;
  int64_t largest_bytes = -1;
  base::Ulid largest;
  for (const MetaRef& meta : job->plan) {
    THANOS_ASSIGN_OR_RETURN(const int64_t bytes, IndexBytes(context, *meta));
    if (bytes <= largest_bytes) continue;
    largest_bytes = bytes;
    largest = meta->ulid;
  }
  return marker_->Put(MarkKind::kNoCompact, largest, bucketblocks::kIndexSizeReason,
                      "merging " + NamesOf(job->plan) + ": " + std::string(too_large.message()));
}

Status GroupCompactor::MarkSources(const MetaList& sources, const std::string& why) {
  for (const MetaRef& meta : sources) {
    THANOS_RETURN_IF_ERROR(marker_->Put(MarkKind::kDeletion, meta->ulid, "", why));
  }
  return OkStatus();
}

Status GroupCompactor::Run(const CallContext& context, Job* job) {
  const auto start = std::chrono::steady_clock::now();
  job->retriable = false;
  THANOS_RETURN_IF_ERROR(FitToDisk(job));
  if (job->postponed) {
    job->retriable = job->rerun = true;
    return OkStatus();
  }
  job->overlapping = !FindOverlap(job->plan).empty();
  logger_.Info("compaction available and planned", {{"group", job->group.key},
                                                    {"labels", job->group.labels.ToString()},
                                                    {"blocks", NamesOf(job->plan)}});
  job->retriable = true;
  THANOS_RETURN_IF_ERROR(Fetch(context, job));
  job->retriable = false;
  THANOS_RETURN_IF_ERROR(CheckSources(context, job));
  if (job->rerun) return OkStatus();
  THANOS_RETURN_IF_ERROR(MergeAndUpload(context, job));
  job->rerun = true;
  logger_.Debug("group step done", {{"group", job->group.key}, {"duration", TextOf(start)}});
  return OkStatus();
}

}  // namespace thanos::compaction
