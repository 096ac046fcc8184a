#include "compaction/downsampler.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>

#include "base/time_text.h"
#include "block/block.h"
#include "bucketblocks/transfer.h"
#include "compaction/block_merge.h"
#include "downsampling/downsample.h"

namespace fs = std::filesystem;

namespace thanos::compaction {
namespace {

bool MayPass(const Status& status) {
  return status.code() != StatusCode::kResourceExhausted && status.code() != StatusCode::kDataLoss;
}

}  // namespace

BlockDownsampler::BlockDownsampler(DownsamplerOptions options, Bucket* bucket,
                                   const CompactionMetrics* metrics, base::Logger logger)
    : options_(std::move(options)),
      bucket_(bucket),
      metrics_(metrics),
      logger_(std::move(logger)),
      workers_(base::MakeHelpers("downsample", options_.concurrency)) {}

void BlockDownsampler::Clean() const {
  std::error_code ignored;
  fs::remove_all(options_.work_dir, ignored);
}

Status BlockDownsampler::DownsampleBlock(const CallContext& context, const block::BlockMeta& meta,
                                         int64_t resolution_ms, bool* retriable) {
  const bucketblocks::WorkDirectory work(options_.work_dir + "/" + meta.ulid.ToString() + "-" +
                                         std::to_string(resolution_ms));
  const std::string source_path = work.path() + "/" + meta.ulid.ToString();
  Status status = bucketblocks::DownloadBlock(context, *bucket_, meta.ulid, source_path,
                                              {.files = options_.files, .may_link = true});
  *retriable = MayPass(status);
  THANOS_RETURN_IF_ERROR(status);
  *retriable = false;
  THANOS_RETURN_IF_ERROR(
      CheckBlockIndex(context, source_path, meta, options_.accept_malformed_index));
  THANOS_ASSIGN_OR_RETURN(const auto source, block::Block::OpenDirectory(context, source_path));
  const base::Ulid id = base::Ulid::Make(base::NowMs());
  THANOS_ASSIGN_OR_RETURN(block::BlockMeta made,
                          downsampling::Downsample(context, *source, resolution_ms, work.path(), id,
                                                   {.logger = logger_}));
  const std::string path = work.path() + "/" + id.ToString();
  THANOS_RETURN_IF_ERROR(VerifyBlock(context, path, made).WithContext("invalid result block"));
  status = bucketblocks::UploadBlock(context, *bucket_, path, &made,
                                     {.files = options_.files, .hash_files = options_.hash_files});
  *retriable = MayPass(status);
  THANOS_RETURN_IF_ERROR(status);
  logger_.Info("downsampled block", {{"from", meta.ulid.ToString()},
                                     {"to", id.ToString()},
                                     {"resolution_ms", resolution_ms},
                                     {"series", made.stats.series},
                                     {"samples", made.stats.samples}});
  return OkStatus();
}

Status BlockDownsampler::RunPass(const CallContext& context, const bucketblocks::FetchResult& view,
                                 bool* retriable) {
  std::set<base::Ulid> marked;
  for (const auto& [ulid, mark] : view.no_downsample_marks) marked.insert(ulid);
  THANOS_ASSIGN_OR_RETURN(const auto tasks, downsampling::DownsamplePlan(view.metas, marked));
  return Downsample(context, view, tasks, retriable);
}

Status BlockDownsampler::Downsample(const CallContext& context,
                                    const bucketblocks::FetchResult& view,
                                    const std::vector<downsampling::DownsampleTask>& tasks,
                                    bool* retriable) {
  std::mutex mutex;
  Status first;
  const Status run = base::ParallelFor(workers_.get(), tasks.size(), [&](size_t i) -> Status {
    const block::BlockMeta& meta = *view.metas.at(tasks[i].ulid);
    const auto resolution = CompactionMetrics::Resolution(meta.thanos.resolution_ms);
    const auto start = std::chrono::steady_clock::now();
    bool may_pass = true;
    const Status status = DownsampleBlock(context, meta, tasks[i].resolution_ms, &may_pass);
    THANOS_RETURN_IF_ERROR(context.Check());
    metrics_->downsamplings.With(resolution).Add();
    metrics_->downsampling_seconds.With(resolution)
        .Observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    if (status.ok()) return OkStatus();
    metrics_->downsampling_failures.With(resolution).Add();
    logger_.Error("downsampling failed", {{"block", meta.ulid.ToString()}, {"err", status}});
    std::lock_guard lock(mutex);
    if (first.ok() || (*retriable && !may_pass)) {
      first = status.WithContext("downsample block " + meta.ulid.ToString());
    }
    *retriable = *retriable && may_pass;
    return OkStatus();
  });
  return run.ok() ? first : run;
}

}  // namespace thanos::compaction
