// thanos tools bucket downsample: what a compactor does after compacting, on its own.
#include <algorithm>
#include <memory>
#include <thread>

#include "base/executor.h"
#include "bucketblocks/fetcher.h"
#include "cmd/servers.h"
#include "cmd/tool_command.h"
#include "compaction/downsampler.h"
#include "compaction/metrics.h"

namespace thanos::cmd {
namespace {

struct DownsampleFlags {
  HttpFlags http;
  BucketFlags bucket;
  std::string data_dir, hash_function;
  int64_t wait_interval_ns = 0, concurrency = 0, file_concurrency = 0;
  uint64_t memory_budget = 0;
};

size_t AtLeastOne(int64_t count) { return static_cast<size_t>(std::max<int64_t>(count, 1)); }

class DownsampleRole : public LoopRole {
 public:
  DownsampleRole(const DownsampleFlags& flags, const Process& process,
                 std::unique_ptr<Bucket> bucket)
      : LoopRole(process, "downsample", flags.http,
                 std::chrono::nanoseconds(flags.wait_interval_ns)),
        bucket_(std::move(bucket)),
        limited_(context_.WithBudget(servers_.budgets().Show(
            Budget::Make("downsampling series", flags.memory_budget, "downsample.memory-budget")))),
        io_("meta", kMetaThreads),
        files_(base::MakeHelpers("files", AtLeastOne(flags.file_concurrency))),
        metrics_(process.registry),
        fetcher_(bucket_.get(), {.for_writing = true}, &io_, process.logger, process.registry),
        // A directory of its own: it is removed when it is not needed any more.
        downsampler_({.work_dir = flags.data_dir + "/downsample",
                      .concurrency = AtLeastOne(flags.concurrency),
                      .hash_files = flags.hash_function == "SHA256",
                      .files = files_.get()},
                     bucket_.get(), &metrics_, process.logger) {}

 private:
  void Turn() override {
    if (const Status status = RunOnce(); !status.ok()) process_.end(status);
  }

  // Twice: what the first pass made to 5 minutes may be due to become 1 hour.
  Status RunOnce() {
    for (const char* pass : {"first", "second"}) {
      THANOS_RETURN_IF_ERROR(context_.Check());
      process_.logger.Info("start pass of downsampling", {{"pass", pass}});
      auto view = fetcher_.Fetch(limited_);
      if (view.ok() && !view->incomplete.ok()) view = view->incomplete;
      if (!view.ok()) {
        return view.status().WithContext(std::string("sync before ") + pass + " pass");
      }
      bool retriable = true;
      const Status status = downsampler_.RunPass(limited_, *view, &retriable);
      if (!status.ok()) return status.WithContext("downsampling failed");
    }
    downsampler_.Clean();
    return OkStatus();
  }

  std::unique_ptr<Bucket> bucket_;
  const CallContext limited_;  // By the memory that series may take.
  base::Executor io_;
  const std::unique_ptr<base::Executor> files_;
  const compaction::CompactionMetrics metrics_;
  bucketblocks::MetaFetcher fetcher_;
  compaction::BlockDownsampler downsampler_;
};

class BucketDownsampleCommand : public Command {
 public:
  std::string name() const override { return "tools bucket downsample"; }
  std::string summary() const override {
    return "Continuously downsamples blocks in an object store bucket.";
  }
  void AddFlags(config::FlagSet* flags) override {
    AddHttpFlags(flags, &flags_.http);
    AddBucketFlags(flags, &flags_.bucket);
    flags->GoDuration("wait-interval", "Wait interval between downsample runs.", "5m",
                      &flags_.wait_interval_ns);
    flags->Int("downsample.concurrency", "Number of blocks that are downsampled at the same time.",
               1, &flags_.concurrency);
    flags->Int("block-files-concurrency",
               "Number of files of a block that are fetched or uploaded at the same time.", 1,
               &flags_.file_concurrency);
    flags->MemoryBudget("downsample.memory-budget",
                        "Memory that the series being downsampled may take; over it a block fails.",
                        &flags_.memory_budget);
    flags->String("data-dir", "Data directory in which to cache blocks and process downsamplings.",
                  "./data", &flags_.data_dir);
    flags->Enum("hash-func", "Which hash of each file goes into meta.json; empty is none.",
                {"SHA256", ""}, "", &flags_.hash_function);
  }
  Result<std::unique_ptr<Role>> MakeRole(const Process& process) override {
    THANOS_ASSIGN_OR_RETURN(auto bucket, OpenBucket(flags_.bucket, "bucket", process));
    return std::unique_ptr<Role>(
        std::make_unique<DownsampleRole>(flags_, process, std::move(bucket)));
  }

 private:
  DownsampleFlags flags_;
};

}  // namespace

std::unique_ptr<Command> MakeBucketDownsampleCommand() {
  return std::make_unique<BucketDownsampleCommand>();
}

}  // namespace thanos::cmd
