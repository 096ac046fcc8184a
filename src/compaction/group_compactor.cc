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
// Of a read of chunks that stay in the bucket: each costs a request, and each source holds up to
// two.
constexpr uint64_t kRemotePieceBytes = 2 << 20;

// Errors that a read of the bucket may give, and a merge of local files does not.
bool MayBeTheBucket(StatusCode code) {
  return code == StatusCode::kUnavailable || code == StatusCode::kDeadlineExceeded ||
         code == StatusCode::kNotFound || code == StatusCode::kAborted;
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
  bool copied = true;               // Sources are local as a whole; else their indexes only.
  std::vector<ChunkSource> chunks;  // Of the sources, where they are not.
  std::vector<int64_t> coarser;     // Resolutions that are made of the result at once.

  std::string DirectoryOf(const block::BlockMeta& meta) const {
    return directory + "/" + meta.ulid.ToString();
  }
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
                                    const UlidSet& no_compact, const DownsampleOutlook* outlook) {
  const auto resolution = CompactionMetrics::Resolution(group.resolution_ms);
  metrics_->runs_started.With(resolution).Add();
  GroupResult result;
  Job job{.group = group, .directory = options_.work_dir + "/" + group.key};
  auto plan = Plan(context, group, no_compact);
  job.retriable = true;
  result.status = plan.status();
  if (plan.ok() && !plan->empty()) {
    job.plan = *std::move(plan);
    result.status = Run(context, outlook, &job);
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

void GroupCompactor::PlanCoarser(const DownsampleOutlook* outlook, Job* job) const {
  job->coarser.clear();
  if (outlook == nullptr) return;
  std::vector<const block::BlockMeta*> sources;
  for (const MetaRef& meta : job->plan) sources.push_back(meta.get());
  block::BlockMeta made = ResultMeta(sources, base::Ulid::Make(base::NowMs()));
  made.thanos.labels = job->plan.front()->thanos.labels;
  made.thanos.resolution_ms = job->group.resolution_ms;
  job->coarser = outlook->ResolutionsOf(made, job->plan);
}

// How a plan is carried out.
struct GroupCompactor::Way {
  bool copied = true;  // Sources are copied as a whole, else their chunks stay in the bucket.
  bool downsampled = false;

  // The sources; a result that is no larger; as much again for all that is downsampled of it: five
  // values for each window of a handful of samples, and half of that.
  uint64_t NeededBytes(const MetaList& plan) const {
    uint64_t whole = 0, local = 0;
    for (const MetaRef& meta : plan) {
      whole += DiskBytesOf(*meta);
      local += copied ? DiskBytesOf(*meta) : DiskBytesWithoutChunks(*meta);
    }
    return local + (downsampled ? 2 : 1) * whole;
  }
};

// The best first. Copies serve another try, and many reads of a bucket wait; but a bucket that is
// on this machine is a disk that may be the full one.
std::vector<GroupCompactor::Way> GroupCompactor::WaysOf(const Job& job) const {
  std::vector<Way> ways;
  for (const bool downsampled : {true, false}) {
    if (downsampled && job.coarser.empty()) continue;
    ways.push_back({true, downsampled});
    if (!bucket_->capabilities().local) ways.push_back({false, downsampled});
  }
  return ways;
}

// Takes the way when the disk has room for it.
Result<ScratchSpace::Answer> GroupCompactor::Ask(const MetaList& plan, const Way& way,
                                                 uint64_t headroom, Job* job) {
  THANOS_ASSIGN_OR_RETURN(auto answer,
                          space_.Ask(job->directory, way.NeededBytes(plan) + headroom));
  if (!answer.claim.held()) return answer;
  job->claim = std::move(answer.claim);
  job->copied = way.copied;
  if (!way.downsampled) job->coarser.clear();
  if (!way.copied) {
    logger_.Info("chunks are read from the bucket while they are merged: copies have no room",
                 {{"group", job->group.key}, {"blocks", NamesOf(plan)}});
  }
  return answer;
}

// Makes sure that the disk has room for the plan, if need be by making it smaller.
Status GroupCompactor::FitToDisk(const DownsampleOutlook* outlook, Job* job) {
  std::error_code error;
  fs::create_directories(job->directory, error);
  if (error) return ErrnoError(error.value(), "create " + job->directory);
  RemoveOtherCopies(job->directory, job->plan);
  PlanCoarser(outlook, job);
  uint64_t needed = 0, room = 0;
  for (const Way& way : WaysOf(*job)) {
    THANOS_ASSIGN_OR_RETURN(const auto answer, Ask(job->plan, way, 0, job));
    if (job->claim.held()) return OkStatus();
    needed = way.NeededBytes(job->plan);
    room = answer.room_bytes;
    if (!answer.shared) continue;
    job->postponed = true;
    logger_.Info("compaction waits for the disk space of other groups",
                 {{"group", job->group.key}, {"needed_bytes", needed}});
    return OkStatus();
  }
  job->coarser.clear();
  return FitSmaller(needed, room, job);
}

Status GroupCompactor::FitSmaller(uint64_t needed_bytes, uint64_t room_bytes, Job* job) {
  for (MetaList& smaller : SmallerPlans(job->plan)) {
    for (const Way& way : WaysOf(*job)) {
      const uint64_t headroom = way.NeededBytes(smaller) / kHeadroomDivisor;
      THANOS_RETURN_IF_ERROR(Ask(smaller, way, headroom, job).status());
      if (job->claim.held()) break;
    }
    if (!job->claim.held()) continue;
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
    return bucketblocks::DownloadBlock(
        context, *bucket_, job->plan[i]->ulid, job->SourceDirectory(i),
        {.files = options_.files, .without_chunks = !job->copied, .may_link = true});
  });
}

Status GroupCompactor::OpenChunks(const CallContext& context, Job* job) {
  for (size_t i = 0; i < job->plan.size() && !job->copied; ++i) {
    THANOS_ASSIGN_OR_RETURN(auto segments,
                            bucketblocks::OpenRemoteSegments(context, bucket_, job->plan[i]->ulid));
    job->chunks.push_back({std::move(segments), kRemotePieceBytes});
  }
  return OkStatus();
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

MergeRequest GroupCompactor::RequestOf(const Job& job) const {
  MergeRequest request;
  for (size_t i = 0; i < job.plan.size(); ++i) {
    request.directories.push_back(job.SourceDirectory(i));
  }
  request.unsorted_labels = job.unsorted_labels;
  request.chunks = job.chunks;
  request.parent = job.directory;
  request.id = base::Ulid::Make(base::NowMs());
  request.rule = OverlapRule::kChain;
  if (job.overlapping && !options_.vertical) request.rule = OverlapRule::kIdentical;
  if (options_.vertical && options_.penalty) request.rule = OverlapRule::kPenalty;
  request.limits = options_.index_limits;
  for (const Label& label : job.group.labels) {
    request.thanos.labels[std::string(label.name)] = std::string(label.value);
  }
  request.thanos.resolution_ms = job.group.resolution_ms;
  request.thanos.source = "compactor";
  request.thanos.extensions_json = CommonExtensions(job.group.metas);
  for (const int64_t resolution_ms : job.coarser) {
    request.coarser.push_back({resolution_ms, base::Ulid::Make(base::NowMs())});
  }
  request.helpers = options_.merge;
  return request;
}

Result<MergedBlock> GroupCompactor::Merge(const CallContext& context, Job* job) {
  const MergeRequest request = RequestOf(*job);
  auto merged = MergeBlocks(context, request);
  if (merged.status().code() == StatusCode::kResourceExhausted && !job->coarser.empty()) {
    logger_.Warn("merging again without downsampling, which took too much room",
                 {{"group", job->group.key}, {"err", merged.status()}});
    job->coarser.clear();
    merged = MergeBlocks(context, RequestOf(*job));
  }
  if (merged.ok() || merged.status().code() == StatusCode::kOutOfRange) return merged;
  job->retriable = !job->copied && MayBeTheBucket(merged.status().code());
  return merged.status().WithContext(request.rule == OverlapRule::kIdentical
                                         ? "pre compaction overlap check"
                                         : "compact blocks " + NamesOf(job->plan));
}

Status GroupCompactor::MergeAndUpload(const CallContext& context, Job* job) {
  auto merged = Merge(context, job);
  if (merged.status().code() == StatusCode::kOutOfRange) {
    if (job->plan.size() > 1) return ExcludeAfter(context, merged.status(), job);
    return merged.status().WithContext("compact blocks " + NamesOf(job->plan));
  }
  THANOS_RETURN_IF_ERROR(merged.status());
  metrics_->chunks_outside.Add(static_cast<double>(merged->counts.chunks_outside));
  metrics_->series_repaired.Add(static_cast<double>(merged->counts.series_repaired));
  if (!merged->meta) return MarkEmptied(*merged, job);
  THANOS_RETURN_IF_ERROR(CheckNoOverlap(*job, *merged->meta));
  THANOS_RETURN_IF_ERROR(Verify(context, *job, &*merged));
  job->retriable = true;
  THANOS_RETURN_IF_ERROR(Upload(context, job, &*merged));
  THANOS_RETURN_IF_ERROR(MarkSources(job->plan, "source of compacted block"));
  UploadCoarser(context, *job, &*merged);
  return OkStatus();
}

Status GroupCompactor::MarkEmptied(const MergedBlock& merged, Job* job) {
  if (merged.counts.chunks_outside > 0) {
    return DataLossError("all that is left of " + NamesOf(job->plan) +
                         " lies behind the end of its block");
  }
  job->retriable = true;
  job->emptied = true;
  logger_.Info("compacted blocks hold no sample",
               {{"group", job->group.key}, {"blocks", NamesOf(job->plan)}});
  return MarkSources(job->plan, "source of compacted block, of which no sample was left");
}

// The result must be sound; what was downsampled of it is let go when it is not.
Status GroupCompactor::Verify(const CallContext& context, const Job& job,
                              MergedBlock* merged) const {
  std::vector<Status> found(merged->coarser.size());
  THANOS_RETURN_IF_ERROR(
      base::ParallelFor(options_.merge, 1 + found.size(), [&](size_t i) -> Status {
        if (i == 0) {
          return VerifyBlock(context, job.DirectoryOf(*merged->meta), *merged->meta)
              .WithContext("invalid result block");
        }
        const block::BlockMeta& coarser = merged->coarser[i - 1];
        found[i - 1] = VerifyBlock(context, job.DirectoryOf(coarser), coarser);
        return OkStatus();
      }));
  for (const Status& status : found) {
    if (status.ok()) continue;
    merged->coarser_status = status.WithContext("invalid downsampled block");
    merged->coarser.clear();
    break;
  }
  return OkStatus();
}

Status GroupCompactor::Upload(const CallContext& context, Job* job, MergedBlock* merged) {
  block::BlockMeta& meta = *merged->meta;
  THANOS_RETURN_IF_ERROR(
      bucketblocks::UploadBlock(context, *bucket_, job->DirectoryOf(meta), &meta,
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
  return OkStatus();
}

// The compaction is done: what fails here is made anew from the uploaded block.
void GroupCompactor::UploadCoarser(const CallContext& context, const Job& job,
                                   MergedBlock* merged) {
  Status status = merged->coarser_status;
  int64_t from_ms = job.group.resolution_ms;
  base::Ulid from = merged->meta->ulid;
  for (block::BlockMeta& made : merged->coarser) {
    if (status.ok()) status = context.Check();
    if (!status.ok()) break;
    status =
        bucketblocks::UploadBlock(context, *bucket_, job.DirectoryOf(made), &made,
                                  {.files = options_.files, .hash_files = options_.hash_files});
    if (!status.ok()) break;
    metrics_->downsamplings.With(CompactionMetrics::Resolution(from_ms)).Add();
    metrics_->downsampled_at_once.Add();
    logger_.Info("downsampled block while it was compacted",
                 {{"from", from.ToString()},
                  {"to", made.ulid.ToString()},
                  {"resolution_ms", made.thanos.resolution_ms},
                  {"series", made.stats.series},
                  {"samples", made.stats.samples}});
    from_ms = made.thanos.resolution_ms;
    from = made.ulid;
  }
  if (status.ok() || !context.Check().ok()) return;
  logger_.Warn("block was not downsampled while it was compacted; that is done later",
               {{"block", from.ToString()}, {"err", status}});
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

Status GroupCompactor::Run(const CallContext& context, const DownsampleOutlook* outlook, Job* job) {
  const auto start = std::chrono::steady_clock::now();
  job->retriable = false;
  THANOS_RETURN_IF_ERROR(FitToDisk(outlook, job));
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
  THANOS_RETURN_IF_ERROR(OpenChunks(context, job));
  job->retriable = false;
  THANOS_RETURN_IF_ERROR(CheckSources(context, job));
  if (job->rerun) return OkStatus();
  THANOS_RETURN_IF_ERROR(MergeAndUpload(context, job));
  job->rerun = true;
  logger_.Debug("group step done", {{"group", job->group.key}, {"duration", TextOf(start)}});
  return OkStatus();
}

}  // namespace thanos::compaction
