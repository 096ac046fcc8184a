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
  flags->Bytes("compact.memory-budget",
               "Memory that series being merged may hold together; over it a group fails and the "
               "process lives. 0 is no limit.",
               "0", &f->memory_budget);
}

void AddRetentionFlags(config::FlagSet* flags, CompactFlags* f) {
  flags->PromDuration("retention.resolution-raw",
                      "How long to retain raw samples in bucket. 0d keeps them for ever.", "0d",
                      &f->raw_ns);
  flags->PromDuration("retention.resolution-5m",
                      "How long to retain samples of resolution 1 (5 minutes). 0d is for ever.",
                      "0d", &f->five_minutes_ns);
  flags->PromDuration("retention.resolution-1h",
                      "How long to retain samples of resolution 2 (1 hour). 0d is for ever.", "0d",
                      &f->one_hour_ns);
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
  flags->Enum(
      "block-discovery-strategy",
      "Accepted for both values: blocks are always found by one recursive listing, which "
      "tells of each of them what there is, so that nothing is asked for those that did not "
      "change.",
      {"concurrent", "recursive"}, "concurrent", &f->discovery);
  flags->Int("block-meta-fetch-concurrency",
             "Number of requests for block metadata at the same time.", 32, &f->meta_concurrency);
  flags->Time("min-time",
              "Start of time range limit to compact: an RFC 3339 time or a duration relative to "
              "now, such as -1d.",
              "0000-01-01T00:00:00Z", &f->min_time);
  flags->Time("max-time", "End of time range limit to compact.", "9999-12-31T23:59:59Z",
              &f->max_time);
  flags->PathOrContent("selector.relabel-config",
                       "Relabelling rules in YAML that choose which blocks are worked on, by their "
                       "external labels and __block_id: keep, drop and hashmod.",
                       false, true, &f->selector_config);
}

void AddWebFlags(config::FlagSet* flags, CompactFlags* f) {
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
  flags->String("web.external-prefix", "Static prefix of links of the block viewer.", "",
                &f->external_prefix);
  flags->String("web.prefix-header",
                "Name of HTTP request header used for dynamic prefixing of links and redirects.",
                "", &f->prefix_header);
  flags->Bool("web.disable-cors", "Whether to disable CORS headers to be set by Thanos.", false,
              &f->cors_disabled);
  flags->Bool("disable-admin-operations", "Disable operations that mark blocks.", false,
              &f->admin_disabled);
  flags->WithoutEffect("web.route-prefix", config::ValueKind::kText,
                       "The pages of this role are at the root, as in Go Thanos.");
}

}  // namespace

void AddCompactFlags(config::FlagSet* flags, CompactFlags* f) {
  AddHttpFlags(flags, &f->http);
  flags->String("data-dir",
                "Data directory in which to cache blocks and process compactions: room for the "
                "largest group's blocks and their result.",
                "./data", &f->data_dir);
  flags->PathOrContent("objstore.config", "The object store configuration in YAML.", false, true,
                       &f->bucket_config, &f->bucket_source);
  AddLoopFlags(flags, f);
  AddRetentionFlags(flags, f);
  AddCompactionFlags(flags, f);
  AddWebFlags(flags, f);
}

std::vector<std::string> CompactFlags::SplitReplicaLabels() const {
  std::vector<std::string> names;
  for (const std::string& list : replica_labels) {
    for (size_t begin = 0; begin <= list.size();) {
      const size_t comma = std::min(list.find(',', begin), list.size());
      if (comma > begin) names.push_back(list.substr(begin, comma - begin));
      begin = comma + 1;
    }
  }
  return names;
}

Status CheckCompactFlags(const CompactFlags& f, int64_t now_ms) {
  if (f.min_time.ResolveMs(now_ms) > f.max_time.ResolveMs(now_ms)) {
    return InvalidArgumentError("invalid argument: --min-time can't be greater than --max-time");
  }
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
  if (f.raw_ns != 0 && f.raw_ns < 40 * kHourNs) {
    return InvalidArgumentError(
        "raw resolution must be higher than the minimum block size after which 5m resolution "
        "downsampling will occur (40 hours)");
  }
  if (f.five_minutes_ns != 0 && f.five_minutes_ns < 240 * kHourNs) {
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
  options.retention = {raw_ns / 1'000'000, five_minutes_ns / 1'000'000, one_hour_ns / 1'000'000};
  options.delete_delay_ms = delete_delay_ns / 1'000'000;
  options.downsample = !no_downsampling;
  options.retention_forced = retention_forced;
  options.downsample_dir = data_dir + "/downsample";
  options.group_concurrency = at_least_one(group_concurrency);
  options.downsample_concurrency = at_least_one(downsample_concurrency);
  options.file_concurrency = at_least_one(file_concurrency);
  options.fetch_concurrency = at_least_one(fetch_concurrency);
  if (wait) options.sync_timeout_ms = std::max<int64_t>(wait_interval_ns / 1'000'000, 1);
  return options;
}

}  // namespace thanos::cmd
