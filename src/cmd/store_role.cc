// thanos store: serves the blocks of a bucket.
#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>

#include "api/blocks_api.h"
#include "base/await.h"
#include "base/executor.h"
#include "base/time_text.h"
#include "bucketblocks/fetcher.h"
#include "bucketstore/block_set.h"
#include "bucketstore/bucket_store.h"
#include "bucketstore/gateway.h"
#include "bucketstore/index_cache.h"
#include "cache/cache_config.h"
#include "cmd/bucket_flags.h"
#include "cmd/servers.h"
#include "fanout/store_server.h"
#include "objstore/caching_bucket.h"
#include "ui/ui.h"

namespace thanos::cmd {
namespace {

struct StoreFlags {
  HttpFlags http;
  GrpcFlags grpc;
  BucketFlags bucket;
  MetaFetchFlags meta_fetch;
  TimeRangeFlags time_range;
  std::string data_dir, header_download;
  std::string caching_bucket_config, index_cache_config, selector_config, web_label;
  WebFlags web;
  bool cache_header = true, lazy_reader = false, web_disabled = false;
  uint64_t chunk_pool_bytes = 0, series_max = 0, samples_max = 0, downloaded_bytes_max = 0;
  uint64_t old_series_max = 0, old_samples_max = 0;
  uint64_t index_cache_bytes = 0, memory_budget = 0, estimated_series_bytes = 0,
           estimated_chunk_bytes = 0;
  int64_t sync_interval_ns = 0, sync_concurrency = 0;
  int64_t concurrency_max = 0, batch_series = 0, sampling = 0;
  int64_t header_idle_ns = 0, consistency_delay_ns = 0, ignore_marks_ns = 0;
};

void AddStoreFlags(config::FlagSet* flags, StoreFlags* f) {
  flags->String("data-dir", "Local data directory used for caching purposes (index-header, meta).",
                "./data", &f->data_dir);
  flags->Bool("cache-index-header", "Cache TSDB index-headers on disk.", true, &f->cache_header);
  AddBucketFlags(flags, &f->bucket);
  flags->GoDuration("sync-block-duration", "Repeat interval for syncing the blocks.", "15m",
                    &f->sync_interval_ns);
  flags->Int("block-sync-concurrency",
             "Number of goroutines to use when constructing "
             "index-headers from object storage.",
             20, &f->sync_concurrency);
  f->meta_fetch.Add(flags);
  f->time_range.Add(flags, "serve");
  flags->PromDuration("consistency-delay", "Minimum age of all blocks before they are being read.",
                      "0s", &f->consistency_delay_ns);
  flags->PromDuration("ignore-deletion-marks-delay",
                      "Duration after which the blocks marked for deletion will be filtered out "
                      "while fetching blocks.",
                      "24h", &f->ignore_marks_ns);
  flags->Enum("store.index-header-lazy-download-strategy",
              "Whether index-headers are made when a block is found or when it is first asked.",
              {"eager", "lazy"}, "eager", &f->header_download);
  AddSelectorFlag(flags, &f->selector_config);
  flags->Bytes("index-cache-size",
               "Size of the in-memory index cache, where --index-cache.config names no other.",
               "250MB", &f->index_cache_bytes);
  flags->PathOrContent("index-cache.config",
                       "The index cache in YAML: type IN-MEMORY, MEMCACHED or REDIS.", false, true,
                       &f->index_cache_config);
  flags->PathOrContent("store.caching-bucket.config",
                       "What of the bucket is kept, in YAML: type IN-MEMORY, MEMCACHED or REDIS.",
                       false, true, &f->caching_bucket_config);
  flags->Bool("store.enable-index-header-lazy-reader",
              "Index-headers are opened at first use and let go when they are idle.", false,
              &f->lazy_reader);
  flags
      ->GoDuration("store.index-header-lazy-reader-idle-timeout",
                   "How long an index-header stays open unused, with the lazy reader.", "5m",
                   &f->header_idle_ns)
      .Hidden();
  flags
      ->Int("store.index-header-posting-offsets-in-mem-sampling",
            "One in so many posting offsets is kept in memory.", 32, &f->sampling)
      .Hidden();
  flags
      ->Int("debug.series-batch-size", "Series of a block fetched at once.", 10000,
            &f->batch_series)
      .Hidden();
  flags
      ->Uint("debug.estimated-max-series-size", "Read for a series entry of unknown length.", 65536,
             &f->estimated_series_bytes)
      .Hidden();
  flags
      ->Uint("debug.estimated-max-chunk-size", "Read for a chunk of unknown length.", 16000,
             &f->estimated_chunk_bytes)
      .Hidden();
}

void AddLimitFlags(config::FlagSet* flags, StoreFlags* f) {
  flags->Int("store.grpc.series-max-concurrency",
             "Maximum number of Series calls that read at the same time; a call whose client is "
             "slow does not count.",
             20, &f->concurrency_max);
  flags->Uint("store.limits.request-series",
              "The maximum series allowed for a single Series request. 0 is no limit.", 0,
              &f->series_max);
  flags->Uint("store.limits.request-samples",
              "The maximum samples allowed for a single Series request, counted as 120 a chunk. 0 "
              "is no limit.",
              0, &f->samples_max);
  flags->Uint("store.grpc.touched-series-limit",
              "Deprecated, use store.limits.request-series; of two limits the lower holds.", 0,
              &f->old_series_max);
  flags->Uint("store.grpc.series-sample-limit",
              "Deprecated, use store.limits.request-samples; of two limits the lower holds.", 0,
              &f->old_samples_max);
  flags->Bytes("store.grpc.downloaded-bytes-limit",
               "Maximum amount of downloaded bytes in a single call. 0 is no limit.", "0",
               &f->downloaded_bytes_max);
  flags->MemoryBudget(
      "store.memory-budget",
      "Memory that all calls together may hold; over it a call fails and the process lives.",
      &f->memory_budget);
}

void AddStoreOtherFlags(config::FlagSet* flags, StoreFlags* f) {
  flags->String("bucket-web-label",
                "External block label to use as group title in the bucket web UI.", "",
                &f->web_label);
  flags->Bool("web.disable", "Disable the web API.", false, &f->web_disabled);
  AddWebFlags(flags, &f->web);
  using config::ValueKind;
  flags->WithoutEffect("chunk-pool-size", ValueKind::kBytes,
                       "Memory of chunks is charged to --store.memory-budget.", "2GB");
  flags->WithoutEffect("store.enable-lazy-expanded-postings", true,
                       "What to fetch is always chosen by cost.");
  flags->WithoutEffect("store.posting-group-max-key-series-ratio", ValueKind::kFloat,
                       "What to fetch is always chosen by cost.", "100");
  flags->WithoutEffect("matcher-cache-size", ValueKind::kInt,
                       "Matchers are compiled once a request.", "0");
  for (const char* name : {"objstore-parquet.config", "objstore-parquet.config-file"}) {
    flags->NotBuilt(name, false);
  }
  flags->WithoutEffect("disable-admin-operations", true,
                       "This version has no operations that change the bucket.");
}

// 0 is no limit.
uint64_t LowerLimit(uint64_t a, uint64_t b) { return a == 0 || b == 0 ? a + b : std::min(a, b); }

class StoreRole : public Role {
 public:
  StoreRole(const StoreFlags& flags, const Process& process, std::unique_ptr<Bucket> bucket,
            std::unique_ptr<block::IndexCache> index_cache, relabel::Rules selector)
      : flags_(flags),
        process_(process),
        bucket_(std::move(bucket)),
        index_cache_(std::move(index_cache)),
        servers_(process, "store", flags.http, flags.grpc),
        fetch_io_("meta", flags.meta_fetch.threads()),
        sync_io_("sync", static_cast<size_t>(std::max<int64_t>(flags.sync_concurrency, 1))),
        read_io_("read", 32) {
    const std::string directory = flags.cache_header ? flags.data_dir : "";
    bucketblocks::FetchOptions fetch{
        .cache_dir = directory,
        .consistency_delay_ms = flags.consistency_delay_ns / 1000000,
        .ignore_deletion_marks_delay_ms = flags.ignore_marks_ns / 1000000,
        .selector = std::move(selector)};
    flags.time_range.Limit(&fetch);
    fetcher_ = std::make_unique<bucketblocks::MetaFetcher>(
        bucket_.get(), std::move(fetch), &fetch_io_, process.logger, process.registry);
    blocks_ = std::make_unique<bucketstore::BlockSet>(
        bucket_.get(),
        bucketstore::BlockSetOptions{
            .data_dir = directory,
            .postings_sampling = static_cast<uint32_t>(std::max<int64_t>(flags.sampling, 1)),
            .lazy_reader = flags.lazy_reader,
            .idle_ms = std::max<int64_t>(flags.header_idle_ns / 1000000, 1)},
        process.logger, process.registry);
    MakeSource();
    if (!flags.web_disabled) {
      routes_ = std::make_unique<api::ApiRoutes>(&servers_.http(), flags.web.ServedAt(),
                                                 !flags.web.cors_disabled);
      api::AddStatusApi(routes_.get(), process.flag_values);
      api::AddBlocksApi(routes_.get(), flags.web_label, [this] { return ShowBlocks(); });
      ui::UiOptions ui{.prefix = PrefixOf(flags.web), .home = "/loaded", .logger = process.logger};
      ui.config.component = "store";
      ui::AddUi(&servers_.http(), std::move(ui));
    }
  }

