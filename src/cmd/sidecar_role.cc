// thanos sidecar: serves and ships the data of the Prometheus beside it.
#include <mutex>
#include <thread>

#include "base/executor.h"
#include "base/time_text.h"
#include "bucketblocks/shipper.h"
#include "cmd/bucket_flags.h"
#include "cmd/servers.h"
#include "fanout/limited_source.h"
#include "fanout/store_server.h"
#include "net/http_client.h"
#include "net/http_client_config.h"
#include "promclient/client.h"
#include "promclient/prometheus_source.h"
#include "sidecar/federation.h"
#include "sidecar/prometheus_watch.h"
#include "sidecar/reloader.h"
#include "thanos/version.h"

namespace thanos::cmd {
namespace {

constexpr std::chrono::seconds kShipInterval{30};

struct SidecarFlags {
  HttpFlags http;
  GrpcFlags grpc;
  BucketFlags bucket;
  std::string url, tsdb_path, state_file, hash_function;
  int64_t ready_timeout_ns = 0, interval_ns = 0, timeout_ns = 0;
  uint64_t series_max = 0, samples_max = 0, memory_budget = 0;
  bool upload_compacted = false, ignore_unequal = false, allow_out_of_order = false;
  bool skip_corrupted = false;
  config::TimeOrDuration min_time;
  std::string http_client, http_client_source, reload_method, process_name;
  sidecar::ReloaderOptions reloader;
  int64_t watch_interval_ns = 0, retry_interval_ns = 0;
};

void AddPrometheusFlags(config::FlagSet* flags, SidecarFlags* f) {
  flags->String("prometheus.url", "URL at which to reach Prometheus's API.",
                "http://localhost:9090", &f->url);
  flags->GoDuration("prometheus.ready_timeout",
                    "Maximum time to wait for the Prometheus instance to start up.", "10m",
                    &f->ready_timeout_ns);
  flags->GoDuration("prometheus.get_config_interval", "How often to get Prometheus config.", "30s",
                    &f->interval_ns);
  flags->GoDuration("prometheus.get_config_timeout", "Timeout for getting Prometheus config.",
                    "30s", &f->timeout_ns);
  flags->PathOrContent("prometheus.http-client",
                       "YAML of the HTTP client to Prometheus: credentials, TLS, connections.",
                       false, false, &f->http_client, &f->http_client_source);
  flags->Time("min-time",
              "Start of time range limit to serve: an RFC 3339 time or a duration relative to now.",
              "0000-01-01T00:00:00Z", &f->min_time);
  flags->Uint("store.limits.request-series",
              "The maximum series allowed for a single Series request. 0 is no limit.", 0,
              &f->series_max);
  flags->Uint("store.limits.request-samples",
              "The maximum samples allowed for a single Series request, counted as 120 a chunk. 0 "
              "is no limit.",
              0, &f->samples_max);
  flags->MemoryBudget(
      "store.memory-budget",
      "Memory that all calls together may hold; over it a call fails and the process lives.",
      &f->memory_budget);
}

void AddShipperFlags(config::FlagSet* flags, SidecarFlags* f) {
  flags->String("tsdb.path", "Data directory of TSDB.", "./data", &f->tsdb_path);
  // Without it nothing is shipped.
  AddBucketFlags(flags, &f->bucket, /*required=*/false);
  flags->Bool("shipper.upload-compacted",
              "If true shipper will try to upload compacted blocks as well.", false,
              &f->upload_compacted);
  flags
      ->Bool("shipper.ignore-unequal-block-size",
             "Does not require Prometheus min and max block size flags to be equal.", false,
             &f->ignore_unequal)
      .Hidden();
  flags
      ->Bool("shipper.allow-out-of-order-uploads",
             "Goes on with the next block when one failed to upload.", false,
             &f->allow_out_of_order)
      .Hidden();
  flags
      ->Bool("shipper.skip-corrupted-blocks",
             "Leaves out blocks that are broken; else the first one ends an attempt.", false,
             &f->skip_corrupted)
      .Hidden();
  flags->Enum("hash-func", "Which hash of each file goes into meta.json; empty is none.",
              {"SHA256", ""}, "", &f->hash_function);
  flags->String("shipper.meta-file-name", "Name of the shipper's state file.",
                "thanos.shipper.json", &f->state_file);
  flags->WithoutEffect("shipper.upload-concurrency", config::ValueKind::kInt,
                       "Segments of a block are uploaded one after the other.", "0");
}

void AddReloaderFlags(config::FlagSet* flags, SidecarFlags* f) {
  flags->String("reloader.config-file", "Config file watched by the reloader.", "",
                &f->reloader.config_file);
  flags->String("reloader.config-envsubst-file",
                "Output file for the config file, unpacked and with its variables replaced.", "",
                &f->reloader.output_file);
  flags->Strings("reloader.rule-dir",
                 "Rule directories for the reloader to refresh, with all that is below them.",
                 &f->reloader.rule_dirs);
  flags->GoDuration("reloader.watch-interval",
                    "Controls how often reloader re-reads config and rules. 0 switches it off.",
                    "3m", &f->watch_interval_ns);
  flags->GoDuration("reloader.retry-interval",
                    "Controls how often reloader retries config reload in case of error.", "5s",
                    &f->retry_interval_ns);
  flags->Enum("reloader.method", "Method used to reload the configuration.", {"http", "signal"},
              "http", &f->reload_method);
  flags->String("reloader.process-name",
                "Executable name used to match the process being reloaded when using the signal "
                "method.",
                "prometheus", &f->process_name);
}

class SidecarRole : public Role {
 public:
  SidecarRole(const SidecarFlags& flags, const Process& process,
              std::shared_ptr<net::HttpClient> http, std::unique_ptr<Bucket> bucket)
      : flags_(flags),
        process_(process),
        bucket_(std::move(bucket)),
        servers_(process, "sidecar", flags.http, flags.grpc) {
    promclient::ClientOptions options;
    options.url = flags.url;
    client_ = std::make_shared<promclient::PrometheusClient>(std::move(options), std::move(http));
    source_ = promclient::PrometheusSource::Make(client_);
    if (bucket_) {
      shipper_ = std::make_unique<bucketblocks::Shipper>(
          bucketblocks::ShipperOptions{
              .directory = flags.tsdb_path,
              .state_file = flags.state_file,
              .external_labels = [this] { return source_->state().external; },
              .upload_compacted = flags.upload_compacted,
              .allow_out_of_order = flags.allow_out_of_order,
              .skip_corrupted = flags.skip_corrupted,
              .hash_files = flags.hash_function == "SHA256"},
          bucket_.get(), process.logger, process.registry);
    }
  }

