// Watches the configuration and the rules of Prometheus, expands variables, and makes Prometheus
// read them again. components/sidecar §4.5.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "metrics/registry.h"
#include "promclient/client.h"
#include "sidecar/file_watch.h"

namespace thanos::sidecar {

struct ReloaderOptions {
  std::string config_file;  // "" for none.
  /// Where the configuration goes, unpacked and with its variables replaced; "" leaves it.
  std::string output_file;
  std::vector<std::string> rule_dirs;  // With all that is below them.
  /// Everything is looked at this often, whatever the file system tells. 0 switches all of it off.
  std::chrono::nanoseconds watch_interval = std::chrono::minutes(3);
  std::chrono::nanoseconds retry_interval = std::chrono::seconds(5);
  /// SIGHUP to the first process of this executable, instead of POST /-/reload; "" is HTTP.
  std::string signal_process;
};

/// Owns one thread. What is there at the start is applied first; when that cannot be (a variable
/// that is not set, a file that is not there) `on_fatal` is called. Later mistakes are logged and
/// counted, and Prometheus keeps what it has.
class Reloader {
 public:
  Reloader(ReloaderOptions options, std::shared_ptr<promclient::PrometheusClient> client,
           std::function<void(Status)> on_fatal, base::Logger logger, metrics::Registry* registry);
  ~Reloader() { Stop(); }
  void Stop();

 private:
  void Run();
  /// Puts the configuration in its place; asks for a reload when anything changed.
  Status Apply();
  Status ExpandConfig(const std::string& text);
  Result<std::string> DigestOfRules() const;
  Status TriggerUntil(SteadyTime deadline);
  Status Trigger();
  Status SignalAndWatch();

  const ReloaderOptions options_;
  const std::shared_ptr<promclient::PrometheusClient> client_;
  const std::function<void(Status)> on_fatal_;
  const base::Logger logger_;
  metrics::Counter reloads_, reload_failures_, applied_, apply_failures_, events_, watch_errors_;
  metrics::Gauge last_successful_, last_success_time_, unset_variables_, watches_;
  CallContext context_;
  std::string applied_digest_;  // Of the thread; what Prometheus has read.
  bool forced_ = false;         // Of the thread: the last reload did not come about.
  std::unique_ptr<FileWatch> watch_;
  std::thread thread_;
};

}  // namespace thanos::sidecar
