// The flags of all that works on a bucket, and what is made of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "bucketblocks/fetcher.h"
#include "cmd/role.h"
#include "config/flags.h"
#include "relabel/relabel.h"
#include "thanos/bucket.h"
#include "thanos/status.h"

namespace thanos::cmd {

struct BucketFlags {
  std::string config, source;
};
/// --objstore.config.
void AddBucketFlags(config::FlagSet* flags, BucketFlags* values, bool required = true);
/// `component` names its log lines and its metrics. Errors name the file, or the flag.
Result<std::unique_ptr<Bucket>> OpenBucket(const BucketFlags& values, const std::string& component,
                                           const Process& process);

/// --selector.relabel-config.
void AddSelectorFlag(config::FlagSet* flags, std::string* text);
/// A selector's rules; an error names the flag.
Result<relabel::Rules> ParseSelector(const std::string& text);

/// --min-time and --max-time; durations are worked out at each use.
struct TimeRangeFlags {
  config::TimeOrDuration min, max;
  /// `purpose` completes "Start of time range limit to".
  void Add(config::FlagSet* flags, const std::string& purpose);
  int64_t MinMs() const;
  int64_t MaxMs() const;
  /// kInvalidArgument where min is greater than max.
  Status Check() const;
  /// Blocks outside are left out; the flags must outlive the fetcher.
  void Limit(bucketblocks::FetchOptions* options) const;
};

/// --block-discovery-strategy and --block-meta-fetch-concurrency.
struct MetaFetchFlags {
  std::string discovery;  // Either value is served by the same listing.
  int64_t concurrency = 0;
  void Add(config::FlagSet* flags);
  size_t threads() const;
};

}  // namespace thanos::cmd
