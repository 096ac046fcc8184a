// The flags of `thanos compact`, and what they mean together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cmd/bucket_flags.h"
#include "cmd/servers.h"
#include "compaction/compactor.h"
#include "compaction/retention.h"
#include "config/flags.h"

namespace thanos::cmd {

/// --retention.resolution-raw, -5m and -1h.
struct RetentionFlags {
  int64_t raw_ns = 0, five_minutes_ns = 0, one_hour_ns = 0;
  void Add(config::FlagSet* flags);
  compaction::Retention Get() const;
};

struct CompactFlags {
  HttpFlags http;
  BucketFlags bucket;
  MetaFetchFlags meta_fetch;
  TimeRangeFlags time_range;
  std::string data_dir, selector_config;
  std::string dedup_func, hash_func, web_label;
  WebFlags web;
  RetentionFlags retention;
  std::vector<std::string> replica_labels;  // As given: lists are not split.
  bool halt_on_error = true, accept_malformed = false, wait = false, no_downsampling = false;
  bool vertical = false, skip_out_of_order = false, retention_forced = false;
  bool web_disabled = false, admin_disabled = false;
  int64_t level_max = 0, file_concurrency = 0, group_concurrency = 0;
  int64_t fetch_concurrency = 0, downsample_concurrency = 0, merge_concurrency = 0;
  int64_t consistency_delay_ns = 0, delete_delay_ns = 0, wait_interval_ns = 0;
  int64_t viewer_interval_ns = 0, viewer_timeout_ns = 0;
  int64_t cleanup_interval_ns = 0, progress_interval_ns = 0;
  uint64_t index_bytes_max = 0, memory_budget = 0;

  /// The names of replica labels: each value of the flag is a list.
  std::vector<std::string> SplitReplicaLabels() const;
  compaction::CompactorOptions Options() const;
};

void AddCompactFlags(config::FlagSet* flags, CompactFlags* f);
/// kInvalidArgument for combinations that make no sense, or that would lose data.
Status CheckCompactFlags(const CompactFlags& f);

}  // namespace thanos::cmd
