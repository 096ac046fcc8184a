#include "cmd/compact_flags.h"

#include <algorithm>

namespace thanos::cmd {
namespace {

constexpr int64_t kHourNs = 3'600'000'000'000;

void AddCompactionFlags(config::FlagSet* flags, CompactFlags* f) {
  flags
      ->Bool("debug.halt-on-error",
             "Goes on, and tells, when a group cannot be compacted; else ends with exit code 1.",
             true, &f->halt_on_error)
      .Hidden();
  flags
      ->Bool("debug.accept-malformed-index",
             "Compacts blocks whose series have label names out of order, and sorts them.", false,
             &f->accept_malformed)
      .Hidden();
  flags
      ->Int("debug.max-compaction-level",
            "The longest range that blocks grow to: which of 1h, 2h, 8h, 2d, 14d, from 0.", 4,
            &f->level_max)
      .Hidden();
  flags->Int("compact.concurrency", "Number of groups that are compacted at the same time.", 1,
             &f->group_concurrency);
  flags->Int("compact.blocks-fetch-concurrency",
             "Number of blocks of a group that are downloaded at the same time.", 1,
             &f->fetch_concurrency);
  flags->Int("downsample.concurrency", "Number of blocks that are downsampled at the same time.", 1,
             &f->downsample_concurrency);
  flags->Int("block-files-concurrency",
             "Number of files of a block that are fetched or uploaded at the same time.", 1,
             &f->file_concurrency);
  flags
      ->Bool("compact.enable-vertical-compaction",
             "Merges overlapping blocks of one group for good.", false, &f->vertical)
      .Hidden();
  flags->Enum("deduplication.func",
              "How replicas are merged: empty keeps every sample once; penalty follows one replica "
              "as a querier does.",
              {"penalty", ""}, "", &f->dedup_func);
  flags->Strings(
      "deduplication.replica-label",
      "External label (repeated, or a comma list) that tells replicas apart: blocks that "
      "differ in it only are merged, for good, and lose it.",
      &f->replica_labels);
  flags
      ->Bytes("compact.block-max-index-size",
              "Of blocks whose indexes have more bytes together, the largest is marked not to be "
              "compacted.",
              "64GB", &f->index_bytes_max)
      .Hidden();
  flags
      ->Bool("compact.skip-block-with-out-of-order-chunks",
             "Marks blocks with chunks out of order not to be compacted, instead of repairing "
             "them.",
             false, &f->skip_out_of_order)
      .Hidden();
  flags->Enum("hash-func", "Which hash of each file goes into meta.json; empty is none.",
              {"SHA256", ""}, "", &f->hash_func);
  flags->Int("compact.merge-concurrency",
             "Number of threads that merge series, of all groups together; 0 is one for each CPU. "
             "Blocks are the same to the byte for any number.",
             0, &f->merge_concurrency);
  flags->MemoryBudget("compact.memory-budget",
                      "Memory that merges may hold together: symbols, postings and the series "
                      "under way; over it a group fails and the process lives.",
                      &f->memory_budget);
}

void AddRetentionFlags(config::FlagSet* flags, CompactFlags* f) {
  f->retention.Add(flags);
  flags->Bool("retention.force",
              "Lets expired blocks go although the downsampled blocks that should hold their data "
              "are not there.",
              false, &f->retention_forced);
  flags->PromDuration("delete-delay",
                      "Time before a block marked for deletion is deleted from bucket.", "48h",
                      &f->delete_delay_ns);
  flags->PromDuration("consistency-delay",
                      "Minimum age of fresh (non-compacted) blocks before they are processed.",
                      "30m", &f->consistency_delay_ns);
  flags->Bool("downsampling.disable", "Disables downsampling.", false, &f->no_downsampling);
}

void AddLoopFlags(config::FlagSet* flags, CompactFlags* f) {
  flags
      ->Bool("wait", "Do not exit after all compactions have been processed and wait for new work.",
             false, &f->wait)
      .Alias("w");
  flags->GoDuration("wait-interval",
                    "Wait interval between consecutive compaction runs; also how long one sync of "
                    "metas may take. Only with --wait.",
                    "5m", &f->wait_interval_ns);
  flags->GoDuration("compact.cleanup-interval",
                    "How often given-up uploads, expired and marked blocks are cleaned up, "
                    "whatever the compaction does. Only with --wait; 0s is not at all.",
                    "5m", &f->cleanup_interval_ns);
  flags->GoDuration("compact.progress-interval",
                    "How often the metrics of work to be done are worked out. Only with --wait; 0s "
                    "is not at all.",
                    "5m", &f->progress_interval_ns);
  f->meta_fetch.Add(flags);
  f->time_range.Add(flags, "compact");
  AddSelectorFlag(flags, &f->selector_config);
}

void AddViewerFlags(config::FlagSet* flags, CompactFlags* f) {
  flags->GoDuration("block-viewer.global.sync-block-interval",
                    "How often the view of the whole bucket is made. Only with --wait.", "1m",
                    &f->viewer_interval_ns);
  flags->GoDuration("block-viewer.global.sync-block-timeout",
                    "How long making the view of the whole bucket may take.", "5m",
                    &f->viewer_timeout_ns);
  flags->String("bucket-web-label",
                "External block label to use as group title in the bucket web UI.", "",
                &f->web_label);
  flags->Bool("web.disable", "Disable the block viewer and its API.", false, &f->web_disabled);
  AddWebFlags(flags, &f->web);
  flags->Bool("disable-admin-operations", "Disable operations that mark blocks.", false,
              &f->admin_disabled);
  flags->WithoutEffect("web.route-prefix", config::ValueKind::kText,
                       "The pages of this role are at the root, as in Go Thanos.");
}

}  // namespace

void RetentionFlags::Add(config::FlagSet* flags) {
  const auto add = [&](const std::string& resolution, const std::string& samples,
                       int64_t* target_ns) {
    flags->PromDuration("retention.resolution-" + resolution,
                        "How long to retain " + samples + " in bucket. 0d keeps them for ever.",
                        "0d", target_ns);
  };
  add("raw", "raw samples", &raw_ns);
  add("5m", "samples of resolution 1 (5 minutes)", &five_minutes_ns);
  add("1h", "samples of resolution 2 (1 hour)", &one_hour_ns);
}

compaction::Retention RetentionFlags::Get() const {
  constexpr int64_t kNsInMs = 1'000'000;
  return {raw_ns / kNsInMs, five_minutes_ns / kNsInMs, one_hour_ns / kNsInMs};
}

void AddCompactFlags(config::FlagSet* flags, CompactFlags* f) {
  AddHttpFlags(flags, &f->http);
  flags->String("data-dir",
                "Data directory in which to cache blocks and process compactions: room for the "
                "largest group's blocks and their result.",
                "./data", &f->data_dir);
  AddBucketFlags(flags, &f->bucket, /*required=*/false);
  AddLoopFlags(flags, f);
  AddRetentionFlags(flags, f);
  AddCompactionFlags(flags, f);
  AddViewerFlags(flags, f);
}

std::vector<std::string> CompactFlags::SplitReplicaLabels() const {
  return config::SplitCommas(replica_labels);
}

Status CheckCompactFlags(const CompactFlags& f) {
  THANOS_RETURN_IF_ERROR(f.time_range.Check());
  if (f.level_max < 0 || f.level_max >= std::ssize(compaction::kRangesMs)) {
    return InvalidArgumentError(
        "--debug.max-compaction-level: level is bigger than default max of "
        "4, or negative: " +
        std::to_string(f.level_max));
  }
  if (f.dedup_func == "penalty" && f.SplitReplicaLabels().empty()) {
    return InvalidArgumentError(
        "penalty based deduplication needs at least one replica label specified");
  }
  if (f.wait && f.wait_interval_ns <= 0) {
    return InvalidArgumentError("--wait-interval must be longer than 0s");
  }
  if (f.no_downsampling) return OkStatus();
  // What expires before it is downsampled is lost for the coarser resolutions.
  if (f.retention.raw_ns != 0 && f.retention.raw_ns < 40 * kHourNs) {
    return InvalidArgumentError(
        "raw resolution must be higher than the minimum block size after which 5m resolution "
        "downsampling will occur (40 hours)");
  }
  if (f.retention.five_minutes_ns != 0 && f.retention.five_minutes_ns < 240 * kHourNs) {
    return InvalidArgumentError(
        "5m resolution must be higher than the minimum block size after which 1h resolution "
        "downsampling will occur (10 days)");
  }
  return OkStatus();
}

compaction::CompactorOptions CompactFlags::Options() const {
  const auto at_least_one = [](int64_t n) { return static_cast<size_t>(std::max<int64_t>(n, 1)); };
  compaction::CompactorOptions options;
  options.group.work_dir = data_dir + "/compact";
  options.group.ranges_ms.assign(compaction::kRangesMs, compaction::kRangesMs + level_max + 1);
  options.group.vertical = vertical || !SplitReplicaLabels().empty();
  options.group.penalty = dedup_func == "penalty";
  options.group.accept_malformed_index = accept_malformed;
  options.group.skip_out_of_order = skip_out_of_order;
  options.group.index_bytes_max = index_bytes_max;
  options.group.hash_files = hash_func == "SHA256";
  options.retention = retention.Get();
  options.delete_delay_ms = delete_delay_ns / 1'000'000;
  options.downsample = !no_downsampling;
  options.retention_forced = retention_forced;
  options.downsample_dir = data_dir + "/downsample";
  options.group_concurrency = at_least_one(group_concurrency);
  options.downsample_concurrency = at_least_one(downsample_concurrency);
  options.file_concurrency = at_least_one(file_concurrency);
  options.fetch_concurrency = at_least_one(fetch_concurrency);
  options.merge_concurrency =
      merge_concurrency > 0 ? static_cast<size_t>(merge_concurrency) : base::UsableCpus();
  if (wait) options.sync_timeout_ms = std::max<int64_t>(wait_interval_ns / 1'000'000, 1);
  return options;
}

}  // namespace thanos::cmd