  Status Start() override {
    THANOS_RETURN_IF_ERROR(servers_.StartHttp());
    starter_ = std::thread([this] { FinishStart(); });
    return OkStatus();
  }

  void Stop() override {
    context_.Cancel();
    if (starter_.joinable()) starter_.join();
    sync_loop_.reset();
    unload_loop_.reset();
    servers_.Stop();
  }

 private:
  void MakeSource() {
    bucketstore::BucketStoreOptions options;
    options.min_ms = [this] { return flags_.time_range.MinMs(); };
    options.max_ms = [this] { return flags_.time_range.MaxMs(); };
    options.index_cache = index_cache_.get();
    options.refresh = [this](const CallContext& context) { return SyncAfterLoss(context); };
    options.limits = {LowerLimit(flags_.series_max, flags_.old_series_max),
                      LowerLimit(flags_.samples_max, flags_.old_samples_max),
                      flags_.downloaded_bytes_max};
    options.series_bytes = flags_.estimated_series_bytes;
    options.chunk_bytes = flags_.estimated_chunk_bytes;
    options.series_batch_max = static_cast<uint32_t>(std::max<int64_t>(flags_.batch_series, 1));
    const auto budget = servers_.budgets().Show(
        Budget::Make("all calls of the store", flags_.memory_budget, "store.memory-budget"));
    options.room = [budget] {
      const size_t limit = budget->limit_bytes();
      return limit == 0 ? SIZE_MAX : limit - std::min(limit, budget->used_bytes());
    };
    store_ = std::make_unique<bucketstore::BucketStore>(blocks_.get(), std::move(options),
                                                        &read_io_, process_.registry);
    gateway_ = std::make_shared<bucketstore::Gateway>(
        store_.get(), static_cast<size_t>(std::max<int64_t>(flags_.concurrency_max, 0)), budget,
        process_.registry);
  }

