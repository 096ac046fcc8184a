#include "sidecar/prometheus_watch.h"

#include <algorithm>
#include <filesystem>

#include "base/time_text.h"

namespace thanos::sidecar {
namespace {

// A Prometheus that is not there, or not there any more, is looked for in steps that grow to this.
constexpr std::chrono::milliseconds kFirstStep{200}, kStepMax{1500};

std::string Get(const std::map<std::string, std::string>& flags, const std::string& name) {
  const auto it = flags.find(name);
  return it == flags.end() ? "" : it->second;
}

std::string CleanPath(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().native();
}

}  // namespace

Status CheckPrometheusFlags(const std::map<std::string, std::string>& flags,
                            const WatchOptions& options, std::vector<std::string>* warnings) {
  const std::string delay_path = Get(flags, "storage.tsdb.delay-compact-file.path");
  if (!delay_path.empty() && CleanPath(delay_path) != CleanPath(options.state_file)) {
    return FailedPreconditionError(
        "Prometheus runs with storage.tsdb.delay-compact-file.path=" + delay_path +
        ", but the sidecar's state file is " + options.state_file);
  }
  const std::string min_block = Get(flags, "storage.tsdb.min-block-duration");
  const std::string max_block = Get(flags, "storage.tsdb.max-block-duration");
  if (min_block != max_block && delay_path.empty()) {
    const std::string text = "found that TSDB Max time is " + max_block + " and Min time is " +
                             min_block +
                             ". Compaction needs to be disabled (storage.tsdb.min-block-duration = "
                             "storage.tsdb.max-block-duration)";
    if (!options.ignore_unequal_block_size) return FailedPreconditionError(text);
    warnings->push_back(text + "; blocks may be compacted before they are shipped");
  }
  if (const auto ns = base::ParsePromDuration(min_block);
      ns.ok() && *ns != int64_t{7200} * 1000000000) {
    warnings->push_back("found storage.tsdb.min-block-duration of " + min_block +
                        ", 2h is recommended");
  }
  return OkStatus();
}

PrometheusWatch::PrometheusWatch(std::shared_ptr<promclient::PrometheusClient> client,
                                 std::shared_ptr<promclient::PrometheusSource> source,
                                 WatchOptions options, WatchCallbacks callbacks,
                                 base::Logger logger, metrics::Registry* registry)
    : client_(std::move(client)),
      source_(std::move(source)),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      logger_(std::move(logger)),
      up_(registry->AddGauge(
          "thanos_sidecar_prometheus_up",
          "Boolean indicator whether the sidecar can reach its Prometheus peer.")) {
  thread_ = std::thread([this] { Run(); });
}

void PrometheusWatch::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  context_.Cancel();
  if (thread_.joinable()) thread_.join();
}

bool PrometheusWatch::Sleep(std::chrono::nanoseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return stopping_; });
}

Status PrometheusWatch::Validate(const CallContext& context) const {
  auto flags = client_->Flags(context);
  if (!flags.ok()) {
    if (flags.status().code() != StatusCode::kNotFound) return flags.status();
    logger_.Warn("Prometheus does not tell its flags; they cannot be checked");
    return OkStatus();
  }
  std::vector<std::string> warnings;
  THANOS_RETURN_IF_ERROR(CheckPrometheusFlags(*flags, options_, &warnings));
  for (const std::string& warning : warnings) logger_.Warn(warning);
  return OkStatus();
}

Status PrometheusWatch::Look(const CallContext& context) {
  if (version_.empty()) {
    THANOS_ASSIGN_OR_RETURN(std::string version, client_->Version(context));
    if (version.empty()) version.assign(1, '0');  // Asked once.
    version_ = std::move(version);
  }
  promclient::PrometheusState state;
  THANOS_ASSIGN_OR_RETURN(const int64_t lowest, client_->LowestTimestamp(context));
  state.min_ms = std::max(lowest, options_.min_time.ResolveMs(base::NowMs()));
  THANOS_ASSIGN_OR_RETURN(state.external, client_->ExternalLabels(context));
  state.labels_take_matchers = promclient::LabelCallsTakeMatchers(version_);
  source_->Update(std::move(state));
  if (Status status = source_->CheckLabels(context); !status.ok()) {
    logger_.Debug("looking for labels that external ones replace failed", {{"err", status}});
  }
  return OkStatus();
}

void PrometheusWatch::Run() {
  bool validated = !options_.validate, ready = false, up = false;
  std::chrono::nanoseconds step = kFirstStep;
  for (;;) {
    const CallContext look = context_.WithTimeout(options_.timeout);
    Status status;
    if (!validated) status = Validate(look);
    if (status.ok()) {
      validated = true;
      status = Look(look);
    }
    if (status.ok() && !ready && source_->state().external.empty()) {
      callbacks_.on_fatal(FailedPreconditionError(
          "no external labels configured on Prometheus server, uniquely identifying external "
          "labels must be configured; see "
          "https://thanos.io/tip/thanos/storage.md#external-labels for details."));
      return;
    }
    up_.Set(status.ok() ? 1 : 0);
    if (status.ok()) {
      step = kFirstStep;
      if (!ready) callbacks_.on_first_ready();
      ready = true;
    } else if (up || step == kFirstStep) {
      logger_.Warn("looking at Prometheus failed", {{"url", client_->url()}, {"err", status}});
    }
    if (ready) callbacks_.on_up(status.ok());
    up = status.ok();
    if (!Sleep(up ? options_.interval : std::min(step, options_.interval))) return;
    if (!up) step = std::min<std::chrono::nanoseconds>(step * 2, kStepMax);
  }
}

}  // namespace thanos::sidecar
