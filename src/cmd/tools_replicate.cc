// thanos tools bucket replicate: copies blocks into another bucket, again and again or once.
#include <chrono>
#include <memory>
#include <set>

#include "base/executor.h"
#include "base/number_text.h"
#include "base/time_text.h"
#include "bucketblocks/fetcher.h"
#include "cmd/servers.h"
#include "cmd/tool_command.h"
#include "objstore/factory.h"
#include "promql/parser.h"
#include "tools/replicate.h"

namespace thanos::cmd {
namespace {

constexpr std::chrono::minutes kInterval{1};

struct ReplicateFlags {
  HttpFlags http;
  BucketFlags from, to;
  std::vector<int64_t> resolutions_ns;
  std::vector<std::string> levels, ids;
  int64_t level_min = 0, level_max = 0;
  std::string matcher;
  bool single_run = false, ignore_marked = false;
  TimeRangeFlags time_range;
};

Result<tools::ReplicateFilter> MakeFilter(const ReplicateFlags& flags) {
  tools::ReplicateFilter filter;
  if (!flags.matcher.empty()) {
    auto matchers = promql::ParseSelector("{" + flags.matcher + "}");
    if (!matchers.ok()) return matchers.status().WithContext("parse block label matchers");
    filter.matchers = std::move(*matchers);
  }
  for (const int64_t ns : flags.resolutions_ns) filter.resolutions_ms.insert(ns / 1'000'000);
  for (const std::string& text : flags.levels) {
    auto level = base::ParseGoInt(text);
    if (!level.ok()) return level.status().WithContext("--compaction");
    filter.levels.insert(*level);
  }
  if (flags.levels.empty()) {
    if (flags.level_min > flags.level_max) {
      return InvalidArgumentError(
          "compaction-min must be less than or equal to compaction-max, got " +
          std::to_string(flags.level_min) + " and " + std::to_string(flags.level_max));
    }
    constexpr int64_t kLevelsMax = 1000;
    if (flags.level_max - flags.level_min > kLevelsMax) {
      return InvalidArgumentError("--compaction-min to --compaction-max are more than " +
                                  std::to_string(kLevelsMax) + " levels");
    }
    for (int64_t i = flags.level_min; i <= flags.level_max; ++i) filter.levels.insert(i);
  }
  THANOS_ASSIGN_OR_RETURN(const auto ids, ParseIds(flags.ids));
  filter.ids.insert(ids.begin(), ids.end());
  return filter;
}

class ReplicateRole : public LoopRole {
 public:
  ReplicateRole(const ReplicateFlags& flags, const Process& process, std::unique_ptr<Bucket> from,
                std::unique_ptr<Bucket> to, tools::ReplicateFilter filter)
      : LoopRole(process, "replicate", flags.http, kInterval),
        flags_(flags),
        from_(std::move(from)),
        to_(std::move(to)),
        once_(flags.single_run || !filter.ids.empty()),
        io_("meta", kMetaThreads),
        fetcher_(from_.get(), FetchOptions(!filter.ids.empty()), &io_, process.logger,
                 process.registry),
        replicator_(from_.get(), to_.get(), std::move(filter), process.logger, process.registry),
        runs_(process.registry->AddCounterFamily(
            "thanos_replicate_replication_runs_total",
            "The number of replication runs split by success and error.")),
        seconds_(process.registry->AddHistogramFamily(
            "thanos_replicate_replication_run_duration_seconds",
            "The duration of replication runs split by success and error.",
            {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10})) {}

 private:
  bucketblocks::FetchOptions FetchOptions(bool by_id) const {
    bucketblocks::FetchOptions options;
    options.drop_duplicates = false;
    options.for_writing = true;
    options.metric_prefix = "";
    if (by_id) return options;
    flags_.time_range.Limit(&options);
    if (flags_.ignore_marked) options.ignore_deletion_marks_delay_ms = 0;
    return options;
  }

  Status RunOnce() {
    THANOS_ASSIGN_OR_RETURN(const auto view, fetcher_.Fetch(context_));
    THANOS_RETURN_IF_ERROR(view.incomplete);
    for (const base::Ulid& ulid : view.partial) {
      process_.logger.Info("block meta not uploaded yet. Skipping.", {{"block", ulid.ToString()}});
    }
    return replicator_.Run(context_, view.metas);
  }

  void Turn() override {
    const auto start = std::chrono::steady_clock::now();
    const Status status = RunOnce();
    if (once_) return process_.end(status);
    const std::string result = status.ok() ? "success" : "error";
    runs_.With({{"result", result}}).Add();
    seconds_.With({{"result", result}})
        .Observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    if (!status.ok()) process_.logger.Error("running replication failed", {{"err", status}});
  }

  const ReplicateFlags& flags_;
  std::unique_ptr<Bucket> from_, to_;
  const bool once_;
  base::Executor io_;
  bucketblocks::MetaFetcher fetcher_;
  tools::Replicator replicator_;
  const metrics::CounterFamily runs_;
  const metrics::HistogramFamily seconds_;
};

class BucketReplicateCommand : public Command {
 public:
  std::string name() const override { return "tools bucket replicate"; }
  std::string summary() const override {
    return "Replicate data from one object storage to another. NOTE: Currently it works only with "
           "Thanos blocks (meta.json has to have Thanos metadata).";
  }
  void AddFlags(config::FlagSet* flags) override {
    AddHttpFlags(flags, &flags_.http);
    AddBucketFlags(flags, &flags_.from);
    flags->PathOrContent("objstore-to.config",
                         "The object store configuration in YAML of where blocks are copied to.",
                         true, true, &flags_.to.config, &flags_.to.source);
    flags->GoDurations("resolution", "Only blocks with these resolutions will be replicated.",
                       {"0s", "5m", "1h"}, &flags_.resolutions_ns);
    flags->Int("compaction-min", "Only blocks with at least this compaction level.", 1,
               &flags_.level_min);
    flags->Int("compaction-max", "Only blocks up to a maximum of this compaction level.", 4,
               &flags_.level_max);
    flags->Strings("compaction",
                   "Only blocks with these compaction levels; overrides compaction-min and "
                   "compaction-max.",
                   &flags_.levels);
    flags->String("matcher",
                  "Blocks whose external labels match this matcher will be replicated: "
                  "'a=\"x\",b=~\"y|z\"'.",
                  "", &flags_.matcher);
    flags->Bool("single-run", "Run replication only one time, then exit.", false,
                &flags_.single_run);
    flags_.time_range.Add(flags, "replicate");
    flags->Strings("id",
                   "Block to be replicated to the destination bucket, once and whatever the "
                   "other filters say.",
                   &flags_.ids);
    flags->Bool("ignore-marked-for-deletion", "Do not replicate blocks that have deletion mark.",
                false, &flags_.ignore_marked);
  }
  Result<std::unique_ptr<Role>> MakeRole(const Process& process) override {
    THANOS_ASSIGN_OR_RETURN(auto filter, MakeFilter(flags_));
    THANOS_ASSIGN_OR_RETURN(auto from, OpenBucket(flags_.from, "bucket", process));
    THANOS_ASSIGN_OR_RETURN(auto to, OpenBucket(flags_.to, "bucket", process));
    return std::unique_ptr<Role>(std::make_unique<ReplicateRole>(flags_, process, std::move(from),
                                                                 std::move(to), std::move(filter)));
  }

 private:
  ReplicateFlags flags_;
};

}  // namespace

std::unique_ptr<Command> MakeBucketReplicateCommand() {
  return std::make_unique<BucketReplicateCommand>();
}

}  // namespace thanos::cmd