  // The first sync may fail for half a minute: an object storage that comes up late is waited for.
  void FinishStart() {
    constexpr std::chrono::seconds kPatience{30};
    const auto until = std::chrono::steady_clock::now() + kPatience;
    Status status = SyncOnce();
    while (!status.ok()) {
      if (!context_.Check().ok()) return;
      process_.logger.Warn("initial sync failed", {{"err", status}});
      if (std::chrono::steady_clock::now() > until) {
        process_.end(status.WithContext("bucket store initial sync"));
        return;
      }
      if (!base::SleepFor(context_, std::chrono::seconds(2)).ok()) return;
      status = SyncOnce();
    }
    // Few blocks are looked at before the first query; many would keep users waiting.
    constexpr size_t kFewBlocks = 64;
    const bool few = blocks_->Serving()->size() <= kFewBlocks;
    if (few) BuildHeaders();
    rpc::Services services;
    services.store = fanout::MakeStoreService(gateway_, {}, process_.registry);
    services.info = fanout::MakeInfoService(gateway_, {.component = "store"},
                                            [this] { return servers_.prober().ready(); });
    if (Status started = servers_.StartGrpc(std::move(services)); !started.ok()) {
      process_.end(started);
      return;
    }
    sync_loop_ = std::make_unique<base::PeriodicTask>(
        "block-sync", std::chrono::nanoseconds(flags_.sync_interval_ns),
        [this] {
          if (Status synced = SyncOnce(); !synced.ok()) {
            process_.logger.Warn("syncing blocks failed", {{"err", synced}});
          }
          BuildHeaders();
        },
        /*run_at_once=*/false);
    StartUnloading();
    if (!few) BuildHeaders();
  }

  void StartUnloading() {
    if (!flags_.lazy_reader) return;
    const int64_t idle_ns = std::max<int64_t>(flags_.header_idle_ns, 1000000);
    unload_loop_ = std::make_unique<base::PeriodicTask>(
        "header-unload", std::chrono::nanoseconds(std::max<int64_t>(idle_ns / 10, 100'000'000)),
        [this] { blocks_->UnloadIdle(); }, /*run_at_once=*/false);
  }

  // A query found an object gone. One sync serves all that find the same within some seconds: an
  // object that stays away must not make every query list the bucket.
  Status SyncAfterLoss(const CallContext& context) {
    constexpr auto kRest = std::chrono::seconds(5);
    std::lock_guard lock(loss_mutex_);
    THANOS_RETURN_IF_ERROR(context.Check());
    const auto now = std::chrono::steady_clock::now();
    if (last_loss_ && now - *last_loss_ < kRest) return OkStatus();
    const Status status = SyncOnce();
    last_loss_ = std::chrono::steady_clock::now();
    return status;
  }