  Status Start() override {
    THANOS_RETURN_IF_ERROR(servers_.StartHttp());
    sidecar::WatchOptions options;
    options.interval = std::chrono::nanoseconds(flags_.interval_ns);
    options.timeout = std::chrono::nanoseconds(flags_.timeout_ns);
    options.min_time = flags_.min_time;
    options.validate = bucket_ != nullptr;
    options.ignore_unequal_block_size = flags_.ignore_unequal;
    options.state_file = flags_.tsdb_path + "/" + flags_.state_file;
    watch_ = std::make_unique<sidecar::PrometheusWatch>(
        client_, source_, std::move(options),
        sidecar::WatchCallbacks{.on_first_ready = [this] { BecomeReady(); },
                                .on_up = [this](bool up) { servers_.SetReady(up); },
                                .on_fatal = [this](Status status) { process_.end(status); }},
        process_.logger, process_.registry);
    StartReloader();
    if (shipper_) {
      const auto patience = std::chrono::nanoseconds(flags_.ready_timeout_ns);
      give_up_ = std::chrono::steady_clock::now() + patience;
      ship_loop_ = std::make_unique<base::PeriodicTask>(
          "shipper", std::chrono::seconds(2), [this] { CheckPatience(); }, false);
    }
    return OkStatus();
  }

  void Stop() override {
    context_.Cancel();
    reloader_.reset();
    watch_.reset();
    ship_loop_.reset();
    servers_.Stop();
  }

 private:
  // It does not wait for Prometheus, whose first configuration it may be that writes.
  void StartReloader() {
    sidecar::ReloaderOptions options = flags_.reloader;
    const bool nothing = options.config_file.empty() && options.rule_dirs.empty();
    if (nothing || flags_.watch_interval_ns <= 0) return;
    options.watch_interval = std::chrono::nanoseconds(flags_.watch_interval_ns);
    options.retry_interval = std::chrono::nanoseconds(flags_.retry_interval_ns);
    if (flags_.reload_method == "signal") options.signal_process = flags_.process_name;
    reloader_ = std::make_unique<sidecar::Reloader>(
        std::move(options), client_, [this](Status status) { process_.end(status); },
        process_.logger, process_.registry);
  }

