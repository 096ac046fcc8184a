#include "cmd/bucket_flags.h"

#include <algorithm>

#include "base/time_text.h"
#include "objstore/factory.h"

namespace thanos::cmd {

void AddBucketFlags(config::FlagSet* flags, BucketFlags* values, bool required) {
  flags->PathOrContent("objstore.config", "The object store configuration in YAML.", required, true,
                       &values->config, &values->source);
}

Result<std::unique_ptr<Bucket>> OpenBucket(const BucketFlags& values, const std::string& component,
                                           const Process& process) {
  auto bucket = objstore::MakeBucket(values.config, process.registry, {component, process.logger});
  if (!bucket.ok()) return bucket.status().WithContext(values.source);
  return bucket;
}

void AddSelectorFlag(config::FlagSet* flags, std::string* text) {
  flags->PathOrContent("selector.relabel-config",
                       "Relabelling rules in YAML that choose blocks, by their external labels "
                       "and __block_id: keep, drop and hashmod.",
                       false, true, text);
}

Result<relabel::Rules> ParseSelector(const std::string& text) {
  auto rules = relabel::Rules::Parse(text, relabel::SelectorOptions());
  if (!rules.ok()) return rules.status().WithContext("selector.relabel-config");
  return rules;
}

void TimeRangeFlags::Add(config::FlagSet* flags, const std::string& purpose) {
  flags->Time("min-time",
              "Start of time range limit to " + purpose +
                  ": an RFC 3339 time or a duration relative to now, such as -1d.",
              "0000-01-01T00:00:00Z", &min);
  flags->Time("max-time", "End of time range limit to " + purpose + ".", "9999-12-31T23:59:59Z",
              &max);
}

int64_t TimeRangeFlags::MinMs() const { return min.ResolveMs(base::NowMs()); }
int64_t TimeRangeFlags::MaxMs() const { return max.ResolveMs(base::NowMs()); }

Status TimeRangeFlags::Check() const {
  const int64_t now_ms = base::NowMs();
  if (min.ResolveMs(now_ms) <= max.ResolveMs(now_ms)) return OkStatus();
  return InvalidArgumentError("invalid argument: --min-time can't be greater than --max-time");
}

void TimeRangeFlags::Limit(bucketblocks::FetchOptions* options) const {
  options->min_ms = [this] { return MinMs(); };
  options->max_ms = [this] { return MaxMs(); };
}

void MetaFetchFlags::Add(config::FlagSet* flags) {
  flags->Enum(
      "block-discovery-strategy",
      "Accepted for both values: blocks are always found by one recursive listing, which tells of "
      "each of them what there is, so that nothing is asked for those that did not change.",
      {"concurrent", "recursive"}, "concurrent", &discovery);
  flags->Int("block-meta-fetch-concurrency",
             "Number of requests for block metadata at the same time.", 32, &concurrency);
}

size_t MetaFetchFlags::threads() const {
  return static_cast<size_t>(std::max<int64_t>(concurrency, 1));
}

}  // namespace thanos::cmd