  Status SyncOnce() {
    const Status status = Sync();
    std::lock_guard lock(sync_mutex_);
    if (status.ok()) synced_ms_ = base::NowMs();
    sync_error_ = status.ok() ? "" : status.ToString();
    return status;
  }
  Status Sync() {
    auto fetched = fetcher_->Fetch(context_);
    if (!fetched.ok()) return fetched.status();
    blocks_->KnowIndexBytes(std::move(fetched->index_bytes));
    blocks_->Sync(fetched->metas, fetched->incomplete.ok());
    return fetched->incomplete;
  }

  // Nobody waits for it: a query builds what it needs before its turn.
  void BuildHeaders() {
    if (flags_.header_download == "eager") blocks_->OpenAll(context_, sync_io_);
  }

  api::BlocksView ShowBlocks() const {
    api::BlocksView view;
    for (const bucketstore::BlockStatus& block : blocks_->Snapshot()) {
      const bool aside = block.state == bucketstore::BlockState::kQuarantined;
      if (!aside) view.metas.push_back(block::WriteMeta(*block.meta));
      if (!aside && block.state != bucketstore::BlockState::kDamaged) continue;
      view.troubled.push_back(
          {block.meta->ulid.ToString(), aside ? "quarantined" : "damaged", block.reason});
    }
    std::lock_guard lock(sync_mutex_);
    view.refreshed_ms = synced_ms_;
    view.error = sync_error_;
    return view;
  }

  const StoreFlags& flags_;
  const Process& process_;
  std::unique_ptr<Bucket> bucket_;
  std::unique_ptr<block::IndexCache> index_cache_;
  Servers servers_;
  base::Executor fetch_io_, sync_io_, read_io_;
  std::mutex loss_mutex_;
  std::optional<std::chrono::steady_clock::time_point> last_loss_;  // Guarded by loss_mutex_.
  mutable std::mutex sync_mutex_;
  int64_t synced_ms_ = 0;   // Guarded by sync_mutex_.
  std::string sync_error_;  // Guarded by sync_mutex_.
  CallContext context_;     // Of syncs; cancelled by Stop.
  std::unique_ptr<bucketblocks::MetaFetcher> fetcher_;
  std::unique_ptr<bucketstore::BlockSet> blocks_;
  std::unique_ptr<bucketstore::BucketStore> store_;
  std::shared_ptr<bucketstore::Gateway> gateway_;
  std::unique_ptr<api::ApiRoutes> routes_;
  std::unique_ptr<base::PeriodicTask> sync_loop_, unload_loop_;
  std::thread starter_;
};

class StoreCommand : public Command {
 public:
  std::string name() const override { return "store"; }
  std::string summary() const override {
    return "Store node giving access to blocks in a bucket provider. Now supported: FILESYSTEM, "
           "S3.";
  }
  void AddFlags(config::FlagSet* flags) override {
    AddHttpFlags(flags, &flags_.http);
    AddGrpcFlags(flags, &flags_.grpc);
    AddStoreFlags(flags, &flags_);
    AddLimitFlags(flags, &flags_);
    AddStoreOtherFlags(flags, &flags_);
  }
  Result<std::unique_ptr<Role>> MakeRole(const Process& process) override {
    THANOS_RETURN_IF_ERROR(flags_.time_range.Check());
    if (flags_.concurrency_max < 0) {
      return InvalidArgumentError("max concurrency value cannot be lower than 0 (got " +
                                  std::to_string(flags_.concurrency_max) + ")");
    }
    auto bucket = OpenBucket(flags_.bucket, "store", process);
    if (!bucket.ok()) return bucket.status();
    if (!flags_.caching_bucket_config.empty()) {
      bucket = objstore::WithConfiguredCache(std::move(*bucket), flags_.caching_bucket_config,
                                             process.registry);
      if (!bucket.ok()) return bucket.status().WithContext("create caching bucket");
    }
    THANOS_ASSIGN_OR_RETURN(auto selector, ParseSelector(flags_.selector_config));
    auto index_cache = bucketstore::MakeIndexCache(flags_.index_cache_config,
                                                   flags_.index_cache_bytes, process.registry);
    if (!index_cache.ok()) return index_cache.status().WithContext("create index cache");
    TellWhatHasNoEffect(process.logger);
    return std::unique_ptr<Role>(std::make_unique<StoreRole>(
        flags_, process, std::move(*bucket), std::move(*index_cache), std::move(selector)));
  }

 private:
  void TellWhatHasNoEffect(const base::Logger& logger) const {
    for (const auto& [flag, yaml] :
         {std::pair("index-cache.config", &flags_.index_cache_config),
          {"store.caching-bucket.config", &flags_.caching_bucket_config}}) {
      for (const std::string& key : cache::KeysWithoutEffect(*yaml)) {
        logger.Warn("setting has no effect", {{"config", flag}, {"key", key}});
      }
    }
  }

  StoreFlags flags_;
};

}  // namespace

std::unique_ptr<Command> MakeStoreCommand() { return std::make_unique<StoreCommand>(); }

}  // namespace thanos::cmd