  // On the watch's thread, once.
  void BecomeReady() {
    rpc::Services services;
    const auto budget = servers_.budgets().Show(
        Budget::Make("all calls of the sidecar", flags_.memory_budget, "store.memory-budget"));
    const fanout::SelectLimits limits{flags_.series_max, flags_.samples_max, ""};
    services.store =
        fanout::MakeStoreService(fanout::LimitSource(source_, limits, process_.registry),
                                 {.budget = budget}, process_.registry);
    services.info = fanout::MakeInfoService(source_,
                                            {.component = "sidecar",
                                             .rules = true,
                                             .targets = true,
                                             .metric_metadata = true,
                                             .exemplars = true,
                                             .query = false,
                                             .status = true},
                                            [this] { return servers_.prober().ready(); });
    sidecar::AddFederation(client_, source_, &services);
    if (Status status = servers_.StartGrpc(std::move(services)); !status.ok()) {
      process_.end(status);
      return;
    }
    std::lock_guard lock(mutex_);
    labels_known_ = true;
    if (ship_loop_) ship_loop_->Wake();
  }

  void CheckPatience() {
    bool known;
    {
      std::lock_guard lock(mutex_);
      known = labels_known_;
    }
    if (!known) {
      if (std::chrono::steady_clock::now() > give_up_) {
        process_.end(DeadlineExceededError(
            "waiting for external labels of Prometheus: --prometheus.ready_timeout passed"));
      }
      return;
    }
    const auto now = std::chrono::steady_clock::now();
    if (now < next_ship_) return;
    next_ship_ = now + kShipInterval;
    auto shipped = shipper_->Sync(context_);
    if (!shipped.ok()) {
      process_.logger.Warn("syncing of blocks failed", {{"err", shipped.status()}});
    }
  }

  const SidecarFlags& flags_;
  const Process& process_;
  std::unique_ptr<Bucket> bucket_;
  Servers servers_;
  std::shared_ptr<promclient::PrometheusClient> client_;
  std::shared_ptr<promclient::PrometheusSource> source_;
  std::unique_ptr<bucketblocks::Shipper> shipper_;
  CallContext context_;  // Of shipping; cancelled by Stop.
  std::mutex mutex_;
  bool labels_known_ = false;  // Guarded by mutex_.
  std::chrono::steady_clock::time_point give_up_;
  std::chrono::steady_clock::time_point next_ship_;  // Of the ship loop.
  std::unique_ptr<base::PeriodicTask> ship_loop_;
  std::unique_ptr<sidecar::PrometheusWatch> watch_;
  std::unique_ptr<sidecar::Reloader> reloader_;
};

class SidecarCommand : public Command {
 public:
  std::string name() const override { return "sidecar"; }
  std::string summary() const override { return "Sidecar for Prometheus server."; }
  void AddFlags(config::FlagSet* flags) override {
    AddHttpFlags(flags, &flags_.http);
    AddGrpcFlags(flags, &flags_.grpc);
    AddPrometheusFlags(flags, &flags_);
    AddShipperFlags(flags, &flags_);
    AddReloaderFlags(flags, &flags_);
  }
  Result<std::unique_ptr<Role>> MakeRole(const Process& process) override {
    if (!flags_.url.starts_with("http://") && !flags_.url.starts_with("https://")) {
      return InvalidArgumentError("--prometheus.url: " + flags_.url +
                                  " is not an http or https URL");
    }
    std::unique_ptr<Bucket> bucket;
    if (!flags_.bucket.config.empty()) {
      THANOS_ASSIGN_OR_RETURN(bucket, OpenBucket(flags_.bucket, "sidecar", process));
    } else {
      process.logger.Info("no supported bucket was configured, uploads will be disabled");
    }
    net::HttpClientOptions options;
    options.user_agent = "Thanos/" + std::string(kVersion);
    if (Status status = net::ReadHttpClientConfig(flags_.http_client, &options); !status.ok()) {
      return status.WithContext(flags_.http_client_source);
    }
    THANOS_ASSIGN_OR_RETURN(std::shared_ptr<net::HttpClient> http,
                            net::HttpClient::Make(std::move(options)));
    return std::unique_ptr<Role>(
        std::make_unique<SidecarRole>(flags_, process, std::move(http), std::move(bucket)));
  }

 private:
  SidecarFlags flags_;
};

}  // namespace

std::unique_ptr<Command> MakeSidecarCommand() { return std::make_unique<SidecarCommand>(); }

}  // namespace thanos::cmd
